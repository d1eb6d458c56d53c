"""What the site has beside the pages of `docs`: those of packages, and a navigation that follows indexes.

mkdocs calls the functions `on_…`. A page of the repository outside of `docs` is at `repository/…` on the site, and so
is any other file that a page links to. Links stay as they are written, relative to the file: GitHub follows them, too.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
GROUPED = {"catalogue/", "reference/"}
"""Folders whose navigation has the headings of their indexes."""
NOTE = re.compile(r"\A\s*<!--[\s\S]*?-->\s*")
CODE = re.compile(r"^(`{3,})[\s\S]*?^\1|^(?: {4}.*\n)+|`[^`\n]*`", re.MULTILINE)


def links(page: str) -> Iterator[tuple[str, str]]:
    """The path and the anchor of each link of a page to this repository, those in code left out."""
    for match in LINK.finditer(CODE.sub("", page)):
        if "://" not in match[1] and not match[1].startswith("mailto:"):
            yield match[1], (match[2] or "").removeprefix("#")


def listed(folder: str) -> list[Any]:
    """The navigation of a folder of `docs`: its index, then its pages as the index names them, under its headings."""
    index = next(path for name in ("README.md", "index.md") if (path := DOCS / folder / name).is_file())
    found: list[Any] = [index.relative_to(DOCS).as_posix()]
    seen = {index}
    title, *sections = re.split(r"^## (.*)$", index.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for heading, text in [("", title), *zip(sections[::2], sections[1::2], strict=True)]:
        paths = [(index.parent / link).resolve() for link, _ in links(text)]
        pages = [path for path in dict.fromkeys(paths) if path.suffix == ".md" and index.parent in path.parents]
        pages = [path for path in pages if path not in seen]
        seen |= set(pages)
        names = [path.relative_to(DOCS).as_posix() for path in pages]
        grouped = heading and names and folder in GROUPED
        found += [{heading: names}] if grouped else names
    return found


def expanded(item: Any) -> Any:
    """A navigation in which each folder is replaced by its pages, and each page outside of `docs` by its place."""
    match item:
        case list():
            return [more for one in item for more in (expanded(one) if is_folder(one) else [expanded(one)])]
        case dict():
            return {title: expanded(value) for title, value in item.items()}
        case str() if is_folder(item):
            return listed(item)
        case _:
            return place(DOCS / item)


def navigation(nav: list[Any]) -> list[Any]:
    """The whole navigation; pages of `docs` that it does not name yet are at its end, under `More`."""
    found = expanded(nav)
    rest = sorted({place(path) for path in DOCS.rglob("*.md")} - set(strings(found)))
    return [*found, {"More": rest}] if rest else found


def is_folder(item: Any) -> bool:
    """Whether an item of the navigation stands for a whole folder."""
    return isinstance(item, str) and item.endswith("/")


def place(path: Path) -> str:
    """Where a file of the repository is on the site."""
    path = Path(os.path.normpath(path))
    return (path.relative_to(DOCS) if DOCS in path.parents else "repository" / path.relative_to(ROOT)).as_posix()


def origin(source: str) -> Path:
    """The file of the repository that is at this place of the site."""
    return ROOT / source.removeprefix("repository/") if source.startswith("repository/") else DOCS / source


def target(page: Path, link: str) -> Path:
    """The file that a link of a page means: of a folder, what is to be read in it."""
    path = Path(os.path.normpath(page.parent / link))
    return next((path / name for name in ("README.md", "index.md") if (path / name).is_file()), path)


def outside(pages: list[Path]) -> set[Path]:
    """The files outside of `docs` that these pages link to, and those that they link to in turn."""
    found: set[Path] = set()
    while pages:
        page = pages.pop()
        for link, _ in links(page.read_text(encoding="utf-8")):
            path = target(page, link)
            if path.is_file() and DOCS not in path.parents and ROOT in path.parents and path not in found:
                found.add(path)
                pages += [path] * (path.suffix == ".md")
    return found


def on_config(config: Any) -> Any:
    """Give mkdocs the whole navigation, and anchors as GitHub makes them."""
    from pymdownx.slugs import slugify

    config.nav = navigation(config.nav)
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the files outside of `docs` that the site has."""
    from mkdocs.structure.files import File

    named = [origin(name) for name in strings(config.nav) if name.startswith("repository/")]
    pages = [*DOCS.rglob("*.md"), *named]
    for path in sorted({*named, *outside(pages)}):
        files.append(File.generated(config, place(path), abs_src_path=str(path)))
    return files


def strings(nav: Any) -> Iterator[str]:
    """The places of all pages of a navigation."""
    match nav:
        case str():
            yield nav
        case list():
            yield from (name for one in nav for name in strings(one))
        case dict():
            yield from strings(list(nav.values()))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead each link of a page to where its target is on the site."""
    source = page.file.src_uri
    path = origin(source)

    def led(match: re.Match[str]) -> str:
        found = target(path, match[1])
        if "://" in match[1] or not found.is_file():
            return match[0]
        there = os.path.relpath(place(found), os.path.dirname(source))
        return there + (match[2] or "")

    return LINK.sub(led, NOTE.sub("", markdown))  # else a page that begins with a note has the title of its file
