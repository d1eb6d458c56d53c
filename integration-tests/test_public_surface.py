"""`wxml/__init__.py` lists what third parties may import: our own plugins use nothing else, and every entry is in use.

The list has names of `wxml`, and modules that are public as a whole; `wxml_kernels` is a library beside it.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wxml

MODULES = {f"wxml.{module}" for module in wxml.PUBLIC_MODULES}
EXAMPLE = re.compile(r"^```python\n(.*?)^```|^((?:    .*\n|\n)+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Code:
    """Python that a third party might have written."""

    name: str
    text: str


def imports(code: Code) -> Iterator[tuple[str, str]]:
    """Module and name of every import from `wxml`, those for type checkers included."""
    try:
        tree = ast.parse(code.text)
    except SyntaxError:  # a template with gaps, an example in an indented block that is no Python
        tree = ast.Module([], [])
        statements = re.findall(r"^\s*((?:from wxml\S* import|import wxml)[^#\n]*)$", code.text, re.MULTILINE)
        tree.body = [node for line in statements for node in _statement(line)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "wxml":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "wxml")


def _statement(line: str) -> list[ast.stmt]:
    try:
        return ast.parse(line).body
    except SyntaxError:
        return []


def is_public(module: str, name: str) -> bool:
    if module == "wxml":
        return not name or name in wxml.__all__
    return module in MODULES and (not name or name in importlib.import_module(module).__all__)


def private_imports(found: list[Code]) -> list[str]:
    return [f"{code.name} imports {' '.join(one)}" for code in found for one in imports(code) if not is_public(*one)]


@pytest.fixture(scope="module")
def plugins(root: Path) -> list[Code]:
    paths = sorted(root.glob("plugins/*/src/**/*.py"))
    return [Code(path.relative_to(root).as_posix(), path.read_text()) for path in paths]


@pytest.fixture(scope="module")
def examples(root: Path) -> list[Code]:
    """The code in every page and README."""
    pages = [page for folder in (".", "docs", "kernels", "core", "plugins/*") for page in root.glob(f"{folder}/*.md")]
    return [
        Code(f"{page.relative_to(root)}", code)
        for page in sorted(pages)
        if page.name != "CHANGELOG.md"
        for match in EXAMPLE.findall(page.read_text())
        for code in match
        if code
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from wxml.graphs.graph import Mesh",
        "def f():\n    import wxml.config.load",
        "if TYPE_CHECKING:\n    from wxml.experiment import Experiment",
        "from wxml import cli",
        "from wxml.data.times import datetime",
        "class {{ name }}\n    from wxml.config.load import load_config\n",
    ],
)
def test_another_import_is_seen(code: str) -> None:
    assert len(private_imports([Code("planted", code)])) == 1


def test_every_name_is_there_and_where_type_checkers_look_for_it(root: Path) -> None:
    for name in wxml._WHERE:
        assert getattr(wxml, name) is not None
    (block,) = (node for node in ast.parse(Path(wxml.__file__).read_text()).body if isinstance(node, ast.If))
    seen = {
        (alias.asname, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname
    }
    assert seen == {(name, f"wxml.{module}") for name, module in wxml._WHERE.items()}


def test_every_name_is_documented(root: Path) -> None:
    headings = {
        heading
        for path in (root / "docs" / "reference").glob("*.md")
        for heading in re.findall(r"^## `(\w+)`", path.read_text(), re.MULTILINE)
    }
    names = {name for module in MODULES for name in importlib.import_module(module).__all__}
    assert (names | set(wxml._WHERE)) - headings == set()
