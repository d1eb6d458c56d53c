"""Writes `docs/reference/`: a page for each public module of `wxml`, and one for `wxml_kernels`, from docstrings.

What is public is said in `wxml/__init__.py`. Run this after changing a public docstring or signature:
`python docs/make_reference.py`. It reads the source and imports none of it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core" / "src" / "wxml"
KERNELS = ROOT / "kernels" / "src" / "wxml_kernels"
PAGES = ROOT / "docs" / "reference"
ROOMS = (
    "errors",
    "data",
    "graphs",
    "model",
    "training",
    "forecasting",
    "verification",
    "experiment",
    "config",
    "plugins",
    "environment",
    "artefacts",
    "files",
    "cluster",
    "extras",
    "masking",
    "memory",
    "terminal",
    "testing",
)
"""The order of the pages: that of the data, then what serves it."""
SECTION = re.compile(r"(Args|Returns|Raises|Yields|Attributes):")
ITEM = re.compile(r"(\*?[\w.`, ]+): (.*)")
NOTE = "<!-- Written by docs/make_reference.py from {}: change that, then run it again. -->"

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True)
class Surface:
    """What third parties may import of `wxml`."""

    names: dict[str, str]
    """Name in `wxml` → the module that defines it, such as `data.grid`."""
    modules: tuple[str, ...]
    """Modules that are public as a whole, such as `data.sphere`."""


@dataclass(frozen=True)
class Page:
    """One page of the reference."""

    name: str
    title: str
    summary: str
    text: str
    room: str
    """The room of core that it is in; of the kernels, their package."""


@dataclass(frozen=True)
class Found:
    """Where a public name is defined."""

    node: Definition
    code: str = ""
    """The source of a constant."""
    text: str = ""
    """What stands below a constant."""


def surface() -> Surface:
    """The public names and modules that `wxml/__init__.py` lists."""
    values = {
        ast.unparse(node.targets[0]): node.value
        for node in _parsed(CORE / "__init__.py").body
        if isinstance(node, ast.Assign)
    }
    return Surface(ast.literal_eval(values["_WHERE"]), ast.literal_eval(values["PUBLIC_MODULES"]))


def pages() -> list[Page]:
    """Every page: the modules of `wxml` in the order of the data, then `wxml_kernels`."""
    public, kinds = surface(), _kinds()
    found = []
    for module in sorted({*public.names.values(), *public.modules}, key=_place):
        path = _file(CORE, module)
        if module in public.modules:
            found.append(page(path, f"wxml.{module}", _public_names(_parsed(path)), kinds))
        else:
            names = [name for name, where in public.names.items() if where == module]
            found.append(page(path, "wxml", names, kinds))
    kernels = KERNELS / "__init__.py"
    return [*found, page(kernels, "wxml_kernels", _public_names(_parsed(kernels)), kinds)]


def _place(module: str) -> tuple[int, str]:
    return ROOMS.index(module.partition(".")[0]), module


def _file(package: Path, module: str) -> Path:
    path = package.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _kinds() -> dict[str, str]:
    """The entry-point group of each interface class: `DataSource` → `wxml.data_sources`."""
    project = tomllib.loads((CORE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["wxml.kinds"]
    return {value.partition(":")[2]: f"wxml.{group}" for group, value in points.items()}


def page(path: Path, module: str, names: list[str], kinds: dict[str, str]) -> Page:
    """The page of one module.

    Args:
        path: the source.
        module: the module from which a third party imports the names.
        names: the public names.
        kinds: the entry-point group of each interface class.
    """
    description = ast.get_docstring(_parsed(path)) or ""
    title, _, summary = description.partition(": ")
    if title not in kinds:
        title, summary = module, description
    if title == "wxml":
        title = names[0] if len(names) == 1 else path.stem.capitalize()
    lines = [
        NOTE.format(path.relative_to(ROOT).as_posix()),
        "",
        f"# {title}",
        "",
        *markdown(f"{summary[0].upper()}{summary[1:]}"),
        "",
    ]
    if module != "wxml":
        lines += [f"Import from `{module}`.", ""]
    order = {ast.ClassDef: 1, ast.FunctionDef: 2}
    found = {name: _definition(path, name) for name in names}
    rank = {name: (name not in kinds, order.get(type(found[name].node), 3)) for name in names}
    for name in sorted(names, key=rank.__getitem__):
        lines += ["", *_described(name, found[name], module, kinds.get(name, ""))]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip())
    file = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", title.removeprefix("wxml.")).lower()
    room = path.relative_to(CORE).parts[0].removesuffix(".py") if CORE in path.parents else module
    return Page(re.sub(r"[._]", "-", file), title, summary.partition("\n")[0], f"{text}\n", room)


def _described(name: str, found: Found, module: str, group: str) -> Iterator[str]:
    """One public name: a class, a function, or a constant with the text below it."""
    if isinstance(found.node, ast.ClassDef):
        yield from _class(found.node, module, group)
    elif isinstance(found.node, ast.FunctionDef):
        yield from _function(found.node, "##")
    else:
        yield from (f"## `{name}`", "", "```python", found.code, "```", "", *markdown(found.text))


def _definition(path: Path, name: str) -> Found:
    """What a module calls by this name; in another module if it is imported from there."""
    source = path.read_text(encoding="utf-8")
    body = ast.parse(source).body
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return Found(node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in _assigned(node):
            return Found(node, ast.get_source_segment(source, node) or "", _text(below))
    for imported in ast.walk(_parsed(path)):
        if (
            isinstance(imported, ast.ImportFrom)
            and imported.module
            and name in [alias.name for alias in imported.names]
        ):
            package, _, module = imported.module.partition(".")
            return _definition(_file(CORE if package == "wxml" else KERNELS, module), name)
    raise SystemExit(f"error: {path.relative_to(ROOT)} defines no {name}, which its `__all__` or `wxml` lists")


def _assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    return [ast.unparse(target) for target in (node.targets if isinstance(node, ast.Assign) else [node.target])]


def _text(node: ast.stmt | None) -> str:
    """The text that stands below a constant or an attribute."""
    constant = node.value if isinstance(node, ast.Expr) else None
    said = constant.value if isinstance(constant, ast.Constant) else None
    return " ".join(said.split()) if isinstance(said, str) else ""


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _public_names(module: ast.Module) -> list[str]:
    """What `__all__` lists."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


# Classes


def _class(node: ast.ClassDef, module: str, group: str) -> Iterator[str]:
    yield f"## `{node.name}`"
    yield ""
    if group:
        yield f"Entry-point group: `{group}`. Import it with `from wxml import {node.name}`."
    elif module == "wxml":
        yield f"Import it with `from wxml import {node.name}`."
    yield ""
    yield from markdown(ast.get_docstring(node) or "")
    members = [member for member in node.body if isinstance(member, ast.FunctionDef) and _is_shown(member)]
    checks = [member for member in members if member.name.startswith("test_")]
    yield from ["", *_fields(node), ""]
    for member in checks:
        yield f"- `{member.name}`: {(ast.get_docstring(member) or '').partition(chr(10))[0]}"
    for member in members:
        if member not in checks:
            yield from ["", *_function(member, "###")]
    yield ""


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """The attributes, each with the text below it."""
    for member, below in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(member, ast.AnnAssign) or ast.unparse(member.target).startswith("_"):
            continue
        said = f": {_text(below)}" if _text(below) else ""
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
    example = False
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
            example = bool(line.strip()) and (example or line.startswith(">>>"))  # up to an empty line
            yield f"    {line}" if example else line
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


ABOUT = """Third parties may import these names of `wxml` and these modules, and nothing else: the list is in
`core/src/wxml/__init__.py`. `import wxml` itself costs nothing: a name is looked up on first use, and torch comes with
the names that need it."""


def index(found: list[Page]) -> str:
    """The page that lists the others."""
    rows = []
    for room, ones in groupby(found, lambda one: one.room):
        rows += ["", f"## {room}", "", *(f"- [{one.title}]({one.name}.md): {one.summary}" for one in ones)]
    return "\n".join([NOTE.format("the source"), "", "# Reference", "", ABOUT, *rows]) + "\n"


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
