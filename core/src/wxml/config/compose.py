"""From layers to one tree of values: the only file that knows Hydra.

Layers, lowest first: defaults of the schema < presets of installed packages < institution < user < experiment file <
command line. Each keeps where it wrote what. Hydra is used for its defaults lists, its override grammar and
interpolation; nothing is ever instantiated.
"""

__all__ = ["BUILT_IN", "ComposedConfig", "compose"]

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wxml.config.keys import field_at, is_section, schema_defaults
from wxml.config.layers import Layer, PresetLibrary, find_presets, site_layer, user_layer
from wxml.config.origins import DEFAULT, Mark, leaves, mark_values, nested, overlay, prune, without
from wxml.config.yaml_file import Choice, Document, read_document, read_marks
from wxml.errors import ConfigError, Fault, nearest
from wxml.plugins.options.choices import kind_of

BUILT_IN = "demo"
"""The preset experiment that is used when no experiment is given."""
EXPERIMENT_GROUP = "experiment"
COMMAND_LINE = "command line"
PRIMARY = "wxml-config"
IMPORT_KEY = "_target_"


@dataclass(frozen=True, slots=True)
class ComposedConfig:
    """The merged layers, not validated yet."""

    values: dict[str, Any]
    marks: Mark
    """Where each key was written."""
    library: PresetLibrary
    """The presets that could have been chosen."""

    @property
    def layers(self) -> dict[str, str]:
        """The origin of every leaf, by dotted path."""
        return dict(leaves(self.marks))

    def origin(self, path: str) -> str:
        """Where a key was written, or else the nearest section around it."""
        return self.marks.nearest(path).origin or DEFAULT

    def leaf_origin(self, path: str) -> str:
        """Which layer set a leaf of the validated config; `default` where only the schema did."""
        mark = self.marks.nearest(path)
        return DEFAULT if mark.children else mark.origin or DEFAULT

    def location(self, path: str) -> str:
        """Where the deepest part of a path was written, as a fault shows it; empty where no layer wrote any of it."""
        return self.marks.location(path)


@dataclass(slots=True)
class _CommandLine:
    """The overrides, sorted by what they do."""

    choices: dict[str, Choice] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    """Groups whose preset is not wanted."""
    deletions: dict[str, str] = field(default_factory=dict)
    """From Hydra's grammar to the dotted path."""
    values: list[str] = field(default_factory=list)
    """In Hydra's grammar; each may add a key, for the options of plugins are open."""
    marks: Mark = field(default_factory=lambda: Mark("", children={}))

    def add(self, override: Any, library: PresetLibrary) -> None:
        """Sort in one parsed override: a group is a folder of presets, or a section that is given a mere name."""
        key, value, text = override.key_or_group, override.value(), override.input_line
        names_preset = key in library.groups or "/" in key or (isinstance(value, str) and is_section(key))
        if override.is_delete() and names_preset:
            self.dropped.append(key)
        elif override.is_delete():
            self.deletions[text] = key
        elif names_preset and not isinstance(value, dict):
            names = value if isinstance(value, list) else [value]
            self.choices[key] = Choice(tuple(str(name) for name in names if name is not None), COMMAND_LINE)
        else:
            self.values.append(f"++{text.lstrip('+')}")
            self.marks = overlay(self.marks, nested(key, mark_values(value, COMMAND_LINE)))

    def drop_from(self, choices: Mapping[str, Choice]) -> dict[str, Choice]:
        """The presets without the groups that `~group` takes out.

        Raises:
            ConfigError: no preset of such a group is chosen.
        """
        absent = [group for group in self.dropped if group not in choices]
        if absent:
            faults = [Fault(f"~{group}", f"no preset of `{group}` is chosen", COMMAND_LINE) for group in absent]
            raise ConfigError(faults, fix="leave it out")
        return {group: choice for group, choice in choices.items() if group not in self.dropped}


def compose(experiment: Path | None, overrides: Sequence[str]) -> ComposedConfig:
    """Merge all layers.

    Args:
        experiment: the file; None for the built-in demo.
        overrides: such as `training.max_steps=10`, `model=transformer`, `~key`; the strongest layer. Deletions are
            done before values are set.

    Raises:
        ConfigError: a file cannot be read, a preset does not exist, or an override cannot be understood.
    """
    site, user = site_layer(), user_layer()
    folders = [layer.folder for layer in (user, site) if layer.folder]
    library = find_presets(folders)
    command_line = _parse_overrides(overrides, library)
    documents = [read_document(path) for path in _files(site, user, experiment)]
    choices = _choices(documents) | command_line.choices
    if experiment is None:
        choices.setdefault(EXPERIMENT_GROUP, Choice((BUILT_IN,), DEFAULT))
    _check_choices(choices, library)
    base = [_preset_experiment(library, name) for name in choices.pop(EXPERIMENT_GROUP, Choice((), "")).names]
    choices = command_line.drop_from(_choices(base) | choices)
    _check_choices(choices, library)
    return _merge([*base, *documents], choices, command_line, library)


def _files(site: Layer, user: Layer, experiment: Path | None) -> list[Path]:
    return [path for path in (site.values, user.values, experiment) if path is not None]


def _preset_experiment(library: PresetLibrary, name: str) -> Document:
    """A whole experiment to start from: the lowest of the documents.

    Raises:
        ConfigError: it starts from another one.
    """
    preset = library.named(EXPERIMENT_GROUP, name)[0]
    document = read_document(preset.path, preset.label)
    if EXPERIMENT_GROUP in document.choices:
        fault = Fault("defaults", "a preset experiment cannot start from another one", preset.label)
        raise ConfigError([fault], fix=f"take `experiment` out of its `defaults`: {preset.path}")
    return document


# Choosing presets


def _choices(documents: Sequence[Document]) -> dict[str, Choice]:
    """The presets that the layers ask for; the higher layer wins."""
    return {group: choice for document in documents for group, choice in document.choices.items()}


def _check_choices(choices: Mapping[str, Choice], library: PresetLibrary) -> None:
    faults = []
    for group, choice in choices.items():
        where = "" if choice.origin == DEFAULT else choice.origin
        if group not in library.groups and not is_section(group):
            faults.append(Fault(group, f"unknown group of presets {group!r}: {nearest(group, library.groups)}", where))
            continue
        faults += [fault for name in choice.names if (fault := _choice_fault(group, name, where, library))]
    if faults:
        raise ConfigError(faults, fix="a package brings its presets with it: see `wxml list-plugins`")


def _choice_fault(group: str, name: str, where: str, library: PresetLibrary) -> Fault | None:
    presets = library.named(group, name)
    if not presets:
        hint = nearest(name, library.groups.get(group, ()))
        if kind_of(field_at(group)):
            hint += f"; to choose a plugin write `{group}.plugin={name}`"
        return Fault(group, f"unknown preset {name!r} of `{group}`: {hint}", where)
    if len(presets) > 1:
        providers = ", ".join(preset.label.rpartition("(")[2].rstrip(")") for preset in presets)
        message = (
            f"preset {name!r} of `{group}` is provided by {providers}: copy the one you want to ~/.config/wxml/{group}/"
        )
        return Fault(group, message, where)
    return None


# The command line


def _parse_overrides(overrides: Sequence[str], library: PresetLibrary) -> _CommandLine:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, parsed, faults = OverridesParser.create(), _CommandLine(), []
    for text in overrides:
        try:
            override = parser.parse_overrides([text])[0]
        except HydraException as error:
            faults.append(Fault(text, _override_problem(text, error), COMMAND_LINE))
            continue
        problem = _refusal(override)
        if problem:
            faults.append(Fault(text, problem, COMMAND_LINE))
        else:
            parsed.add(override, library)
    if faults:
        raise ConfigError(
            faults, fix="write `key=value`, `~key` or `group=preset`; put values with special signs in quotes"
        )
    return parsed


def _override_problem(text: str, error: Exception) -> str:
    if "=" in text or text.startswith("~"):
        return f"the override cannot be read: {str(error).splitlines()[0]}"
    if text.endswith((".yaml", ".yml")):
        return "a second experiment file: one experiment has one file"
    return "an override must be `key=value`"


def _refusal(override: Any) -> str:
    """Why an override that Hydra understands is not for a config of wxml; empty where it is."""
    if override.key_or_group == "hydra" or override.is_hydra_override():
        return "`hydra` is not a section of a config"
    if override.package is not None:
        return "an override with `@` is not supported: write the dotted path of the key"
    if override.is_sweep_override():
        return "one run has one value for each key: write a list as [1,2]"
    return ""


# Merging


def _merge(
    documents: Sequence[Document], choices: Mapping[str, Choice], command_line: _CommandLine, library: PresetLibrary
) -> ComposedConfig:
    _check_sections(documents)
    with tempfile.TemporaryDirectory(prefix="wxml-config-") as folder:
        _write_layers(Path(folder), documents, choices, library)
        tree, used = _run_hydra(folder, [*command_line.deletions, *command_line.values])
    marks = mark_values(schema_defaults(), DEFAULT)
    for layer in (*_preset_marks(used, library), *(document.marks for document in documents)):
        marks = overlay(marks, layer)
    for path in command_line.deletions.values():
        marks = without(marks, path)
    marks = overlay(marks, command_line.marks)
    _check_no_imports(marks)
    return ComposedConfig(prune(_resolve(tree, marks), marks), marks, library)


def _check_sections(documents: Sequence[Document]) -> None:
    """Refuse what would steer Hydra itself."""
    found = [(document.marks.children or {}).get("hydra") for document in documents]
    faults = [Fault("hydra", "`hydra` is not a section of a config", mark.origin) for mark in found if mark]
    if faults:
        raise ConfigError(faults, fix="take it out")


def _check_no_imports(marks: Mark) -> None:
    faults = [
        Fault(path, f"`{IMPORT_KEY}` is refused: a config names plugins, never import paths", origin)
        for path, origin in leaves(marks)
        if IMPORT_KEY in path.split(".")
    ]
    if faults:
        raise ConfigError(faults, fix="write `plugin: NAME`; see `wxml list-plugins`")


def _write_layers(
    folder: Path, documents: Sequence[Document], choices: Mapping[str, Choice], library: PresetLibrary
) -> None:
    """The layers as Hydra wants them: one file each, and a primary config that lists them, the lowest first."""
    bodies = [yaml.safe_dump(schema_defaults()), *(document.body for document in documents)]
    names = [f"{PRIMARY}-layer-{index}" for index in range(len(bodies))]
    for name, body in zip(names, bodies, strict=True):
        (folder / f"{name}.yaml").write_text(body, encoding="utf-8")
    presets = [{group: list(choice.names)} for group, choice in choices.items() if choice.names]
    primary = {
        "defaults": [names[0], *presets, *names[1:], "_self_"],
        "hydra": {"searchpath": [f"file://{path}" for path in library.folders]},
    }
    (folder / f"{PRIMARY}.yaml").write_text(yaml.safe_dump(primary), encoding="utf-8")


def _run_hydra(folder: str, overrides: list[str]) -> tuple[Any, list[tuple[str, str]]]:
    """The composed tree, and the path and package of every file that took part, the lowest first."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    with _contained(), hydra.initialize_config_dir(folder, job_name="wxml", version_base="1.3"):
        tree = hydra.compose(PRIMARY, overrides)
        listed = GlobalHydra.instance().config_loader().compute_defaults_list(PRIMARY, overrides, RunMode.RUN)
    return tree, [(str(entry.config_path), entry.package or "") for entry in listed.defaults]


def _resolve(tree: Any, marks: Mark) -> Any:
    """The plain values, references followed."""
    from omegaconf import OmegaConf

    with _contained(marks):
        missing = sorted(OmegaConf.missing_keys(tree))
        if missing:
            message = "must be written: `???` stands for a value that is missing"
            raise ConfigError([Fault(path, message, marks.location(path)) for path in missing])
        return OmegaConf.to_container(tree, resolve=True)


@contextmanager
def _contained(marks: Mark | None = None) -> Iterator[None]:
    """Keep Hydra's warnings to ourselves, and say its errors in one sentence."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
            path = str(getattr(cause, "full_key", None) or "")
            location = marks.location(path) if marks else ""
            message = f"the layers cannot be merged: {str(cause).splitlines()[0]}"
            raise ConfigError([Fault(path, message, location)]) from error


def _preset_marks(used: Sequence[tuple[str, str]], library: PresetLibrary) -> Iterator[Mark]:
    for path, package in used:
        group, _, name = path.rpartition("/")
        for preset in library.named(group, name)[:1]:
            yield nested(package, read_marks(preset.path, preset.label))
