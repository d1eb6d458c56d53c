"""What a user asks for: a distribution, and its plugins, such as `acme-weather processor:afno command:acme-plot`."""

__all__ = ["NewPlugin", "parse_plugins", "split_name"]

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wxml.errors import ConfigError, Fault

from wxml_new_plugin.plugin_name import DistributionName, check_name, class_name
from wxml_new_plugin.template import Template, kind_name, kinds, template_of

SOURCES = re.compile("^src/")


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """One plugin to write."""

    template: Template
    name: str
    """Its name in a config."""
    module: str
    """The name of its Python module."""
    words: dict[str, str]
    """The words in the template → what stands for them."""

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.template.kind

    @property
    def entry_points(self) -> dict[str, dict[str, str]]:
        """Group → name → where it is."""
        return {
            self._filled(group): {self._filled(name): self._filled(value) for name, value in names.items()}
            for group, names in self.template.entry_points.items()
        }

    @property
    def files(self) -> dict[str, str]:
        """Path in the repository → content."""
        words = self.words
        stem = words["experiment"].removesuffix(".yaml")
        places = {"PACKAGE": words["package"], "MODULE": words["module"], "NAME": self.name, "EXPERIMENT": stem}
        named = re.compile("|".join(places))
        found = {named.sub(lambda place: places[place[0]], path): text for path, text in self.template.files.items()}
        return {SOURCES.sub(words["sources"], path): self._filled(text) for path, text in found.items()}

    @property
    def next(self) -> tuple[str, ...]:
        """Commands to type when it is installed."""
        return tuple(map(self._filled, self.template.next))

    def _filled(self, text: str) -> str:
        return self.template.filled(text, self.words)


def split_name(arguments: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Tell the name of the distribution from the plugins: it is the one argument that is no kind.

    Raises:
        ConfigError: there is no name, or no plugin.
        UnknownPluginError: there are two, so that one of them is a kind that has no template.
    """
    known = kinds()
    plain = [one for one in arguments if ":" not in one and kind_name(one) not in known]
    plugins = tuple(one for one in arguments if one not in plain)
    if len(plain) > 1:
        misspelt = next((one for one in plain if difflib.get_close_matches(one, known)), plain[-1])
        template_of(misspelt)  # raises, and names the nearest
    if not plain or not plugins:
        missing = "NAME" if plugins else "KIND"
        told = f"`{missing}` is missing, got {' '.join(arguments) or 'nothing'}; the kinds: {', '.join(sorted(known))}"
        raise ConfigError([Fault(missing, told)], fix="write both: wxml new-plugin acme-window-attention processor")
    return plain[0], plugins


def parse_plugins(given: Sequence[str], distribution: DistributionName, *, into: bool = False) -> list[NewPlugin]:
    """The plugins that a user asks for, `KIND` or `KIND:NAME`.

    A plugin without a name has that of the distribution.

    Args:
        given: such as `processor:afno`.
        distribution: the distribution.
        into: other plugins may be there already, so that `experiment.yaml` is not for this one.

    Raises:
        UnknownPluginError: there is no template of a kind.
        ConfigError: a name cannot be, or two plugins have the same.
    """
    asked = []
    for one in given:
        kind, colon, name = one.partition(":")
        template = template_of(kind)
        asked.append((template, check_name(template.kind, name if colon else distribution.name), bool(colon)))
    twice = [pair for pair, count in Counter((one.kind, name) for one, name, _ in asked).items() if count > 1]
    if twice:
        kind, name = twice[0]
        raise ConfigError([Fault(kind, f"`{kind}:{name}` is there twice")], fix="give each plugin a name of its own")
    stems = [_stem(*one) for one in asked]
    with_experiment = sum(any("EXPERIMENT" in path for path in template.files) for template, *_ in asked)
    plugins = []
    for (template, name, _), stem in zip(asked, stems, strict=True):
        module = stem if stems.count(stem) == 1 else f"{stem}_{template.kind}".replace("-", "_")
        alone = with_experiment == 1 and not into
        words = _words(distribution, template.kind, name, module)
        experiment = "experiment" if alone else f"experiments/{module}"
        words |= {"experiment": f"{experiment}.yaml", "run": f"runs/{experiment.rpartition('/')[2]}"}
        plugins.append(NewPlugin(template, name, module, words))
    return plugins


def _stem(template: Template, name: str, has_own_name: bool) -> str:
    """The name of the module: that of the plugin, or of its kind if the distribution gave the plugin its name."""
    return (name if has_own_name else template.kind).replace("-", "_")


def _words(distribution: DistributionName, kind: str, name: str, module: str) -> dict[str, str]:
    plural = name.replace("-", "_") + ("es" if name.endswith("s") else "s")
    return {
        "distribution": distribution.name,
        "package": distribution.package,
        "sources": "" if distribution.sources == "." else f"{distribution.sources}/",
        "kind": kind,
        "name": name,
        "identifier": name.replace("-", "_"),
        "plural": plural,
        "module": module,
        "class_name": class_name(name),
    }
