"""The `pyproject.toml` of a repository: gets what new plugins need, their entry points and requirements."""

__all__ = ["core_range", "project_name", "with_plugins"]

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tomlkit
import wxml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from wxml.errors import ConfigError, Fault

from wxml_new_plugin.request import NewPlugin

FILE = "pyproject.toml"
WITH_EXTRAS = re.compile(r"^\s*([\w.-]+)\s*(\[[^\]]*\])?")


def core_range() -> str:
    """The versions of wxml-core that a new plugin works with: this minor one and, as promised, the next two."""
    major, minor = wxml.__version__.split(".")[:2]
    return f">={major}.{minor},<{major}.{int(minor) + 3}"


def project_name(text: str) -> str:
    """The name of the distribution.

    Raises:
        ConfigError: it is no TOML, or names none.
    """
    project = _parsed(text).get("project", {})
    if not isinstance(project.get("name"), str):
        raise _fault("project.name", "has no name of a distribution", "write the table `[project]` with a `name`")
    return str(project["name"])


def with_plugins(text: str, plugins: Sequence[NewPlugin]) -> str:
    """The file with the entry points of the plugins and what they require; comments and order stay.

    Raises:
        ConfigError: an entry point of a plugin is there already, or the file says that another tool writes them.
    """
    document = _parsed(text)
    project = document["project"]
    dynamic = [
        key for key in ("dependencies", "entry-points", "optional-dependencies") if key in project.get("dynamic", ())
    ]
    if dynamic:
        key = dynamic[0]
        raise _fault("project.dynamic", f"has `{key}` written by another tool", f"write `{key}` into pyproject.toml")
    _require(project, "dependencies", ["wxml-core", *(one for plugin in plugins for one in plugin.template.requires)])
    with _table(project, "optional-dependencies") as extras:
        _require(extras, "test", ["wxml-core[test]", *(one for plugin in plugins for one in plugin.template.tests)])
    points = project.setdefault("entry-points", tomlkit.table(is_super_table=True))
    for plugin in plugins:
        for group, names in plugin.entry_points.items():
            with _table(points, group) as table:
                for name, value in names.items():
                    _add(table, group, name, value)
    return tomlkit.dumps(document)


def _parsed(text: str) -> Any:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise _fault("", f"is no TOML: {error}", "correct it") from error


@contextmanager
def _table(parent: Any, key: str) -> Iterator[Any]:
    """A table to add to; a new one ends with an empty line."""
    is_new = key not in parent
    table = parent.setdefault(key, tomlkit.table())
    yield table
    if is_new:
        table.add(tomlkit.nl())


def _add(table: Any, group: str, name: str, value: str) -> None:
    """Add an entry point, unless it is there and says the same."""
    same = next((key for key in table if canonicalize_name(key) == canonicalize_name(name)), None)
    if same is None:
        table[name] = value
    elif table[same] != value:
        place = f'project.entry-points."{group}"'
        raise _fault(place, f"has {same!r} already: {table[same]}", "choose another name for the new plugin")


def _require(table: Any, key: str, wanted: Iterable[str]) -> None:
    """Add requirements to a list, each with the extras that are asked for; versions that are there stay."""
    if key not in table:
        table[key] = tomlkit.array()
    there = table[key]
    for one in wanted:
        asked = Requirement(one)
        found = [(number, Requirement(str(text))) for number, text in enumerate(there)]
        place, known = next(
            ((n, r) for n, r in found if canonicalize_name(r.name) == asked.name and not r.marker), (None, None)
        )
        if place is None or known is None:
            bounds = core_range() if asked.name == "wxml-core" and key == "dependencies" else ""
            there.append(f"{asked}{bounds}")
        elif not asked.extras <= known.extras:
            extras = ",".join(sorted(known.extras | asked.extras))
            there[place] = WITH_EXTRAS.sub(rf"\1[{extras}]", str(there[place]), count=1)


def _fault(key: str, problem: str, fix: str) -> ConfigError:
    place = f" (`{key}`)" if key else ""
    return ConfigError([Fault(key, f"`{FILE}`{place} {problem}")], fix=fix)
