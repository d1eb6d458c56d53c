"""The line that click shows of a command in a list, read from its syntax tree without importing it."""

__all__ = ["CommandNode", "command_help"]

import ast
import inspect
from collections.abc import Iterator

CommandNode = ast.FunctionDef | ast.Assign | ast.AnnAssign
"""A statement that may make a command: `def tool(): …` with its decorators, or `tool = click.Group(…)`."""
COMMANDS = ("command", "group")
"""The ends of the names of decorators and classes that make a command: `click.command`, `main.group`, `AcmeCommand`."""


def command_help(node: CommandNode) -> str:
    """A command's `short_help`, else the first sentence of its `help` or its docstring; empty without any."""
    given = _given(node)
    docstring = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
    if given.get("short_help"):
        return " ".join(given["short_help"].split())
    return _first_sentence(given.get("help") or docstring or "")


def _given(node: CommandNode) -> dict[str, str]:
    """The keyword arguments that are texts of the call that makes the command."""
    calls = node.decorator_list if isinstance(node, ast.FunctionDef) else _calls(node.value)
    for call in calls:
        if isinstance(call, ast.Call) and ast.unparse(call.func).lower().endswith(COMMANDS):
            return {
                each.arg: each.value.value
                for each in call.keywords
                if each.arg and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str)
            }
    return {}


def _calls(node: ast.expr | None) -> Iterator[ast.expr]:
    """The call, and the one that it calls the result of: both of `click.command(help="…")(function)`."""
    while isinstance(node, ast.Call):
        yield node
        node = node.func


def _first_sentence(text: str) -> str:
    """The first sentence of the first paragraph, as click shortens a help; click shows nothing after a form feed."""
    words = inspect.cleandoc(text.partition("\f")[0]).partition("\n\n")[0].split()
    words = words[words[:1] == ["\b"] :]  # this mark keeps the lines of a paragraph
    end = next((number for number, word in enumerate(words, 1) if word.endswith(".")), len(words))
    return " ".join(words[:end])
