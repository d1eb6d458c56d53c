"""The pages of `docs/reference/` are what their generator makes of the source, and say what an author must know."""

import importlib.util
import inspect
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def generator(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", root / "docs" / "make_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "make_reference", module)
        spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(generator: ModuleType, root: Path) -> None:
    written = {path.name: path.read_text() for path in (root / "docs" / "reference").glob("*.md")}
    made = {path.name: text for path, text in generator.files().items()}
    assert set(written) == set(made)
    stale = [name for name, text in made.items() if written[name] != text]
    assert stale == [], "run: python docs/make_reference.py"


def test_every_interface_has_its_page_and_entry_point_group(generator: ModuleType, root: Path) -> None:
    project = tomllib.loads((root / "core" / "pyproject.toml").read_text())["project"]
    made = {path.stem: text for path, text in generator.files().items()}
    for group, value in project["entry-points"]["wxml.kinds"].items():
        name = value.partition(":")[2]
        text = made[re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()]
        assert f"Entry-point group: `wxml.{group}`. Import it with `from wxml import {name}`." in text
        assert f"## `{name}`" in text
        writes_something = name not in ("Callback", "Extension")  # a callback chooses what it looks at
        assert ("(a plugin writes this)" in text) is writes_something


def test_what_a_plugin_writes_is_exactly_what_is_abstract(generator: ModuleType) -> None:
    import wxml

    for page in generator.pages():
        for part in page.text.split("\n## ")[1:]:
            name = part.split("`")[1]
            written = set(re.findall(r"### `(\w+)` \(a plugin writes this\)", part))
            found = getattr(wxml, name, None)
            abstract = found.__abstractmethods__ if inspect.isabstract(found) else frozenset[str]()
            assert written == {each for each in abstract if each in vars(found)}, name


def test_links_lead_somewhere(root: Path) -> None:
    folder = root / "docs" / "reference"
    targets = re.findall(r"\]\(([\w.-]+)\)", (folder / "README.md").read_text())
    assert len(targets) >= 8
    assert [target for target in targets if not (folder / target).is_file()] == []


DOCSTRING = """Do it.

Args:
    one, two: numbers
        that go on.
    three: another.

Returns:
    Shape `[a]`: text
    that goes on.

Raises:
    DataError: no.

>>> 1 + 1
2
"""


def test_a_docstring_becomes_markdown(generator: ModuleType) -> None:
    assert list(filter(None, generator.markdown(DOCSTRING))) == [
        "Do it.",
        "**Args**",
        "- `one`, `two`: numbers that go on.",
        "- `three`: another.",
        "**Returns**",
        "Shape `[a]`: text",
        "that goes on.",
        "**Raises**",
        "- `DataError`: no.",
        "    >>> 1 + 1",
        "    2",
    ]
