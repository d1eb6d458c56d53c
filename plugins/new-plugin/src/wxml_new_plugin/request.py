"""What a user asks for: a distribution, and its plugins, such as `acme-weather processor:afno command:acme-plot`."""

__all__ = ["NewPlugin", "parse_plugins", "split_name"]

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
        raise _missing("NAME" if plugins else "KIND", arguments)
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
    asked = [_asked(one, distribution) for one in given]
    if not asked:
        raise _missing("KIND", given)
    twice = [pair for pair, count in Counter((one.template.kind, one.name) for one in asked).items() if count > 1]
    if twice:
        kind, name = twice[0]
        raise ConfigError([Fault(kind, f"`{kind}:{name}` is there twice")], fix="give each plugin a name of its own")
    alone = sum(any("EXPERIMENT" in path for path in one.template.files) for one in asked) == 1 and not into
    stems = Counter(one.stem for one in asked)
    return [_new_plugin(one, distribution, is_unique=stems[one.stem] == 1, alone=alone) for one in asked]


class _Asked(NamedTuple):
    """One plugin that a user asks for."""

    template: Template
    name: str
    stem: str
    """The name of the module: that of the plugin, or of its kind if the distribution gave the plugin its name."""


def _asked(given: str, distribution: DistributionName) -> _Asked:
    kind, colon, name = given.partition(":")
    template = template_of(kind)
    name = check_name(template.kind, name if colon else distribution.name)
    return _Asked(template, name, (name if colon else template.kind).replace("-", "_"))


def _new_plugin(asked: _Asked, distribution: DistributionName, *, is_unique: bool, alone: bool) -> NewPlugin:
    """The plugin with its words.

    Args:
        asked: what the user asks for.
        distribution: the distribution.
        is_unique: no other plugin has a module of this name.
        alone: no other plugin has an experiment.
    """
    kind = asked.template.kind
    module = asked.stem if is_unique else f"{asked.stem}_{kind}".replace("-", "_")
    experiment = "experiment" if alone else f"experiments/{module}"
    places = {"experiment": f"{experiment}.yaml", "run": f"runs/{experiment.rpartition('/')[2]}"}
    return NewPlugin(asked.template, asked.name, module, _words(distribution, kind, asked.name, module) | places)


def _missing(what: str, arguments: Sequence[str]) -> ConfigError:
    told = f"`{what}` is missing, got {' '.join(arguments) or 'nothing'}; the kinds: {', '.join(sorted(kinds()))}"
    return ConfigError([Fault(what, told)], fix="write both: wxml new-plugin acme-window-attention processor")


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
