"""What `check` leaves to `nox -s long`: each long proof has a short form that `check` runs, and is in the table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = "docs/long-proofs.md"
OTHERS = "the same with other parameters"


class Proof(NamedTuple):
    """A test function, and the short forms that its marks `long` name; "": itself, with other parameters."""

    name: str
    shorts: tuple[str, ...]
    always: bool
    """Whether the mark is on the function: else it is on some of its parameters."""


def is_long(node: ast.AST) -> bool:
    """Whether this is `pytest.mark.long(…)`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.long"


def shorts_in(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """What the marks `long` name in a piece of code, and in the constants of its module that it names; "": nothing."""
    for inner in ast.walk(node):
        if is_long(inner):
            assert isinstance(inner, ast.Call)
            yield ast.literal_eval(inner.args[0]) if inner.args else ""
        elif isinstance(inner, ast.Name) and inner.id in constants:
            rest = {name: value for name, value in constants.items() if name != inner.id}
            yield from shorts_in(constants[inner.id], rest)


def those_in(path: Path) -> Iterator[Proof]:
    """Those of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    constants = {name.id: node.value for node in assigned for name in node.targets if isinstance(name, ast.Name)}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        marks = [constants.get(one.id, one) if isinstance(one, ast.Name) else one for one in function.decorator_list]
        shorts = [short for mark in function.decorator_list for short in shorts_in(mark, constants)]
        others = dict.fromkeys("" if short == function.name else short for short in shorts)
        yield Proof(function.name, tuple(others), any(map(is_long, marks)))


def every_test(root: Path) -> list[tuple[str, Proof]]:
    """(file, test) of all packages."""
    files = sorted(
        file
        for pattern in ("*/tests", "plugins/*/tests", "integration-tests")
        for folder in root.glob(pattern)
        for file in folder.rglob("test_*.py")
    )
    return [(file.name, test) for file in files for test in those_in(file)]


def test_each_long_proof_has_a_short_form_in_the_check_and_is_in_the_table(root: Path) -> None:
    found = every_test(root)
    assert len(found) > 1000
    in_check = {test.name for _, test in found if not test.always}
    proofs = [(file, test.name, short) for file, test in found for short in test.shorts]
    assert [proof for proof in proofs if (proof[2] or proof[1]) not in in_check] == [], "the check has no short form"
    rows = [f"| `{file}` | {name} | {short or OTHERS} |" for file, name, short in proofs]
    page = (root / PAGE).read_text(encoding="utf-8")
    assert re.findall(r"^\| `.*$", page, re.MULTILINE) == rows, f"the table of {PAGE} is:\n" + "\n".join(rows)
