"""`wxml/__init__.py` lists what third parties may import: our own plugins use nothing else, and every entry is in use.

The list has names of `wxml`, and modules that are public as a whole; `wxml_kernels` is a library beside it.
"""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wxml

MODULES = {"wxml_kernels", *(f"wxml.{module}" for module in wxml.PUBLIC_MODULES)}
ROOTS = ("wxml", "wxml_kernels")
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
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOTS:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] in ROOTS)


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
    folders = (".", "docs", "docs/extend", "kernels", "core", "plugins/*", "examples/*")
    pages = [page for folder in folders for page in root.glob(f"{folder}/*.md")]
    return [
        Code(f"{page.relative_to(root)}", code)
        for page in sorted(pages)
        if page.name != "CHANGELOG.md"
        for match in EXAMPLE.findall(page.read_text())
        for code in match
        if code
    ]


def test_plugins_import_nothing_else(plugins: list[Code]) -> None:
    assert len(plugins) > 80
    assert private_imports(plugins) == []


def test_example_packages_import_nothing_else(root: Path) -> None:
    code = [Code(f"{path}", path.read_text()) for path in sorted(root.glob("examples/*/src/**/*.py"))]
    assert len(code) >= 10
    assert private_imports(code) == []
    roots = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for one in code
        for node in ast.walk(ast.parse(one.text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    own = {path.name for path in root.glob("examples/*/src/*")}
    assert roots - own - set(sys.stdlib_module_names) <= {"wxml", "wxml_kernels", "click", "numpy", "pydantic", "torch"}


def test_examples_import_nothing_else(examples: list[Code]) -> None:
    assert len([one for code in examples for one in imports(code)]) > 5
    assert private_imports(examples) == []


@pytest.mark.parametrize(
    "code",
    [
        "from wxml.graphs.graph import Mesh",
        "def f():\n    import wxml.config.load",
        "if TYPE_CHECKING:\n    from wxml.experiment import Experiment",
        "from wxml import cli",
        "from wxml_kernels.edges import EdgeIndex",
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


def test_every_name_and_module_is_used(plugins: list[Code], examples: list[Code], root: Path) -> None:
    """By a plugin, its tests or an example, as the contract of a kind, or as a part of another public name."""
    tests = [Code(str(path), path.read_text()) for path in root.glob("plugins/*/tests/**/*.py")]
    used = {one for code in [*plugins, *examples, *tests] for one in imports(code)}
    assert {module for module, _ in used} >= MODULES
    project = tomllib.loads((root / "core" / "pyproject.toml").read_text())["project"]
    contracts = {value.partition(":")[2] for value in project["entry-points"]["wxml.kinds"].values()}
    reference = "\n".join(path.read_text() for path in (root / "docs" / "reference").glob("*.md"))
    signatures = re.findall(r"^```python\n(.*?)^```|^- `([^`]*)`", reference, re.MULTILINE | re.DOTALL)
    in_signatures = {word for pair in signatures for word in re.findall(r"\w+", " ".join(pair))}
    known = {name for module, name in used if module == "wxml"} | contracts | in_signatures | set(wxml.errors.__all__)
    assert set(wxml._WHERE) - known == set()


def test_every_name_is_documented(root: Path) -> None:
    headings = {
        heading
        for path in (root / "docs" / "reference").glob("*.md")
        for heading in re.findall(r"^## `(\w+)`", path.read_text(), re.MULTILINE)
    }
    names = {name for module in MODULES for name in importlib.import_module(module).__all__}
    assert (names | set(wxml._WHERE)) - headings == set()
