"""`docs/plugin-scorecard.md` promises nothing that no test shows: each row has an answer, each test is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w./-]+\.py)::([\w:]+)`")
ANSWERS = {"yes", "partly", "no", "ruled out"}
ROWS = 54


class Row(NamedTuple):
    """One line of the tables."""

    number: int
    asked: str
    answer: str
    shown: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        """The files and names of its tests."""
        return TEST.findall(self.shown)


def rows(page: str) -> list[Row]:
    return [Row(int(number), *rest) for number, *rest in ROW.findall(page)]


def faults(page: str, root: Path) -> Iterator[str]:
    """A sentence for everything that is wrong with a page."""
    found = rows(page)
    for number in sorted({row.number for row in found} ^ set(range(1, ROWS + 1))):
        yield f"row {number} is missing or too many"
    if len(found) != len({row.number for row in found}):
        yield "a row is there twice"
    for row in found:
        if row.answer not in ANSWERS:
            yield f"row {row.number}: {row.answer!r} is no answer"
        if row.answer == "yes" and not row.tests:
            yield f"row {row.number} names no test"
        if row.answer != "yes" and len(row.shown.split()) < 4:
            yield f"row {row.number} gives no reason"
        yield from (f"row {row.number}: no {file}::{name}" for file, name in row.tests if not exists(root / file, name))


def exists(file: Path, name: str) -> bool:
    """Whether a file defines a test, `test_name` or `TestClass::test_name`."""
    if not file.is_file():
        return False
    body: list[ast.stmt] = ast.parse(file.read_text()).body
    for part in name.split("::"):
        nodes = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part]
        if not nodes:
            return False
        body = nodes[0].body
    return name.rpartition("::")[2].startswith("test_")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "plugin-scorecard.md").read_text()


def test_every_answer_stands_on_something(page: str, root: Path) -> None:
    assert list(faults(page, root)) == []


def test_every_bad_plugin_is_among_the_rows(page: str) -> None:
    said = page.partition("## Plugins that do something wrong")[2]
    for word in ("sys.exit", "sleeps", "crashes", "base class", "**options", "UTF-8", "stdout", "dtype", "hook"):
        assert word in said


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| 2 | the list", "| 1 | the list", "row 2 is missing"),
        ("| 2 | the list", "| 1 | the list", "a row is there twice"),
        (
            "test_all_is_listed_and_none_imported",
            "test_that_is_gone",
            "row 2: no integration-tests/test_bad_plugins.py",
        ),
        ("core/tests/cli/test_doctor.py", "core/tests/cli/test_gone.py", "row 35: no core/tests/cli/test_gone.py"),
        ("| ruled out | an interface", "| maybe | an interface", "row 5: 'maybe' is no answer"),
        ("| no | nothing is signed yet |", "| yes | of course |", "row 50 names no test"),
        ("| no | nothing is signed yet |", "| no | later |", "row 50 gives no reason"),
    ],
)
def test_a_rotten_page_is_seen(old: str, new: str, fault: str, page: str, root: Path) -> None:
    assert old in page
    assert any(said.startswith(fault) for said in faults(page.replace(old, new), root))
