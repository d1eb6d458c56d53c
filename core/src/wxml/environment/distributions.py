"""The distributions of this environment, read with `importlib.metadata`.

Real environments hold more than installers mean to leave: empty `.dist-info` folders, two versions of one package,
`.egg-info` of a source tree, byte-order marks. This module says which copy of a distribution counts, and why another
cannot be read; whatever it finds, it never raises.
"""

__all__ = ["Distribution", "Environment", "version_of"]

import os
import re
import sys
import time
from collections.abc import Iterator
from email.parser import HeaderParser
from functools import cached_property
from importlib import metadata
from typing import Any, cast

from packaging.version import InvalidVersion, Version

from wxml.environment.names import CORE, canonical_name

HEADER_FILES = ("METADATA", "PKG-INFO", "")
"""The file with the headers: in a `.dist-info`, in an `.egg-info`, and of an `.egg-info` that is that file itself."""
TICK = 20_000_000
"""Nanoseconds that two changes of a folder are apart at least if its time shall tell them apart."""
METADATA_FILES = ("METADATA", "PKG-INFO", "entry_points.txt", "direct_url.json", "RECORD")
BEFORE_VERSION = re.compile(r"-(?=\d)")


class Distribution(metadata.Distribution):
    """One installed distribution; a file of its metadata is read when something asks for it, and only once.

    Attributes:
        folder: its `.dist-info` or `.egg-info`; empty if it is not in a folder.
        place: the entry of `sys.path` in which it was found.
        stem: the name of the folder without its suffix, such as `acme_wxml-1.0`.
    """

    def __init__(self, found: metadata.Distribution) -> None:
        """Wrap the distribution that `importlib.metadata` found."""
        self._found = found
        path = getattr(found, "_path", None)  # pip reads it, too: there is no public name for it
        self.folder = "" if path is None else str(path).rstrip("/")
        self.place = os.path.dirname(self.folder)
        self.stem = os.path.splitext(os.path.basename(self.folder))[0]
        self._texts: dict[str, str | None] = {}
        self._first_bad_bytes: dict[str, int] = {}

    def read_text(self, filename: str) -> str | None:
        """Read one of its metadata files; None if there is none.

        The text has no byte-order mark, and no bytes that are not UTF-8. Headers end at the first empty line. In
        `entry_points.txt`, comments are left out, and a line that is not `name = value` has an empty value.
        """
        if filename not in self._texts:
            try:
                text = self._found.read_text(filename)
            except UnicodeDecodeError as error:
                text = error.object.decode(errors="replace").replace("\r\n", "\n")
                self._first_bad_bytes[filename] = error.start
            except OSError:  # a folder that may not be read
                text = None
            text = text and text.removeprefix("\ufeff")
            if text and filename in HEADER_FILES:
                text = text.partition("\n\n")[0]  # parsing the long description would cost most of the time
            elif text and filename == "entry_points.txt":
                lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"]
                text = "\n".join(line if "=" in line or line[0] == "[" else f"{line} =" for line in lines)
            self._texts[filename] = text
        return self._texts[filename]

    def locate_file(self, path: Any) -> Any:
        """The place of an installed file, from its path in RECORD."""
        return self._found.locate_file(path)

    @cached_property
    def metadata(self) -> Any:
        """The headers by their names; a name that is not there has the value None."""
        return HeaderParser().parsestr(next(filter(None, map(self.read_text, HEADER_FILES)), ""))

    @cached_property
    def fault(self) -> str:
        """Why its metadata cannot be trusted, in words; empty if they can."""
        if not any(map(self.read_text, HEADER_FILES)):
            return "its folder has no METADATA"
        bad = [byte for file, byte in self._first_bad_bytes.items() if file in HEADER_FILES]
        if bad:
            return f"its metadata are not UTF-8 (byte {bad[0]})"
        if not self.metadata.get("Name"):
            return "its metadata have no name"
        named = canonical_name(str(self.metadata["Name"]))
        if named == CORE and not self._holds_core():
            return f"its metadata say that it is {CORE}, which it is not"
        if self.has_plugins and not self._is_folder_of(named):
            return f"its metadata say that it is {named}, and its folder is called `{os.path.basename(self.folder)}`"
        return ""

    @cached_property
    def name(self) -> str:
        """The canonical name: from its metadata, or from its folder if the metadata cannot be trusted."""
        if self.fault and self.folder:
            return canonical_name(BEFORE_VERSION.split(self.stem, maxsplit=1)[0])
        return canonical_name(str(self.metadata.get("Name", "")))

    def _is_folder_of(self, name: str) -> bool:
        """Whether installers call the folder of a distribution of this name so: the name, and perhaps a version."""
        rest = canonical_name(self.stem).removeprefix(name)
        return (
            not self.folder or rest == "" or (rest != canonical_name(self.stem) and re.match(r"-\d", rest) is not None)
        )

    def _holds_core(self) -> bool:
        """Whether the package `wxml` that runs belongs to it: by the name of its folder, and by what it installed."""
        if canonical_name(BEFORE_VERSION.split(self.stem, maxsplit=1)[0]) != CORE:
            return False
        running = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # the folder `wxml`
        if self.editable_folder:
            return running.startswith(os.path.realpath(self.editable_folder) + os.sep)
        recorded = self.read_text("RECORD")
        is_recorded = recorded is None or "wxml/__init__.py," in recorded
        return is_recorded and os.path.dirname(running) == os.path.realpath(self.place)

    @cached_property
    def editable_folder(self) -> str:
        """The source tree of an editable package (PEP 610); empty for any other, or if its record cannot be read."""
        import json
        from urllib.parse import unquote, urlsplit

        try:
            direct = json.loads(self.read_text("direct_url.json") or "{}")
            is_editable = bool(direct["dir_info"]["editable"])
            return unquote(urlsplit(direct["url"]).path) if is_editable else ""
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""

    def installs(self, package: str) -> bool:
        """Whether its RECORD names a package or module of that name, which is not inside of another package."""
        lines = f"\n{self.read_text('RECORD') or ''}"
        if f"\n{package}/" in lines or f"\n{package}.py," in lines:  # many times as fast as an expression
            return True
        return re.search(rf"^{re.escape(package)}\.\w+\.so,", lines, re.MULTILINE) is not None

    @property
    def version(self) -> str:
        """The version as its metadata spell it; empty if they have none."""
        return str(self.metadata.get("Version", ""))

    @property
    def summary(self) -> str:
        """One line about it; empty if its metadata have none."""
        return str(self.metadata.get("Summary", ""))

    @property
    def requires(self) -> list[str]:
        """Its requirements as its metadata spell them."""
        return super().requires or []

    @property
    def has_plugins(self) -> bool:
        """Whether it declares anything for wxml."""
        return "wxml." in (self.read_text("entry_points.txt") or "")

    def rank(self) -> tuple[bool, Version]:
        """The order of copies in one place: a readable one before a damaged one, then by version."""
        try:
            return not self.fault, Version(self.version)
        except InvalidVersion:
            return not self.fault, Version("0.dev0")


def wrapped(found: metadata.Distribution) -> Distribution:
    """Wrap a distribution that `importlib.metadata` found."""
    return Distribution(found)


class Environment:
    """Every distribution that an import can reach, in the order of `sys.path`."""

    def __init__(self) -> None:
        """List the distributions that are installed now."""
        found: dict[str, Distribution] = {}
        for distribution in map(wrapped, metadata.distributions()):  # noqa: TID251
            found.setdefault(distribution.folder or f"{len(found)}", distribution)  # a place may be on the path twice
        self._all = tuple(found.values())
        self._chosen: dict[str, Distribution | None] = {}

    @classmethod
    def now(cls) -> "Environment":
        """The distributions that are installed now, listed again only if that can have changed.

        It can if `importlib.metadata` looks at other places, if something has come into one of them or left it, or if
        the metadata of a distribution that declares something for wxml were written again.
        """
        places = [*map(_last_change, sys.path)]
        looked_at = [*places, *sys.path, *sys.meta_path]
        if not _latest or _latest[:2] != [looked_at, _latest[2].last_changes()]:
            found = cls()
            changes = found.last_changes()
            if time.time_ns() - max([*places, *changes], default=0) < TICK:  # the next change may have the same time
                return found
            _latest[:] = [looked_at, changes, found]
        return cast("Environment", _latest[2])

    def last_changes(self) -> list[int]:
        """When the metadata of those that declare something for wxml were written, in nanoseconds."""
        folders = [one.folder for copies in self._with_plugins.values() for one in copies]
        return [_last_change(os.path.join(folder, file)) for folder in folders for file in METADATA_FILES]

    def find(self, name: str) -> Distribution | None:
        """The copy of a distribution that counts, by its canonical name; None if it is not installed.

        It is the one in the first place on `sys.path`, as for an import; of several there, the highest version. A copy
        whose metadata cannot be read counts only if there is no other.
        """
        if name not in self._chosen:
            copies = self.copies(name)
            readable = [copy for copy in copies if not copy.fault] or [copy for copy in copies if copy.has_plugins]
            first = [copy for copy in readable if copy.place == readable[0].place]
            self._chosen[name] = max(first, key=Distribution.rank, default=None)
        return self._chosen[name]

    def copies(self, name: str) -> list[Distribution]:
        """Every copy of a distribution, left-over folders included, in the order of `sys.path`."""
        possible = {*self._by_folder.get(name, ()), *self._by_folder.get("", ()), *self._with_plugins.get(name, ())}
        return sorted((one for one in possible if one.name == name), key=self._all.index)

    @cached_property
    def _by_folder(self) -> dict[str, list[Distribution]]:
        """Every copy, by each canonical name that its folder can stand for; by `""` if it has no folder.

        A folder such as `acme-wxml-1.0.dist-info` may belong to `acme` or to `acme-wxml`: only its metadata tell, and
        no file is read here.
        """
        found: dict[str, list[Distribution]] = {}
        for one in self._all:
            parts = canonical_name(one.stem).split("-")
            for count in range(len(parts)):
                found.setdefault("-".join(parts[: count + 1]), []).append(one)
        return found

    @cached_property
    def _with_plugins(self) -> dict[str, list[Distribution]]:
        """Every copy that declares something for wxml, by the name of its distribution."""
        found: dict[str, list[Distribution]] = {}
        for one in self._all:
            if one.has_plugins:
                found.setdefault(one.name, []).append(one)
        return found

    @cached_property
    def with_plugins(self) -> tuple[Distribution, ...]:
        """Each distribution that declares something for wxml, by name; the copy that counts."""
        chosen = [self.find(name) for name in sorted(self._with_plugins)]
        return tuple(one for one in chosen if one is not None and one.has_plugins)

    @property
    def all(self) -> tuple[Distribution, ...]:
        """Every copy of every distribution, in the order of `sys.path`."""
        return self._all

    @property
    def editable(self) -> Iterator[Distribution]:
        """Each editable distribution, in the order of `sys.path`."""
        return (one for one in self._all if one.editable_folder)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """The name of each distribution for wxml that has copies, with a sentence about each copy."""
        for name in sorted(self._with_plugins):
            chosen = self.find(name)
            if chosen:
                sentences = [_doubt(other, chosen) for other in self.copies(name) if other is not chosen]
                yield from ((name, sentence) for sentence in sentences if sentence)


_latest: list[Any] = []
"""What was looked at, when metadata were written, and the environment that was found; empty at first."""


def _last_change(place: str) -> int:
    """The time at which a folder or a file was changed last, in nanoseconds; 0 if there is none."""
    try:
        return os.stat(place or os.curdir).st_mtime_ns
    except OSError:
        return 0


def _doubt(other: Distribution, chosen: Distribution) -> str:
    """The sentence about a copy that does not count; empty if it is like the chosen one."""
    if other.fault:
        return f"`{other.folder}` is left over ({other.fault}): delete it"
    if (other.version, tuple(other.entry_points)) == (chosen.version, tuple(chosen.entry_points)):
        return ""
    counts = f"{chosen.version} in `{chosen.place}` counts"
    hidden = "" if chosen.has_plugins else ", and declares no plugins"
    rest = f"{other.version} in `{other.place}` does not"
    return f"is there twice: {counts}{hidden}; {rest}: remove one of them"


def version_of(name: str) -> str:
    """The version of an installed distribution; empty if it is not installed."""
    found = Environment.now().find(canonical_name(name))
    return found.version if found else ""
