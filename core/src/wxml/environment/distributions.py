"""The distributions of this environment, read from the folders that installers leave beside packages.

`importlib.metadata` says the same, but takes longer to be imported than all of this takes to run; it is asked for what
is not a plain folder on `sys.path` (a zip file, another finder).
"""

__all__ = ["Distribution", "Environment", "Header", "find_distributions"]

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from wxml.environment.names import fold

SUFFIXES = (".dist-info", ".egg-info")


class Header(NamedTuple):
    """What the metadata of a distribution say, as far as it matters here."""

    name: str
    """As it is written there; empty where it is not."""
    version: str
    summary: str
    requires: tuple[str, ...]
    fault: str = ""
    """Why the metadata cannot be trusted, in words."""


@dataclass(frozen=True)
class Distribution:
    """One installed distribution; its files are read when they are asked for."""

    name: str
    """Folded, from the name of its folder."""
    place: str
    """The folder on `sys.path` in which it was found."""
    read: Callable[[str], bytes | None]
    """The content of one of its metadata files; None where there is none."""

    @cached_property
    def header(self) -> Header:
        """The headers of its metadata."""
        content = self.read("METADATA")
        if content is not None:
            return _parsed_header(content)
        content = self.read("PKG-INFO")  # of the old kind, whose requirements are in a file of a format of its own
        if content is not None:
            return _parsed_header(content)._replace(requires=self._old_requirements())
        return Header("", "", "", (), "its folder has no METADATA")

    @cached_property
    def entry_points(self) -> list[tuple[str, str, str]]:
        """The group, the name and the value of each entry point; what is not `name = value` has an empty value."""
        return list(_parsed_entry_points(self._entry_point_file.decode(errors="replace")))

    def mentions(self, word: bytes) -> bool:
        """Whether its entry points contain a word: the quick question that few distributions answer with yes."""
        return word in self._entry_point_file

    @cached_property
    def _entry_point_file(self) -> bytes:
        return self.read("entry_points.txt") or b""

    def _old_requirements(self) -> tuple[str, ...]:
        from importlib import metadata

        found = metadata.distributions(name=self.name, path=[self.place])
        return tuple(next((distribution.requires or () for distribution in found), ()))


Environment = Mapping[str, Distribution]
"""Folded name → distribution."""


def find_distributions() -> Environment:
    """Every distribution of this environment; of several copies of one, the first on `sys.path`, as for an import."""
    found: dict[str, Distribution] = {}
    for place in sys.path:
        for distribution in _in_place(place or os.curdir):
            found.setdefault(distribution.name, distribution)
    for distribution in _of_other_finders():
        found.setdefault(distribution.name, distribution)
    return found


def _in_place(place: str) -> Iterator[Distribution]:
    """The distributions of one entry of `sys.path`, in an order that does not depend on the file system."""
    try:
        names = sorted(os.listdir(place))
    except NotADirectoryError:
        yield from _in_archive(place)
    except OSError:
        return
    else:
        for name in names:
            if name.endswith(SUFFIXES):
                yield Distribution(_name_of(name), place, partial(_read, os.path.join(place, name)))


def _name_of(folder: str) -> str:
    """The folded name of the distribution whose metadata a folder holds, such as `acme_wxml-1.0.dist-info`."""
    return fold(os.path.splitext(folder)[0].partition("-")[0])


def _read(folder: str, file: str) -> bytes | None:
    try:
        with open(os.path.join(folder, file), "rb", buffering=0) as opened:
            return opened.read()
    except OSError:
        return None


def _in_archive(place: str) -> Iterator[Distribution]:
    from importlib import metadata

    yield from _foreign(metadata.distributions(path=[place]), place)


def _of_other_finders() -> Iterator[Distribution]:
    """What finders other than that of `sys.path` know; there is none in most environments."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_distributions", None)
        if find is not None and getattr(finder, "__module__", "") != "_frozen_importlib_external":
            yield from _foreign(find(), repr(finder))


def _foreign(found: Iterable[Any], place: str) -> Iterator[Distribution]:
    for distribution in found:
        yield Distribution(fold(distribution.metadata["Name"] or ""), place, partial(_read_foreign, distribution))


def _read_foreign(distribution: Any, file: str) -> bytes | None:
    text = distribution.read_text(file)
    return None if text is None else text.encode()


# The two formats


def _parsed_header(content: bytes) -> Header:
    """The headers that matter, which are of one line each; they end with the first empty line."""
    fault = ""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        text, fault = content.decode(errors="replace"), f"its metadata are not UTF-8 (byte {error.start})"
    lines = text.replace("\r\n", "\n").partition("\n\n")[0].split("\n")
    pairs = [(key.lower(), value.strip()) for key, colon, value in (line.partition(":") for line in lines) if colon]
    first = dict(reversed(pairs))
    requires = tuple(value for key, value in pairs if key == "requires-dist")
    name = first.get("name", "")
    fault = fault or ("" if name else "its metadata have no name")
    return Header(name, first.get("version", ""), first.get("summary", ""), requires, fault)


def _parsed_entry_points(text: str) -> Iterator[tuple[str, str, str]]:
    """The lines of an `entry_points.txt`: `[group]`, then `name = value`; `#` and `;` begin a comment line."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield group, name.strip(), value.strip()
