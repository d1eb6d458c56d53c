"""One line about a plugin: the first of its docstring or comment, read from its file without importing it."""

__all__ = ["summary"]

import ast
import importlib.util
import os
import re
from itertools import islice
from pathlib import Path

from wxml.plugins.catalog import PluginRecord
from wxml.plugins.command_help import CommandNode, command_help
from wxml.plugins.location import package_root
from wxml.plugins.source_files import package_folder

QUOTES = ('"', "'")
DEPRECATION = r"^(?:@(?:\w+\.)?Deprecated\((?:(?!^class\b).)*?\)\n)?"
"""A decorator above a class, as a regular expression."""
ATTEMPTS = 3
"""The number of lines with quotes at their end that are tried as the end of a docstring."""


def summary(record: PluginRecord) -> str:
    """The first line of the docstring of the plugin's class or module, or of the comment at the top of a preset.

    Of a command it is the line that click shows in a list, of a template what its `template.toml` says. Without one, it
    is the summary of the distribution.
    """
    if record.kind == "preset":
        return _comment(record) or record.summary
    if record.kind == "template":
        return _of_template(record) or record.summary
    root = package_root(record)
    module, _, attribute = record.value.partition(":")
    return (_first_line(root, module, attribute) if root else "") or record.summary


def _comment(record: PluginRecord) -> str:
    """The first line of a preset's file, if it is a comment."""
    folder = package_folder(record.value)
    try:
        line = (folder / f"{record.name}.yaml").read_text(encoding="utf-8").partition("\n")[0] if folder else ""
    except (OSError, UnicodeDecodeError):
        return ""
    return line.removeprefix("#").strip() if line.startswith("#") else ""


def _of_template(record: PluginRecord) -> str:
    """What a folder of templates says of itself."""
    import tomllib

    folder = package_folder(record.value)
    try:
        about = tomllib.loads((folder / "template.toml").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return ""
    return str(about.get("summary", ""))


def _first_line(root: Path, module: str, attribute: str, *, follow: bool = True) -> str:
    """The first line of a docstring; `follow` says whether one re-export (`from .x import Y`) may be followed."""
    file, source = _source(root, module)
    if not attribute:
        return _docstring(_parsed(source))
    beginning = _beginning_of(source, attribute)
    for node in beginning.body if beginning else _parsed(source).body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return _deprecation(node) + _docstring(node)
        if isinstance(node, CommandNode) and attribute in _bound(node):
            return command_help(node)
        if follow and file and isinstance(node, ast.ImportFrom):
            name = next((alias.name for alias in node.names if (alias.asname or alias.name) == attribute), "")
            origin = _imported_module(node, module, is_package=file.endswith("__init__.py"))
            if name and origin.partition(".")[0] == module.partition(".")[0]:
                return _first_line(root, origin, name, follow=False)
    return ""


def _bound(node: CommandNode) -> list[str]:
    """The names that a statement gives to a function or a value."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    return list(map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target]))


def _docstring(node: ast.Module | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def _deprecation(node: ast.ClassDef) -> str:
    """The beginning of the line about a class that is decorated with `Deprecated`; empty for any other."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "Deprecated":
            said = {one.arg: str(one.value.value) for one in call.keywords if isinstance(one.value, ast.Constant)}
            return f"deprecated until {said.get('until', '?')}, use {said.get('use', '?')}: "
    return ""


def _beginning_of(source: str, name: str) -> ast.Module | None:
    """Parse a class up to the end of its docstring; None if this shortcut does not find it.

    Parsing the whole file takes a hundred times longer.
    """
    start = re.search(DEPRECATION + rf"class {re.escape(name)}\b", source, re.MULTILINE | re.DOTALL)
    if start is None:
        return None
    lines = source[start.start() :].splitlines()
    ends = (number for number, line in enumerate(lines) if line.rstrip().endswith(QUOTES))
    for end in islice(ends, ATTEMPTS):
        tree = _parsed("\n".join(lines[: end + 1]))
        if tree.body and _docstring(tree.body[0]):  # type: ignore[arg-type]  # a class
            return tree
    return None


def _imported_module(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The absolute name of the module that an import statement in `module` imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) + is_package - node.level]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _source(root: Path, module: str) -> tuple[str, str]:
    """The path and the text of a module's source file; both are empty if there is none that Python can decode.

    Args:
        root: the folder of the module's top-level package, or its only file.
        module: the absolute name of the module.
    """
    _, *inner = module.split(".")
    place = os.path.join(root, *inner)
    files = [str(root)] if os.path.isfile(root) and not inner else [f"{place}.py", os.path.join(place, "__init__.py")]
    try:
        file = next(filter(os.path.isfile, files))
        with open(file, "rb") as source:
            return file, importlib.util.decode_source(source.read())
    except (StopIteration, OSError, SyntaxError, ValueError):
        return "", ""


def _parsed(source: str) -> ast.Module:
    """The syntax tree; empty if Python cannot parse the source."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])
