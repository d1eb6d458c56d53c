"""The report: well-formed, self-contained, complete, and for everyone to read."""

import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import Grid, Scores, Variable
from wxml_verification.evaluation import evaluate
from wxml_verification.figures import draw_curves
from wxml_verification.question import Question
from wxml_verification.report import ReportText, render_report, skill
from wxml_verification.scorecard import METRICS
from wxml_verification.truth import Truth
from wxml_verification.usual import Past
from wxml_verification.words import pretty_units

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-08", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 24, 96], "timedelta64[h]")
NAMES = ("t_850", "u_850", "a<b>&")
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


@pytest.fixture(scope="module")
def report(source, write_in, verify_in, tmp_path_factory):
    """The text of a report on three variables, and the parsed page; made once for each `turn`."""

    @cache
    def run(grid_name, names=NAMES, turn=1, **options):
        grid, generator = GRIDS[grid_name], np.random.default_rng(1)
        folder = tmp_path_factory.mktemp("report")
        values = generator.normal(280, 5, (len(TIMES), 3, len(grid)))
        values[:, 2, 0] = np.nan
        truth = source(grid, names, TIMES, values, units="m s**-1")
        forecast = {name: generator.normal(280, 5, (4, 3, len(grid))) for name in names}
        path = write_in(folder, grid, TIMES[8:12], LEADS, forecast, "m s**-1")
        verify_in(folder, path, truth, TIMES[:8], **options)
        text = (folder / "verification" / "report.html").read_text("utf-8")
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
    text, page = report(name)
    assert page.faults == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    code, told = text[text.rindex("<script>") :], text[: text.index("<details><summary>Licences of")]
    assert not re.search(r"https?:", told)
    assert set(re.findall(r"https?://[^/]*", code)) == {"http://www.w3.org"}  # names of SVG, which nobody opens
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href", "xlink:href") if key in attrs]
    assert all(re.match(r"data:image/png;base64,|#", address) for address in addresses)
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object")]
    assert not [attrs for tag, attrs in page.tags if tag == "script" and "src" in attrs]
    assert "url(" not in re.sub(r"url\(#", "", told)


def test_each_variable_has_curves_scores_and_maps_of_every_lead_time(report) -> None:
    text, page = report("regular")
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and "aria-label" in attrs]
    for name in NAMES:
        assert sum(label.startswith(f"{name}: RMSE") for label in labels) == 1
        shown = [label for label in labels if label.startswith(f"Maps of {name} at")]
        assert [re.search(r"lead time (\d+h)", label)[1] for label in shown] == ["6h", "24h", "96h"]
    assert "a<b>&" in "".join(page.text)
    assert "a<b>" not in text


def test_the_summary_counts_variables_and_no_pairs_of_winds(report) -> None:
    _, page = report("stations", ("u_850", "v_850", "t_850"))
    words = [text.strip() for text in page.text if text.strip()]
    assert words[words.index("Variables") + 1] == "3"


def test_pictures_have_words_and_headings_have_order(report) -> None:
    _, page = report("regular")
    for tag, attrs in page.tags:
        if tag == "svg":
            assert attrs.get("aria-label") or attrs.get("aria-hidden")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert len({name for tag, attrs in page.tags if tag == "meta" for name in attrs.values() if "sha256-" in name}) == 1
    labelled = {attrs["for"] for tag, attrs in page.tags if tag == "label"}
    assert labelled == {attrs["id"] for tag, attrs in page.tags if tag == "input"}


def test_the_same_scores_give_the_same_page(report) -> None:
    assert report("stations", maps=1)[0] == report("stations", maps=1, turn=2)[0]


def test_maps_can_be_limited(report) -> None:
    text, page = report("regular", maps=1)
    labels = " ".join(attrs.get("aria-label", "") for tag, attrs in page.tags if tag == "svg")
    assert "Maps of t_850" in labels
    assert "Maps of u_850" not in labels
    assert "first 1 variables only, of 3" in text


@pytest.mark.usefixtures("drawn")
def test_the_scorecard_says_good_and_bad_by_sign_and_by_colour(source, write, verify, grid) -> None:
    """The truth rises by 2 every 6 hours, so persistence is wrong by 2, 4 and 6; the forecast by 1, 6, and unknown."""
    times = TIMES[:9]
    truth = source(grid, ["t"], times, np.tile(2.0 * np.arange(9)[:, None, None], (1, 1, 4)))
    errors = np.array([1.0, 6.0, np.nan])
    values = 2.0 * (np.arange(5)[:, None] + np.arange(1, 4)) + errors
    path = write(grid, times[:5], np.array([6, 12, 18], "timedelta64[h]"), {"t": np.repeat(values[..., None], 4, -1)})
    _, folder = verify(path, truth, maps=0)
    text = (folder / "report.html").read_text("utf-8")
    table = text[text.index('<table class="scorecard">') : text.index("</table>")]
    cells = re.findall(r"<td( style=\"[^\"]*\")?[^>]*>([^<]*)</td>", table)
    assert [content for _, content in cells] == ["+0.50", "−0.50", "–", "5", "5", "0"]
    assert ["--better" in style for style, _ in cells] == [True, False, False, False, False, False]
    assert ["--worse" in style for style, _ in cells] == [False, True, False, False, False, False]
    assert "better than persistence in <strong>1 of 2</strong>" in text


def test_the_anomaly_correlation_has_no_units(report) -> None:
    text, _ = report("regular", maps=0)
    tables = {
        caption: text[text.index(f"<caption>{caption}</caption>") :] for caption in ("RMSE", "Anomaly correlation")
    }
    rows = {caption: table[: table.index("</table>")] for caption, table in tables.items()}
    assert rows["RMSE"].count("m s⁻¹") == 9  # three variables, three forecasts
    assert "m s⁻¹" not in rows["Anomaly correlation"]


def test_small_scores_have_their_power_of_ten_in_the_title() -> None:
    values, metrics = np.broadcast_to([1e-3, 2e-3, 3e-3], (4, 1, 1, 3)), ("rmse", "bias", "mae", "acc")
    scores = Scores(metrics, ("forecast",), ("q",), LEADS, values, ("kg kg**-1",), 5, ("smaller",) * 4)
    text = str(draw_curves(scores, "q"))
    for title in ("RMSE", "Bias", "Mean absolute error"):
        assert f">{title} (10⁻³ kg kg⁻¹)<" in text
    assert ">Anomaly correlation<" in text
    assert "1e" not in re.sub(r"<[^>]*>", "", text)


HOSTILE = st.text("<>&\"'`{}$%\\/=; a_é²", min_size=1, max_size=12) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7 * 7 }}", "$\\frac{1}{", "</style>", "<!--", "]]>"]
)


@settings(
    max_examples=settings.default.max_examples // 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(HOSTILE, min_size=1, max_size=2, unique=True), units=HOSTILE, said=HOSTILE)
def test_texts_of_others_are_shown_and_never_obeyed(names, units, said, source, grid, tmp_path) -> None:
    """Names, units and provenance appear as they are, and bring no element of their own."""
    values = np.zeros((3, len(names), 4))
    truth = Truth(source(grid, names, TIMES[:3], values, units=units))
    forecast = MemoryForecast(names, units)
    evaluation = evaluated(forecast, truth, tmp_path)
    text = render_report(evaluation, ReportText(said, json.dumps({"said": said}), said), 1)
    page, plain = Page(), Page()
    page.feed(text)
    plain.feed(render_report(renamed(evaluation), ReportText("report", "{}", "climatology"), 1))
    assert page.faults == page.open == []
    assert Counter(tag for tag, _ in page.tags) == Counter(tag for tag, _ in plain.tags)
    shown = "".join(page.text)
    assert said in shown
    assert json.dumps({"said": said}) in shown
    assert all(name in shown for name in names)


@pytest.mark.parametrize("one", ["\x1b[2J", "\x9b2J", "\u202e", "\x08"], ids=ascii)
def test_control_characters_of_others_become_visible(one: str, source, grid, tmp_path) -> None:
    names, units, said = [f"t{one}x"], f"K{one}", f"title{one}"
    truth = Truth(source(grid, names, TIMES[:3], np.zeros((3, 1, 4)), units=units))
    evaluation = evaluated(MemoryForecast(names, units), truth, tmp_path)
    page = Page()
    page.feed(text := render_report(evaluation, ReportText(said, f"{{\n{said}}}", said), 1))
    assert all(line.replace("\xa0", " ").isprintable() for line in text.replace("\t", "").split("\n"))
    assert page.faults == page.open == []
    shown = "".join(page.text)
    for seen in (names[0], said):
        assert seen.replace(one, ascii(one)[1:-1]) in shown


class MemoryForecast:
    """Zeros at two lead times from one initial time."""

    name, members, spreads = "memory", 1, dict[str, str]()
    initial_times, lead_times = TIMES[:1], LEADS[:1].astype("timedelta64[s]")
    comes_once = False

    def __init__(self, names, units):
        self.variables, self._units = tuple(names), units

    def variable(self, name):
        return Variable(name, units=self._units)

    def area_weights(self):
        return np.full(4, 0.25)

    def boundary(self):
        return np.zeros(4, bool)

    def grid(self):
        return Grid.regular([30.0, -30.0], [0.0, 180.0])

    def members_of(self, case, variable):
        return np.zeros((1, 1, 4))


def evaluated(forecast, truth, folder):
    """What the scorecard makes of a forecast without a climatology."""
    past = Past(truth.source, TIMES[:0], 0, "the truth")
    return evaluate(forecast, truth, Question(forecast.variables, METRICS, past, 30, folder / "statistics.zarr", {}))


def renamed(evaluation):
    """The same numbers under harmless names."""
    scores = evaluation.scores
    names = tuple(f"v{number}" for number in range(len(scores.variables)))
    return replace(evaluation, scores=replace(scores, variables=names, units=("K",) * len(names)))


def test_skill_by_hand() -> None:
    scores = Scores(
        ("rmse",),
        ("forecast", "persistence"),
        ("t",),
        np.array([6, 12, 18], "timedelta64[h]"),
        np.array([[[[1.0, 3.0, 1.0]], [[2.0, 2.0, np.nan]]]]),
        ("K",),
        5,
        ("smaller",),
    )
    np.testing.assert_array_equal(skill(scores, "persistence"), [[0.5, -0.5, np.nan]])


@pytest.mark.parametrize(
    ("units", "pretty"), [("m**2 s**-2", "m² s⁻²"), ("kg m-2", "kg m⁻²"), ("m s^-1", "m s⁻¹"), ("%", "%"), ("1", "1")]
)
def test_units_are_written_with_superscripts(units, pretty) -> None:
    assert pretty_units(units) == pretty
