"""Every page of the site in a real browser: Chromium without a screen, by `nox -s docs docs-browser`.

`WXML_SITE` names the folder that `nox -s docs` has built; `WXML_SCREENSHOTS` one for a picture of each page.
"""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest

CHROMIUM = os.environ.get("WXML_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SITE = Path(os.environ.get("WXML_SITE", Path(__file__).resolve().parents[1] / "site"))
LINKS = "[...document.querySelectorAll('a[href]')].map(one => one.getAttribute('href'))"
IDS = "[...document.querySelectorAll('[id]')].map(one => one.id)"
PARAGRAPHS = "[...document.querySelectorAll('article p')].map(one => one.textContent)"
PICTURES = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
LOST_LIST = re.compile(r"\n(- |\d+\. |\|)")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
    pytest.mark.skipif(not (SITE / "index.html").is_file(), reason="`nox -s docs` has built no site"),
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Write no line for each file."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Reader:
    """Opens pages, and keeps what the browser complains of, what it asks for, and where pages lead."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.complaints, self.requests = list[str](), list[str]()
        self.ids, self.links = dict[str, set[str]](), dict[str, list[str]]()
        page.on("console", lambda one: self.complaints.append(f"{page.url}: {one.text}"))
        page.on("pageerror", lambda one: self.complaints.append(f"{page.url}: {one}"))
        page.on("requestfailed", lambda one: self.complaints.append(f"{page.url}: no answer from {one.url}"))
        page.on("request", lambda one: self.requests.append(one.url))

    def read(self, name: str) -> None:
        """Open one page of the site."""
        self.page.goto(self.address + name, wait_until="load")
        assert self.page.locator("h1").first.inner_text().strip(), f"{name} has no heading"
        lost = [text for text in self.page.evaluate(PARAGRAPHS) if LOST_LIST.search(text)]
        assert not lost, f"{name}: a list or table needs an empty line before it: {lost[0]!r}"
        broken = self.page.evaluate(PICTURES)
        assert not broken, f"{name}: no pictures {broken}"
        self.ids[name] = set(self.page.evaluate(IDS))
        self.links[name] = self.page.evaluate(LINKS)

    def keep(self, name: str, folder: Path) -> None:
        """A picture of the whole page, as a file of its name."""
        self.page.screenshot(path=folder / f"{name.replace('/', '-').removesuffix('.html')}.png", full_page=True)

    def broken_links(self) -> Iterator[str]:
        """A sentence for each link of the pages read that leads nowhere on the site."""
        for name, links in self.links.items():
            for link in links:
                whole, anchor = urldefrag(urljoin(self.address + name, link))
                if not whole.startswith(self.address):
                    continue
                there = unquote(whole.removeprefix(self.address)) or "index.html"
                if not (SITE / there).is_file():
                    yield f"{name} links to {link}, which is not there"
                elif anchor and there in self.ids and unquote(anchor) not in self.ids[there]:
                    yield f"{name} links to {link}, and {there} has no such place"


def test_every_page_opens(browser: Any, address: str, tmp_path: Path) -> None:
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    folder = Path(os.environ.get("WXML_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    reader = Reader(browser.new_page(viewport={"width": 1280, "height": 900}), address)
    for name in pages:
        reader.read(name)
        reader.keep(name, folder)
    assert len(pages) > 250
    assert len(list(folder.glob("*.png"))) >= len(pages)
    assert reader.complaints == []
    assert [url for url in reader.requests if not url.startswith((address, "data:"))] == []
    assert list(reader.broken_links()) == []


def test_a_search_finds_a_page(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.locator("[data-md-component=search-query]").fill("limited area boundary")
    found = page.locator(".md-search-result__item a").first
    found.wait_for(timeout=60_000)
    assert "limited" in page.locator(".md-search-result__list").inner_text().lower()


def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    for name in ("index.html", "graphs.html", "data-cookbook.html", "reference/grid.html", "results.html"):
        page.goto(address + name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
