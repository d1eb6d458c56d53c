"""The report: well-formed, self-contained, complete, and for everyone to read."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from wxml.data.grid import Grid
from wxml.verification.verifier import Scores
from wxml_verification.tables import skill, skill_table
from wxml_verification.units import pretty_units

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-08", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 24, 96], "timedelta64[h]")
NAMES = ["t_850", "u_850", "a<b>&"]
VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """Checks nesting, and collects what a test asks about."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.tags, self.ids, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def report(source, write, verify):
    """The text of a report on three variables, and the parsed page."""

    def run(grid, **options):
        generator = np.random.default_rng(1)
        values = generator.normal(280, 5, (len(TIMES), 3, len(grid)))
        values[:, 2, 0] = np.nan
        truth = source(grid, NAMES, TIMES, values, units="m s**-1")
        forecast = {name: generator.normal(280, 5, (4, 3, len(grid))) for name in NAMES}
        _, folder = verify(write(grid, TIMES[8:12], LEADS, forecast, "m s**-1"), truth, TIMES[:8], **options)
        text = (folder / "report.html").read_text("utf-8")
        page = Page()
        page.feed(text)
        return text, page

    return run


GRIDS = {
    "regular": Grid.regular([60.0, 20.0, -20.0, -60.0], np.arange(0.0, 360.0, 60.0)),
    "curvilinear": Grid.curvilinear(*np.meshgrid(np.linspace(40, 50, 5), np.linspace(355, 365, 6), indexing="ij")),
    "octahedral": Grid.octahedral(2),
    "stations": Grid.unstructured([50.0, 51.0, 52.0], [10.0, 11.0, 12.0]),
}


@pytest.mark.parametrize("name", GRIDS)
def test_the_page_is_well_formed_and_needs_nothing_else(report, name) -> None:
    text, page = report(GRIDS[name])
    assert page.faults == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"https?:", text)
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href", "xlink:href") if key in attrs]
    assert all(re.match(r"data:image/png;base64,|#", address) for address in addresses)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object")]
    assert "url(" not in re.sub(r"url\(#", "", text)


def test_each_variable_has_curves_scores_and_maps_of_every_lead_time(report) -> None:
    text, page = report(GRIDS["regular"])
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and "aria-label" in attrs]
    for name in NAMES:
        assert sum(label.startswith(f"{name}: RMSE") for label in labels) == 1
        shown = [label for label in labels if label.startswith(f"Maps of {name} at")]
        assert [re.search(r"lead time (\d+h)", label)[1] for label in shown] == ["6h", "24h", "96h"]
    assert "a<b>&" in "".join(page.text)
    assert "a<b>" not in text


def test_pictures_have_words_and_headings_have_order(report) -> None:
    _, page = report(GRIDS["regular"])
    for tag, attrs in page.tags:
        if tag == "svg":
            assert attrs.get("aria-label") or attrs.get("aria-hidden")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    labelled = {attrs["for"] for tag, attrs in page.tags if tag == "label"}
    assert labelled == {attrs["id"] for tag, attrs in page.tags if tag == "input"}


def test_the_same_scores_give_the_same_page(report) -> None:
    assert report(GRIDS["stations"], maps=1)[0] == report(GRIDS["stations"], maps=1)[0]


def test_maps_can_be_limited(report) -> None:
    text, page = report(GRIDS["regular"], maps=1)
    labels = " ".join(attrs.get("aria-label", "") for tag, attrs in page.tags if tag == "svg")
    assert "Maps of t_850" in labels
    assert "Maps of u_850" not in labels
    assert "first 1 variables only, of 3" in text


SCORES = Scores(
    ("rmse",),
    ("forecast", "persistence"),
    ("t",),
    np.array([6, 12, 18], "timedelta64[h]"),
    np.array([[[[1.0, 3.0, 1.0]], [[2.0, 2.0, np.nan]]]]),
    ("K",),
    5,
)


def test_skill_by_hand() -> None:
    np.testing.assert_array_equal(skill(SCORES, "persistence"), [[0.5, -0.5, np.nan]])


def test_the_scorecard_says_good_and_bad_by_sign_and_by_colour() -> None:
    table = skill_table(SCORES, "persistence", np.array([[5, 4, 0]]))
    cells = re.findall(r"<td( style=\"[^\"]*\")?[^>]*>([^<]*)</td>", table)
    assert [content for _, content in cells] == ["+0.50", "−0.50", "–", "5", "4", "0"]
    assert ["--better" in style for style, _ in cells] == [True, False, False, False, False, False]
    assert ["--worse" in style for style, _ in cells] == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("units", "pretty"), [("m**2 s**-2", "m² s⁻²"), ("kg m-2", "kg m⁻²"), ("m s^-1", "m s⁻¹"), ("%", "%"), ("1", "1")]
)
def test_units_are_written_with_superscripts(units, pretty) -> None:
    assert pretty_units(units) == pretty
