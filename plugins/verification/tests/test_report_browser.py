"""The report in a real browser: Chromium without a screen, by `nox -s browser` or where both are installed."""

import os
import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from wxml import Grid, NameOrChoice, VerificationTask
from wxml_verification.regions import Region
from wxml_verification.scorecard import METRICS, Scorecard
from wxml_verification.stations.options import Stations

CHROMIUM = os.environ.get("WXML_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SIXTH = np.timedelta64(6, "h")
TIMES = np.arange(np.datetime64("2001-01-29", "s"), np.datetime64("2001-02-09", "s"), SIXTH)
GRID = Grid.regular(np.linspace(80, -80, 9), np.arange(0.0, 360.0, 20.0))
NAMES = tuple(f"t_{level}" for level in range(100, 1001, 100))
LEADS = SIXTH * np.arange(1, 21)
LARGEST = 10 * 2**20

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")


@pytest.fixture(scope="module")
def report(tmp_path_factory, source, dataset):
    """Ten variables, twenty lead times, six regions and three members."""
    folder = tmp_path_factory.mktemp("report")
    random = np.random.default_rng(0)
    values = random.normal(280, 5, (len(TIMES), len(NAMES), len(GRID)))
    members = {
        name: np.stack([values[case + 1 : case + 21, place] for case in range(0, 24, 3)])[:, :, None]
        + random.normal(0, 2, (8, 20, 3, len(GRID))) * (1 + np.arange(20)[:, None, None] / 5)
        for place, name in enumerate(NAMES)
    }
    dataset(GRID, TIMES[0:24:3], LEADS, members).to_netcdf(folder / "forecast.nc", engine="netcdf4")
    regions = {f"band {south}": Region(south=south, north=south + 29) for south in (-90, -60, -30, 0, 30, 60)}
    event = {NAMES[0]: [280.0]}
    further = (NameOrChoice(plugin="reliability", thresholds=event), NameOrChoice(plugin="roc", thresholds=event))
    task = VerificationTask(folder / "forecast.nc", source(GRID, NAMES, TIMES, values), TIMES, folder, {})
    Scorecard(regions=regions, metrics=(*METRICS, *further), maps=2).verify(task)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def at_stations(tmp_path_factory, source, dataset):
    """Two variables at five stations, one without observations of the second; with quantiles."""
    folder = tmp_path_factory.mktemp("stations")
    random = np.random.default_rng(1)
    starts, leads = TIMES[0:24:3], LEADS[:3]
    values = {name: random.normal(280, 5, (8, 3, len(GRID))) for name in ("t2m", "d2m")}
    dataset(GRID, starts, leads, values).to_netcdf(folder / "forecast.nc", engine="netcdf4")
    nodes = np.array([20, 40, 60, 61, 80])
    grid = Grid(
        GRID.latitudes[nodes] + 1.0,
        GRID.longitudes[nodes] + 2.0,
        np.full(5, 0.2),
        (5,),
        names=("Oslo", "Åre", "<b>", "Rome", "Cape"),
    )
    observed = random.normal(280, 5, (len(TIMES), 2, 5))
    observed[:, 1, 3] = np.nan
    task = VerificationTask(
        folder / "forecast.nc", source(grid, ["t2m", "d2m"], TIMES, observed), TIMES[:0], folder, {}
    )
    metrics = (
        NameOrChoice(plugin="rmse"),
        NameOrChoice(plugin="quantiles", ranges={"t2m": (250.0, 310.0), "d2m": (250.0, 310.0)}),
    )
    Scorecard(metrics=metrics, stations=Stations(density=None), groups=()).verify(task)
    return folder / "report.html"


@pytest.fixture
def opened(browser, report):
    """Open the page; at the end it has asked for nothing else and complained of nothing."""
    complaints, requests, pages, paths = [], [], [], []

    def run(path=report, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.set_default_timeout(180_000)
        page.on("console", lambda one: complaints.append(one.text))
        page.on("pageerror", lambda one: complaints.append(str(one)))
        page.on("request", lambda one: requests.append(one.url))
        page.goto(path.as_uri())
        paths.append(path.as_uri())
        return page

    yield run
    for page in pages:
        page.close()
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} == set(paths)


def drawn(page):
    page.wait_for_selector("html[data-state]", state="attached")
    assert page.evaluate("document.documentElement.dataset.state") == "drawn", page.inner_text("#said")
    return page


def test_choices_change_what_is_shown(opened, report) -> None:
    assert report.stat().st_size < LARGEST
    page = drawn(opened(viewport={"width": 1440, "height": 900}))
    figures = page.locator("#live-curves figure")
    assert figures.count() == len(NAMES)
    assert not page.locator("[data-static]:visible").count()
    whole = [page.inner_html(place) for place in ("#live-scorecard", "#live-curves", "#live-diagrams")]
    page.select_option("#choose-region", label="band 0")
    regional = [page.inner_html(place) for place in ("#live-scorecard", "#live-curves", "#live-diagrams")]
    assert all(one != other for one, other in zip(whole, regional, strict=True))
    page.select_option("#choose-group", label="January")
    assert "(band 0, January)" in page.inner_text("#live-scorecard caption")
    page.select_option("#choose-subject", label=NAMES[0])
    assert "Bias (K)" in figures.all_inner_texts()[1]
    assert page.locator("#live-diagrams figure").count() == 3
    page.select_option("#choose-number", label="Bias")
    assert figures.count() == len(NAMES)
    assert page.locator("#live-scorecard tbody th").first.inner_text() == "t_100 K"
    before = page.inner_html("#live-cases")
    page.select_option("#case-case", index=1)
    assert page.inner_html("#live-cases") != before
    with page.expect_download() as saved:
        page.locator("#live-curves figure").first.hover()
        page.locator("#live-curves figure button").first.click()
    assert "var(--" not in saved.value.path().read_text("utf-8")


@pytest.mark.parametrize("width", [360, 1440])
def test_no_page_is_wider_than_the_window_or_than_paper(opened, width) -> None:
    page = drawn(opened(viewport={"width": width, "height": 800}, color_scheme="dark" if width == 360 else "light"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(media="print")
    assert not page.locator("nav:visible, .save:visible").count()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_stations_are_points_on_a_map(opened, at_stations) -> None:
    """One for each station with a score, in the colour of it; RMSE and bias beside each other."""
    page = drawn(opened(at_stations, viewport={"width": 1440, "height": 900}))
    figures = page.locator("#live-stations figure")
    assert [text.split("\n")[0] for text in figures.all_inner_texts()] == ["RMSE of t2m, +18h", "Bias of t2m, +18h"]
    points = figures.first.locator("g[aria-label=dot] circle")
    assert points.count() == 5
    tip = figures.first.locator("g[aria-label=tip]")
    for number, name in enumerate(("Oslo", "Åre", "<b>", "Rome", "Cape")):
        points.nth(number).hover()
        told = tip.text_content().replace("\u200b", "")
        assert told.startswith(f"{name}RMSE ")
        assert told.endswith(", 8 cases")
    colours = points.evaluate_all("all => all.map((one) => one.getAttribute('fill'))")
    assert len(set(colours)) == 5
    east = [float(one) for one in points.evaluate_all("all => all.map((one) => one.getAttribute('cx'))")]
    north = [-float(one) for one in points.evaluate_all("all => all.map((one) => one.getAttribute('cy'))")]
    longitudes = (GRID.longitudes[[20, 40, 60, 61, 80]] + 2 + 180) % 360 - 180
    assert np.corrcoef(east, longitudes)[0, 1] == pytest.approx(1, abs=1e-6)
    assert np.corrcoef(north, GRID.latitudes[[20, 40, 60, 61, 80]])[0, 1] == pytest.approx(1, abs=1e-6)
    page.select_option("#choose-subject", label="d2m")
    assert page.locator("#live-stations figure").first.locator("g[aria-label=dot] circle").count() == 4


def test_quantiles_are_held_against_those_of_the_truth(opened, at_stations) -> None:
    """Forecast and truth have the same distribution, so the points of the Q-Q diagram are near its diagonal."""
    page = drawn(opened(at_stations, viewport={"width": 1440, "height": 900}))
    page.select_option("#choose-subject", label="t2m")
    titles = page.locator("#live-diagrams figure figcaption").all_inner_texts()
    assert any("uantiles" in title for title in titles), titles
    figure = page.locator("#live-diagrams figure").filter(has_text="uantiles").first
    points = figure.locator("g[aria-label=dot] circle")
    assert points.count() > 10
    places = points.evaluate_all("all => all.map((one) => [+one.getAttribute('cx'), +one.getAttribute('cy')])")
    east, north = np.array(places).T
    assert (np.diff(east) >= 0).all()
    assert (np.diff(north) <= 0).all()  # upwards on the screen
    ends = re.findall(r"[-\d.]+", figure.locator("g[aria-label=line] path").first.get_attribute("d"))
    x0, y0, x1, y1 = map(float, ends)
    away = north - (y0 + (east - x0) * (y1 - y0) / (x1 - x0))
    assert np.abs(away).max() < 0.25 * abs(y1 - y0)  # of forty cases and stations each


def test_without_a_script_tables_and_curves_of_all_cases_are_there(browser, report) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".scorecard:visible").count() == 1
    assert page.locator("svg[aria-label^='t_100: RMSE']").is_visible()
    assert page.locator("noscript p").is_visible()
    assert not page.locator("[data-live]:visible, #filters:visible").count()
    context.close()


def test_headings_pictures_and_tables_have_names(opened) -> None:
    page = drawn(opened())
    for picture in page.locator("svg:visible").all():
        assert (
            picture.get_attribute("aria-label")
            or picture.get_attribute("aria-hidden")
            or picture.evaluate("one => one.closest('figure') !== null || one.parentElement.closest('svg') !== null")
        )
    assert all(page.locator("select:visible").evaluate_all("all => all.map(one => one.labels.length === 1)"))
    assert not page.locator("#live-scorecard thead th:not([scope])").count()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
