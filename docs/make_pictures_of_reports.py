"""Photographs parts of reports of `wxml verify` for docs/reading-the-report.md and docs/comparing-models.md.

    python docs/make_pictures_of_reports.py NAME=REPORT …

It needs playwright and Chromium (WXML_CHROMIUM names another program). `PICTURES` has what is chosen and photographed
of the report of each NAME, for docs/pictures/report-PICTURE.png; the pages tell what makes the reports.
"""

import os
import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent / "pictures"
CHROMIUM = os.environ.get("WXML_CHROMIUM") or shutil.which("chromium")
Choices = dict[str, str]
PICTURES: dict[str, dict[str, tuple[str, Choices]]] = {
    "demo": {
        "scorecard": ("#live-scorecard", {"choose-against": "climatology"}),
        "curves": ("#live-curves", {}),
        "case": ("#live-cases", {"case-variable": "z"}),
    },
    "ensemble": {"diagrams": ("#live-diagrams", {})},
    "ncep": {
        "ncep-families": ("#live-scorecard", {"choose-against": "gnn"}),
        "ncep-group": (
            "#live-scorecard",
            {"choose-against": "gnn", "choose-group": "August", "choose-region": "rockies"},
        ),
        "ncep-curves": ("section[aria-labelledby=curves]", {}),
        "ncep-spectra": ("#live-diagrams", {}),
    },
}
"""Report → picture → the part of the page, and what is chosen by the labels of its lists."""


def photograph(page: Any, part: str, choices: Choices, target: Path) -> None:
    """Choose, and save a part of the page as a PNG."""
    for name, label in choices.items():
        page.select_option(f"#{name}", label=label)
    picture = Image.open(BytesIO(page.locator(part).screenshot()))
    picture.convert("RGB").save(target, optimize=True)


def main(arguments: list[str]) -> None:
    """Photograph what belongs to each report."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, report in (one.split("=", maxsplit=1) for one in arguments):
            for picture, (part, choices) in PICTURES[name].items():
                page = browser.new_page(viewport={"width": 1100, "height": 900})
                page.goto(Path(report).resolve().as_uri())
                page.wait_for_selector("html[data-state=drawn]", state="attached")
                photograph(page, part, choices, FOLDER / f"report-{picture}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
