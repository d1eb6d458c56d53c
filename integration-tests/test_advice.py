"""Each fix that an error proposes is carried out by a test, which names it: `pytest.mark.carries_out(fix)`.

`conftest.py` of the repository fails a marked test in which no error proposes the fix.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for pattern in ("core", "kernels", "plugins/*") for path in ROOT.glob(f"{pattern}/src/**/*.py"))
FOLDERS = ("core/tests", "kernels/tests", "plugins/*/tests", "integration-tests")
NOT_YET = set(Path(__file__).with_name("advice_not_yet.txt").read_text(encoding="utf-8").splitlines())
"""Fixes that no test carries out yet; one that a test carries out, or that no error proposes, leaves the list."""
TESTS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py"))

NOBODY_CAN = {
    r"(\{\}|.*\n)?tell the authors.*|.*: tell its authors": "the plugin has a fault that its authors mend",
    r"ask its owner.*": "the file belongs to somebody else",
    r"see \{\} in the documentation of .*": "the options are those of another library",
    r"upgrade wxml-core": "no newer version is there",
}
"""Fixes that a test cannot carry out, as patterns, and the reasons."""


class Advice:
    """The fixes that the errors of one file propose, with `{}` for what is not known before it runs."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))

    @cached_property
    def named(self) -> dict[str, list[ast.expr]]:
        """The values that each name is given, anywhere in the file."""
        values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._give(values, target, node.value)
        return values

    def _give(self, values: dict[str, list[ast.expr]], target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            values.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for each, part in zip(target.elts, value.elts, strict=True):
                self._give(values, each, part)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of the parameter `fix` of each function of the file, and of the field `fix` of each dataclass."""
        names = {
            node.name: [each.arg for each in node.args.args]
            if isinstance(node, ast.FunctionDef)
            else [ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        return {name: parts.index("fix") for name, parts in names.items() if "fix" in parts}

    def texts(self) -> Iterator[str]:
        """The text of every argument `fix`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.keyword) and node.arg == "fix":
                yield from self._texts(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = self.places.get(node.func.id, len(node.args))
                yield from (text for each in node.args[place : place + 1] for text in self._texts(each))

    def _texts(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield "".join(next(self._texts(part)) if isinstance(part, ast.Constant) else "{}" for part in parts)
            case ast.BinOp(left=left, right=right):
                yield from (before + after for before in self._texts(left) for after in self._texts(right))
            case ast.IfExp(body=body, orelse=other):
                yield from (*self._texts(body), *self._texts(other))
            case ast.BoolOp(values=values):
                yield from (text for value in values for text in self._texts(value))
            case ast.Call(func=ast.Name(id="nearest")):
                yield "{}known: {}"
            case ast.Call(func=ast.Attribute(value=value, attr="format")):
                yield from self._texts(value)
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                yield f"{name}()"
            case ast.Name(id=name):
                yield from (text for value in self.named.get(name, []) for text in self._texts(value))


@cache
def texts() -> set[str]:
    """Every text that an error of wxml proposes."""
    found = {text.replace("{!r}", "{}") for path in SOURCES for text in Advice(path).texts()}
    return {text for text in found if text.strip("{}")}


def proposed() -> set[str]:
    """The fixes that a test can carry out."""
    return {text for text in texts() if not any(re.fullmatch(kind, text, re.DOTALL) for kind in NOBODY_CAN)}


@cache
def carried_out() -> set[str]:
    """The texts that tests name in a call of `carries_out`."""
    calls = [
        node for path in TESTS for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    named = [call for call in calls if ast.unparse(call.func).endswith("carries_out")]
    return {arg.value for call in named for arg in call.args if isinstance(arg, ast.Constant)}


def test_a_test_carries_out_each_fix_that_an_error_proposes():
    assert proposed() - carried_out() == NOT_YET


def test_no_test_carries_out_what_no_error_proposes():
    assert carried_out() <= proposed()


@pytest.mark.parametrize("kind", NOBODY_CAN)
def test_what_nobody_can_carry_out_is_proposed(kind):
    assert any(re.fullmatch(kind, text, re.DOTALL) for text in texts())
