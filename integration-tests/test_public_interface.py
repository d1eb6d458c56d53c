"""`docs/public-interface.txt` has every public name and signature; a released one changes with a version and a word.

The script that writes the file refuses what this test refuses.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def gate(root: Path) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "docs"))
        patch.setattr(sys, "dont_write_bytecode", True)
        spec = importlib.util.spec_from_file_location("public_interface", root / "docs" / "public_interface.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "public_interface", module)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("make_reference", None)


def test_no_released_name_has_changed_without_a_version_and_a_word(gate: ModuleType) -> None:
    broken, _ = gate.state()
    assert broken == []


def test_the_file_is_up_to_date(gate: ModuleType, root: Path) -> None:
    released, lines = gate.read(gate.FILE.read_text())
    _, text = gate.state()
    assert gate.FILE.read_text() == text, "run: python docs/public_interface.py"
    assert len(lines) > 400
    assert {line.since for name, line in lines.items() if name.startswith("wxml.")} >= {released["wxml"]}


# The rule itself

RECORDED = {"wxml.Fields.values": ("0.2", "Values"), "wxml.run": ("0.3", "() -> None")}


def told(gate: ModuleType, found: dict[str, str], *, version: str, news: str = "", released: str = "0.2") -> list[str]:
    recorded = {name: gate.Line(*line) for name, line in RECORDED.items()}
    packages = {"wxml": gate.Package(released, version, news)}
    whole = {name: form for name, (_, form) in RECORDED.items()} | found
    return gate.faults(recorded, {name: form for name, form in whole.items() if form}, packages)


@pytest.mark.parametrize(
    ("form", "version", "news", "needs"),
    [
        ("Values", "0.2", "", None),
        ("", "0.3", "- `Fields.values` is gone.", None),
        ("Other", "0.3", "- `values` of `Fields` is another.", None),
        ("", "0.3", "- The values of fields are gone.", "a line in the changelog of 0.3 that names `values`"),
        ("Other", "0.3", "", "a line in the changelog of 0.3 that names `values`"),
        ("Other", "0.3", "- `values_of` is new.", "a line in the changelog of 0.3 that names `values`"),
        ("", "0.2", "- `Fields.values` is gone.", "a minor version after 0.2"),
        ("", "0.2", "", "a minor version after 0.2 and a line in the changelog of 0.2 that names `values`"),
        ("", "1.0", "- `values` is gone.", None),
    ],
)
def test_a_released_name_needs_a_minor_version_and_a_line_in_the_changelog(
    gate: ModuleType, form: str, version: str, news: str, needs: str | None
) -> None:
    what = "`wxml.Fields.values` is gone" if not form else f"`wxml.Fields.values` was `Values` and is `{form}`"
    expected = [f"{what}: it needs {needs}"] if needs else []
    assert told(gate, {"wxml.Fields.values": form}, version=version, news=news) == expected


def test_what_is_new_and_what_was_never_released_may_change(gate: ModuleType) -> None:
    assert told(gate, {"wxml.new": "() -> int", "wxml.run": ""}, version="0.3") == []
    assert told(gate, {"wxml.Fields.values": ""}, version="0.2", released="") == []
    assert len(told(gate, {"wxml.run": ""}, version="0.3", released="0.3")) == 1


def test_what_stays_keeps_its_version_and_what_changes_gets_that_of_the_source(gate: ModuleType) -> None:
    recorded = {name: gate.Line(*line) for name, line in RECORDED.items()}
    found = {"wxml.Fields.values": "Values", "wxml.new": "int", "wxml.run": "(now: bool) -> None"}
    text = gate.written({"wxml": "0.2"}, recorded, found, {"wxml": "0.4"})
    released, lines = gate.read(text)
    assert released == {"wxml": "0.2"}
    assert {name: line.since for name, line in lines.items()} == {
        "wxml.Fields.values": "0.2",
        "wxml.new": "0.4",
        "wxml.run": "0.4",
    }
    assert {name: line.form for name, line in lines.items()} == found


def test_signatures_are_those_of_the_source(gate: ModuleType) -> None:
    found = gate.interface()
    assert found["wxml.DataSource"] == "class(ABC)"
    assert found["wxml.DataSource.read"].startswith("final (times: ")
    assert found["wxml.DataSource._read"].startswith("abstractmethod (time_indices: ")
    assert found["wxml.errors.nearest"] == "(name: str, known: Iterable[str]) -> str"
    assert "wxml.errors.WxmlError" in found
    assert any(name.startswith("wxml_kernels.") for name in found)


def test_the_script_refuses_to_write_over_a_broken_promise(gate: ModuleType, root: Path, tmp_path: Path) -> None:
    """In a copy of the repository, of which a released function has another parameter and no changelog names it."""
    for name in ("make_reference.py", "public_interface.py", "public-interface.txt"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text((root / "docs" / name).read_text())
    for package in gate.PACKAGES.values():
        for path in [*(root / package / "src").rglob("*.py"), root / package / "pyproject.toml"]:
            copy = tmp_path / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
        (tmp_path / package / "CHANGELOG.md").write_text("## 0.2.0\n\n- Nothing.\n")
    before = (tmp_path / "docs" / "public-interface.txt").read_text()
    source = tmp_path / "core" / "src" / "wxml" / "data" / "times.py"
    assert "0.1  wxml.parse" not in before
    changed = source.read_text().replace("def parse_time(value: ", "def parse_time(words: ")
    source.write_text(changed)
    (tmp_path / "docs" / "public-interface.txt").write_text(
        before.replace("0.2  wxml.data.times.parse_time", "0.1  wxml.data.times.parse_time")
    )
    script = [sys.executable, "-B", str(tmp_path / "docs" / "public_interface.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: this changes what was released" in done.stderr
    assert "a line in the changelog of 0.2 that names `parse_time`" in done.stderr
    news = "## 0.2.0\n\n- `parse_time` has `words`.\n"
    (tmp_path / "core" / "CHANGELOG.md").write_text(news + "".join(f"- `{name}`\n" for name in named(done.stderr)))
    assert subprocess.run(script, capture_output=True, check=False).returncode == 0
    assert "0.2  wxml.data.times.parse_time  (words: " in (tmp_path / "docs" / "public-interface.txt").read_text()


def named(text: str) -> list[str]:
    """The names that the changelog lacks."""
    return [line.rpartition("that names `")[2].strip("`") for line in text.splitlines() if "that names `" in line]
