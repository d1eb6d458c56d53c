"""What has changed of the public interface of the core and the kernels, and which plugins use what is gone.

The source is read by griffe, of a commit and of the working tree; none of it is imported. A public name is one that
`wxml.__all__`, a module of `wxml.PUBLIC_MODULES` or `wxml_kernels` lists.
"""

__all__ = ["LIBRARIES", "Break", "breaks", "users"]

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import griffe

LIBRARIES = {"wxml-core": ("wxml", "core/src"), "wxml-kernels": ("wxml_kernels", "kernels/src")}
"""Distribution → the name of its import, and where that lies."""


@dataclass(frozen=True, slots=True)
class Break:
    """A change of a public name that code written before may not survive."""

    module: str
    """The module that it is imported from."""
    name: str
    member: str
    """Which part of it, such as a method; empty if it is the name itself."""
    what: str
    """What has changed, in a sentence."""
    of_subclasses: bool = False
    """Whether it breaks each subclass, and nobody else."""

    def __str__(self) -> str:
        """Such as `wxml.Grid.parts: parameter was removed`."""
        return f"{self.module}.{self.name}{'.' if self.member else ''}{self.member}: {self.what}"


Interface = Mapping[str, Mapping[str, griffe.Object]]
"""Module → the names that it lists → what they are."""


def breaks(distribution: str, commit: str, root: Path) -> list[Break]:
    """The changes of a library since a commit that code written before may not survive; none if it was not there."""
    name, folder = LIBRARIES[distribution]
    if not (root / folder / name).is_dir():
        return []
    try:
        before = _interface(griffe.load_git(name, ref=commit, repo=root, search_paths=[folder], allow_inspection=False))
    except ModuleNotFoundError:
        return []
    now = _interface(griffe.load(name, search_paths=[root / folder], allow_inspection=False))
    return [one for module, names in before.items() for one in _of_module(module, names, now.get(module, {}))]


def _of_module(module: str, before: Mapping[str, griffe.Object], now: Mapping[str, griffe.Object]) -> Iterator[Break]:
    yield from (Break(module, name, "", "is gone") for name in before if name not in now)
    other = (name for name in before if name in now and before[name].kind is not now[name].kind)
    yield from (
        Break(module, name, "", f"was a {before[name].kind.value}, is a {now[name].kind.value}") for name in other
    )
    for name in before:
        if name not in now or before[name].kind is not now[name].kind:
            continue
        for found in griffe.find_breaking_changes(_alone(before[name]), _alone(now[name])):
            yield Break(module, name, _member(found.obj.path, name), _sentence(found))
        for member in sorted(_abstract(now[name]) - _abstract(before[name])):
            yield Break(module, name, member, "subclasses must have it now", of_subclasses=True)


def _member(path: str, name: str) -> str:
    """The part of a name that a path of griffe ends with."""
    place = path.split(".")
    return ".".join(place[place.index(name) + 1 :]) if name in place else place[-1]


def _abstract(found: griffe.Object) -> set[str]:
    """The methods that a subclass must have."""
    own = (member for member in found.members.values() if not member.is_alias)
    return {member.name for member in own if "abstractmethod" in member.labels}


def _alone(found: griffe.Object) -> griffe.Module:
    """A module that has one name."""
    module = griffe.Module("it")
    module.members[found.name] = found
    return module


def _sentence(found: griffe.Breakage) -> str:
    """What griffe says, with the name of the parameter that it is about."""
    plain = re.sub(r"\x1b\[\d+m", "", found.explain(griffe.ExplanationStyle.ONE_LINE))
    parameter = re.search(r"\((\w+)\): ", plain)
    kind = found.kind.value[:1].lower() + found.kind.value[1:]
    return f"{kind}: `{parameter[1]}`" if parameter else kind


# The names


def _interface(library: griffe.Object | griffe.Alias) -> Interface:
    """Every public name of a library."""
    found = {library.path: dict(_listed(library, library))}
    for module in _strings(library, "PUBLIC_MODULES"):
        inner = library[module]
        found[inner.path] = dict(_listed(inner, library))
    return found


def _listed(
    module: griffe.Object | griffe.Alias, library: griffe.Object | griffe.Alias
) -> Iterator[tuple[str, griffe.Object]]:
    where = _where(module)
    for name in where or _strings(module, "__all__"):
        owner = library[where[name]] if where else module
        if name in owner.members:
            member = owner.members[name]
            yield name, member.final_target if isinstance(member, griffe.Alias) else member


def _where(module: griffe.Object | griffe.Alias) -> dict[str, str]:
    """Name → the module that has it, for names that are looked up when they are first used."""
    if "_WHERE" not in module.members:
        return {}
    found: dict[str, str] = ast.literal_eval(_value(module, "_WHERE"))
    return found


def _strings(module: griffe.Object | griffe.Alias, name: str) -> list[str]:
    if name not in module.members:
        return []
    value = ast.parse(_value(module, name), mode="eval")
    return [node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _value(module: griffe.Object | griffe.Alias, name: str) -> str:
    """What is assigned to a name, as it is written."""
    member = module.members[name]
    assert isinstance(member, griffe.Attribute), f"`{name}` of {module.path} is no constant"  # noqa: S101
    return str(member.value)


# Who uses them


def users(broken: Break, packages: Mapping[str, Path]) -> list[str]:
    """The packages, each with its folder, whose code imports a name and, if a member of it has changed, names that."""
    return [package for package, folder in packages.items() if _uses(broken, folder)]


def _uses(broken: Break, folder: Path) -> bool:
    parts = ["__init__"] if broken.of_subclasses else broken.member.split(".")
    members = {f"{broken.name}()" if part == "__init__" else part for part in parts if part}
    return any(
        (broken.module, broken.name) in imported and members <= words
        for imported, words in map(_words, sorted((folder / "src").rglob("*.py")))
    )


@cache
def _words(path: Path) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """What a file imports, and every word in it that names a member, a parameter or a definition."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported, words = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {(str(node.module), alias.name) for alias in node.names}
        elif isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            words.add(node.name)
        elif isinstance(node, ast.ClassDef):  # a subclass is made as its base is
            words |= {f"{base.id}()" for base in node.bases if isinstance(base, ast.Name)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            words.add(f"{node.func.id}()")
        elif isinstance(node, ast.keyword) and node.arg:
            words.add(node.arg)
    return frozenset(imported), frozenset(words)
