"""Pages of promises say nothing that no test shows: each row has an answer, and each test that it names is there."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w./-]+\.py)?(?:::([\w:]+))?`")
"""`file::name`, `file`, or `::name` of the file before it."""
ANSWERS = {"yes", "partly", "no", "ruled out"}
ROWS = 54
UNSIGNED = (
    "| no | nothing is signed: a signature is worth what its key is, and users know no key of this project; "
    "for hashes see 42 and 52 |"
)


class Row(NamedTuple):
    """One line of the tables."""

    number: int
    asked: str
    answer: str
    shown: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        """The files and names of its tests."""
        return list(cited(self.shown))


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


def promises(page: str) -> Iterator[tuple[str, str]]:
    """What each row of `docs/reliability.md` is about, and the cell with its tests."""
    for first, second in pairwise(page.splitlines()):
        if first.startswith("|") and second.startswith("| ") and not second.startswith("| -"):
            cells = second.strip("| ").split(" | ")
            yield cells[0], cells[-1]


def broken_promises(page: str, root: Path) -> Iterator[str]:
    """A sentence for each row without a test, and for each test that is not there."""
    for kind, shown in promises(page):
        tests = list(cited(shown))
        if not tests:
            yield f"{kind}: names no test"
        yield from (f"{kind}: no {file}::{name}" for file, name in tests if not exists(root / file, name))


def cited(text: str) -> Iterator[tuple[str, str]]:
    """The file and the name of each test in a text; the name is empty for a whole file."""
    file = ""
    for match in TEST.finditer(text):
        file = match[1] or file
        if match[1] or match[2]:
            yield file, match[2] or ""


def exists(file: Path, name: str) -> bool:
    """Whether a file defines a test, `test_name` or `TestClass::test_name`; without a name, whether it is there."""
    if not file.is_file():
        return False
    body: list[ast.stmt] = ast.parse(file.read_text()).body
    for part in filter(None, name.split("::")):
        nodes = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part]
        if not nodes:
            return False
        body = nodes[0].body
    return not name or name.rpartition("::")[2].startswith("test_")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "plugin-scorecard.md").read_text()


def test_every_answer_stands_on_something(page: str, root: Path) -> None:
    assert list(faults(page, root)) == []


def test_every_bad_plugin_is_among_the_rows(page: str) -> None:
    said = page.partition("## Plugins that do something wrong")[2]
    for word in ("sys.exit", "sleeps", "crashes", "base class", "**options", "UTF-8", "stdout", "dtype", "hook"):
        assert word in said


def test_every_row_of_bad_data_stands_on_a_test(root: Path) -> None:
    page = (root / "docs" / "bad-data.md").read_text()
    assert len(list(promises(page))) > 25
    assert list(broken_promises(page, root)) == []


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
        (UNSIGNED, "| yes | of course |", "row 50 names no test"),
        (UNSIGNED, "| no | later |", "row 50 gives no reason"),
    ],
)
def test_a_rotten_page_is_seen(old: str, new: str, fault: str, page: str, root: Path) -> None:
    assert old in page
    assert any(said.startswith(fault) for said in faults(page.replace(old, new), root))


@pytest.fixture(scope="module")
def reliability(root: Path) -> str:
    return (root / "docs" / "reliability.md").read_text()


def test_every_promise_of_reliability_stands_on_a_test(reliability: str, root: Path) -> None:
    assert len(list(promises(reliability))) > 80
    assert list(broken_promises(reliability, root)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("test_each_metric_has_a_direction", "test_gone", "a metric of which larger, or nearer to zero, is better: no"),
        ("tests/data/test_units.py`", "tests/data/test_gone.py`", "files of one variable in different units: no"),
        ("`::test_an_allow_list_refuses_shadowed_code`", "`::test_gone`", "a folder on `PYTHONPATH`"),
        ("`integration-tests/test_fuzz.py`", "every test", "mutated checkpoints"),
    ],
)
def test_a_broken_promise_is_seen(old: str, new: str, fault: str, reliability: str, root: Path) -> None:
    assert old in reliability
    assert any(said.startswith(fault) for said in broken_promises(reliability.replace(old, new), root))
