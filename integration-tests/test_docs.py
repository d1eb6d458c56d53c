"""The pages lead somewhere: every link of every page, every place in a page, and every page is in the navigation.

The site itself is built by `nox -s docs` and opened by `nox -s docs-browser`; this needs neither.
"""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]

spec = importlib.util.spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(site)

FENCE = re.compile(r"^(`{3,})[\s\S]*?^\1", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.*?)(?: *\{#([\w-]+)\})?$", re.MULTILINE)


def pages() -> list[Path]:
    """Every page of the repository that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"this is no git checkout: {listed.stderr.strip()}")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def places(page: str) -> set[str]:
    """The anchors of a page, as GitHub and the site make them of its headings."""
    found: set[str] = set()
    for title, named in HEADING.findall(FENCE.sub("", page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        found.add(named or next(one for n in range(99) if (one := f"{slug}_{n}" if n else slug) not in found))
    return found


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link, anchor in [*site.links(text), *re.findall(r"\]\(()#([^)\s]+)\)", text)]:
        path = site.target(page, link) if link else page
        if not path.exists():
            found.append(f"{page.relative_to(ROOT)}: no {link}")
        elif anchor and path.suffix == ".md" and anchor not in places(path.read_text()):
            found.append(f"{page.relative_to(ROOT)}: no place #{anchor} in {path.relative_to(ROOT)}")
    return found


def test_every_link_leads_somewhere() -> None:
    found = [fault for page in pages() for fault in broken(page, page.read_text())]
    assert len(pages()) > 300
    assert found == []


def test_every_page_is_in_the_navigation_once() -> None:
    nav = list(site.strings(site.navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])))
    listed = [site.origin(name) for name in nav]
    assert [path for path in listed if not path.is_file()] == []
    assert len(set(listed)) == len(listed)
    wanted = {page for page in pages() if page.is_relative_to(ROOT / "docs")}
    wanted |= site.outside(list(wanted | set(listed)))
    lacking = sorted(str(one.relative_to(ROOT)) for one in wanted - set(listed) if one.suffix == ".md")
    assert lacking == [], "name these pages under `nav` in mkdocs.yml, or in the index of their folder"


def test_a_page_that_nobody_has_placed_is_at_the_end() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert site.navigation(nav[1:])[-1]["More"][0] == "index.md"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](nowhere.md)", "docs/page.md: no nowhere.md"),
        ("[a](graphs.md#nowhere)", "docs/page.md: no place #nowhere in docs/graphs.md"),
        ("# One\n[a](#two)", "docs/page.md: no place #two in docs/page.md"),
    ],
)
def test_a_link_that_leads_nowhere_is_seen(text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page, read = ROOT / "docs" / "page.md", Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *_, **__: text if path == page else read(path))
    monkeypatch.setattr(Path, "exists", lambda path: path == page or path.is_file())
    assert broken(page, text) == [fault]


def test_code_holds_no_links() -> None:
    text = "[a](b.md#c)\n```\n[x](y.md)\n```\n`[x](y.md)`\n\n    [x](y.md)\n\n[w](https://wxml.example/a)\n"
    assert list(site.links(text)) == [("b.md", "c")]


def test_links_of_pages_outside_of_the_docs_are_led_to_the_site() -> None:
    class Page:
        class file:  # noqa: N801
            src_uri = "repository/plugins/losses/README.md"

    led = site.on_page_markdown(
        "<!-- by a script -->\n\n[a](../../docs/graphs.md#x) [b](https://a.b/c) [c](../../examples/acme-sfno)", Page
    )
    assert led == "[a](../../../graphs.md#x) [b](https://a.b/c) [c](../../examples/acme-sfno/README.md)"
