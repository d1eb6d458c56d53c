"""Writes `docs/reference/`: a page for each interface and for the data it handles, from docstrings and signatures.

Run it after changing an interface: `python docs/make_reference.py`. It reads the source and imports none of it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core"
PAGES = ROOT / "docs" / "reference"
MODULES = (
    "data/variables",
    "data/grid",
    "data/fields",
    "data/source",
    "data/transform",
    "graphs/graph",
    "graphs/builder",
    "model/mapper",
    "model/processor",
    "training/trainer",
    "forecasting/writer",
    "verification/verifier",
)
"""The contracts and the data they handle, in the order of the data."""
SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes):")
ITEM = re.compile(r"(\*?[\w.`, ]+): (.*)")
NOTE = "<!-- Written by docs/make_reference.py from {}: change that, then run it again. -->"

Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Page:
    """One page of the reference."""

    name: str
    title: str
    summary: str
    text: str


def pages() -> list[Page]:
    """Every page, in the order of the data."""
    folder = CORE / "src" / "wxml"
    kinds = _kinds()
    return [page(folder / f"{module}.py", kinds) for module in MODULES]


def _kinds() -> dict[str, str]:
    """The entry-point group of each interface class: `DataSource` → `wxml.data_sources`."""
    project = tomllib.loads((CORE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["wxml.kinds"]
    return {value.partition(":")[2]: f"wxml.{group}" for group, value in points.items()}


def page(path: Path, kinds: dict[str, str]) -> Page:
    """The page of one module.

    Args:
        path: the source.
        kinds: the entry-point group of each interface class.
    """
    module = ast.parse(path.read_text(encoding="utf-8"))
    description = ast.get_docstring(module) or ""
    title, _, summary = description.partition(": ")
    if title not in kinds:
        title, summary = path.stem.capitalize(), description
    public = _public_names(module)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and node.name in public]
    classes.sort(key=lambda node: node.name not in kinds)
    lines = [
        NOTE.format(path.relative_to(ROOT).as_posix()),
        "",
        f"# {title}",
        "",
        f"{summary[0].upper()}{summary[1:]}",
        "",
    ]
    for node in classes:
        lines += _class(node, kinds.get(node.name, ""))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name in public]
    for function in functions:
        lines += ["", *_function(function, "##")]
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", title).lower()
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip())
    return Page(name, title, summary.partition("\n")[0], f"{text}\n")


def _public_names(module: ast.Module) -> list[str]:
    """What `__all__` lists."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


# Classes


def _class(node: ast.ClassDef, group: str) -> Iterator[str]:
    yield f"## `{node.name}`"
    yield ""
    if group:
        yield f"Entry-point group: `{group}`. Import it with `from wxml import {node.name}`."
        yield ""
    yield from markdown(ast.get_docstring(node) or "")
    fields = list(_fields(node))
    if fields:
        yield from ["", *fields]
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and _is_shown(member):
            yield from ["", *_function(member, "###")]
    yield ""


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """The attributes, each with the text below it."""
    for member, below in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(member, ast.AnnAssign) or ast.unparse(member.target).startswith("_"):
            continue
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        said = f": {' '.join(str(below.value.value).split())}" if is_text else ""  # type: ignore[union-attr]
        default = f" = {ast.unparse(member.value)}" if member.value and not _is_factory(member.value) else ""
        written = f"{ast.unparse(member.target)}: {ast.unparse(member.annotation)}{default}"
        yield f"- `{written.replace('np.', '')}`{said}"


def _is_factory(value: ast.expr) -> bool:
    return isinstance(value, ast.Call)


def _is_shown(function: ast.FunctionDef) -> bool:
    """Whether an author needs to know a method: it is public, or she is to write it."""
    special = function.name == "__init__" or "abstractmethod" in _decorators(function)
    return special or not function.name.startswith("_")


# Functions


def _function(function: ast.FunctionDef, level: str) -> Iterator[str]:
    yield f"{level} `{function.name}`{_role(function)}"
    yield ""
    yield "```python"
    yield signature(function)
    yield "```"
    text = ast.get_docstring(function)
    if text:
        yield ""
        yield from markdown(text)


def _decorators(function: ast.FunctionDef) -> list[str]:
    return [ast.unparse(decorator) for decorator in function.decorator_list]


def _role(function: ast.FunctionDef) -> str:
    """What a plugin has to do with a method."""
    decorators = _decorators(function)
    if "abstractmethod" in decorators:
        return " (a plugin writes this)"
    if "final" in decorators:
        return " (core has written this: do not override it)"
    if function.name == "__init__":
        return " (the positional parameters are what core hands over; a plugin's own come after `*`)"
    return " (property)" if "property" in decorators else ""


def signature(function: ast.FunctionDef) -> str:
    """The first line of a function, without `self` and the name of NumPy."""
    arguments = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(function.args))
    returns = ast.unparse(function.returns) if function.returns else "None"
    if "property" in _decorators(function):
        return f"{function.name}: {returns}".replace("np.", "")
    return f"def {function.name}({arguments}) -> {returns}".replace("np.", "")


# Docstrings


def markdown(text: str) -> Iterator[str]:
    """A docstring in Google's style as Markdown: its sections become lists, its examples code."""
    lines, section = text.splitlines(), ""
    items: list[str] = []
    for line in lines:
        match = SECTION.fullmatch(line.strip())
        if match and not line.startswith(" "):
            yield from _flushed(section, items)
            section, items = match[1], []
        elif section and (line.startswith(" ") or not line.strip()):
            items.append(line)
        else:
            yield from _flushed(section, items)
            section, items = "", []
            yield f"    {line}" if line.startswith((">>>", "...")) else line
    yield from _flushed(section, items)


def _flushed(section: str, lines: list[str]) -> Iterator[str]:
    """One section as a list, or as a paragraph where it names nothing."""
    if not section:
        return
    yield f"**{section}**"
    yield ""
    written: list[str] = []
    for line in filter(str.strip, lines):
        item = ITEM.fullmatch(line.strip())
        starts = line.startswith("    ") and not line.startswith("     ")
        if starts and item and section not in ("Returns", "Yields"):
            names = ", ".join(f"`{name.strip('` ')}`" for name in item[1].split(","))
            written.append(f"- {names}: {item[2]}")
        elif starts or not written:
            written.append(line.strip())
        else:
            written[-1] += f" {line.strip()}"
    yield from written
    yield ""


# Files


def index(found: list[Page]) -> str:
    """The page that lists the others."""
    rows = [f"- [{one.title}]({one.name}.md): {one.summary}" for one in found]
    return "\n".join([NOTE.format("the interfaces"), "", "# Reference", "", *rows]) + "\n"


def files() -> dict[Path, str]:
    """Every file of the reference with its content."""
    found = pages()
    return {PAGES / "README.md": index(found), **{PAGES / f"{one.name}.md": one.text for one in found}}


def main() -> None:
    """Write the reference, and remove what does not belong to it any more."""
    PAGES.mkdir(exist_ok=True)
    written = files()
    for path in PAGES.glob("*.md"):
        if path not in written:
            path.unlink()
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
