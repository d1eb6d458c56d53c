"""The report of a training, its charts, and how fast it says the training is."""

import re
import time
from functools import partial
from html.parser import HTMLParser

import pytest
from wxml_trainer_lightning.history import ProgressListener, Row
from wxml_trainer_lightning.reading_time import TimedBatches
from wxml_trainer_lightning.schedule import Budget
from wxml_trainer_lightning.seeing.charts import Line, chart
from wxml_trainer_lightning.seeing.pace import Pace, shown
from wxml_trainer_lightning.seeing.report import Report


class Tags(HTMLParser):
    """Counts the elements of a page, and checks that each is closed."""

    EMPTY = ("meta", "img", "line", "circle", "polyline", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.found.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def fit(fit):
    """Train with the metrics that a training has by itself."""
    return partial(fit, metrics=["rmse", "mae", "bias"])


def test_the_report_of_a_training_is_whole_and_alone(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path / "run", validation_every=4, callbacks=["weights-histogram", "loss-by-variable"])
    page = (tmp_path / "run" / "report.html").read_text()
    tags = Tags(page)
    assert tags.open == []
    assert all(link.startswith("data:image/png;base64,") for link in tags.links)
    assert not re.search(r"https?://|<script|@import|url\(", page)
    assert tags.found.count("img") == 1
    assert tags.found.count("svg") == 3 + 2 + 1  # loss, learning rate, rollout; t and q; loss by variable
    assert "12 of 12 (100% of the training)" in page
    assert "training.max_steps" in page
    assert "samples/s" in page
    for text in ("rmse", "persistence", "K", "g kg-1"):
        assert text in page


def test_the_report_grows(advection, fit, tmp_path, monkeypatch) -> None:
    pages = []
    write = Report.write

    def noted(report, *, at_once=False) -> bool:
        report._due = 0.0
        done = write(report, at_once=at_once)
        pages.append(report.path.read_text())
        return done

    monkeypatch.setattr(Report, "write", noted)
    fit(advection, tmp_path / "run", validation_every=4, checkpoint_every=100)
    steps = [int(re.search(r"Validation after step (\d+)", page)[1]) for page in pages]
    assert steps == [4, 8, 12, 12, 12]


def test_what_cannot_be_written_is_told_once(tmp_path, caplog) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.csv").write_text("step,training_loss\nx,y\n")
    report = Report(tmp_path / "run", dict)
    assert not report.write()
    assert not report.write(at_once=True)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("could not write")


def test_a_report_takes_a_hundredth_of_the_time(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    report = Report(tmp_path / "run", lambda: time.sleep(0.05) or {})
    assert report.write()
    assert report._due - time.monotonic() > 4
    assert not report.write()
    assert report.write(at_once=True)


def test_names_cannot_bring_markup_into_the_report(tmp_path) -> None:
    run = tmp_path / "<b>run"
    run.mkdir()
    Report(run, lambda: {"device": "<i>cpu"}).write()
    page = (run / "report.html").read_text()
    assert "<b>" not in page
    assert "<i>cpu" not in page


def test_a_line_goes_through_its_points() -> None:
    """Steps 0 and 10, values 1 and 100 on a logarithmic axis: the line rises from left to right."""
    drawn = chart("loss", [Line("a", [(0, 1.0), (5, float("nan")), (10, 100.0)])], logarithmic=True)
    (points,) = re.findall(r'points="([^"]*)"', drawn)
    (left, low), (right, high) = (tuple(map(float, point.split(","))) for point in points.split())
    assert left < right
    assert low > high
    assert "<b>100</b>" in drawn
    assert chart("nothing", [Line("a", [(0, 0.0)])], logarithmic=True) == ""


def test_a_line_below_0_is_drawn_whole() -> None:
    """The loss of a likelihood falls below 0, which has no logarithm."""
    lines = [Line("training", [(0, 1.5), (5, 0.5), (10, -2.5)]), Line("validation", [(10, 3.0)])]
    drawn = chart("loss", lines, logarithmic=True)
    assert drawn == chart("loss", lines)
    assert len(re.findall(r'points="([^"]*)"', drawn)[0].split()) == 3


def test_long_lines_are_thinned_and_keep_their_end() -> None:
    drawn = chart("loss", [Line("a", [(step, float(step)) for step in range(100_001)])])
    (points,) = re.findall(r'points="([^"]*)"', drawn)
    assert len(points.split()) <= 802
    assert "<b>100\u202f000</b>" in drawn


def test_the_pace_is_that_from_the_second_step_on() -> None:
    """Steps 2 to 5 take 2 s each of 4 samples: 2 samples/s; the 5 steps that are left take 10 s."""
    pace = Pace(Budget(10, None, 0.0), 4)
    pace.made(1, 100.0)
    assert str(pace) == ""
    for step in range(2, 6):
        pace.made(step, 98.0 + 2.0 * step)
    assert pace.samples_per_second == pytest.approx(2.0)
    assert pace.seconds_left == pytest.approx(10.0)
    assert str(pace) == "2 samples/s, 10 s left"
    assert shown(7200) == "2.0 h"


def test_steps_that_are_shown_together_have_each_its_own_time() -> None:
    """They are handed on twice a second at most, so several at once where steps are short."""
    budget = Budget(10, None, 0.0)
    pace = Pace(budget, 4)
    listener = ProgressListener(budget, 0, TimedBatches([]), pace)
    listener([Row(step, 1.0, 1e-3, 1, made=98.0 + 2.0 * step) for step in (1, 2, 3)])
    listener.close()
    assert pace.samples_per_second == pytest.approx(2.0)
