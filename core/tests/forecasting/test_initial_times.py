"""Many initial times: lists and files of them, those that fail, and what is told of them."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from wxml import DataError, PluginChoice
from wxml.artefacts.source_changes import read_changes
from wxml.cli import group
from wxml.forecasting.dates import listed_times, read_dates
from wxml.forecasting.job import ForecastRequest, forecast, reported_forecast
from wxml.forecasting.report import ForecastReport

GAP = PluginChoice(plugin="gap")
"""The tiny waves; t is missing at their fourth time, 2000-01-01T18."""


def times_in(path: Path) -> list[str]:
    with np.load(path) as file:
        return [str(time)[:13] for time in file["time"]]


def run(*arguments: object) -> "click.testing.Result":
    return CliRunner().invoke(group, ["forecast", *map(str, arguments)])


def test_a_file_of_dates_has_one_in_each_line(tmp_path) -> None:
    (tmp_path / "dates.txt").write_text("# storms\n2014-02-12T12  # Tini\n\n2013-12-05\n")
    assert read_dates(tmp_path / "dates.txt") == ("2014-02-12T12", "2013-12-05")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2014-02-12\n12 February\n", "line 2 of `.*` is no date"),
        (b"# none\n", "has no dates"),
        (b"\xff\xfe2014", "cannot be read as a text"),
    ],
)
def test_a_file_without_dates_is_refused(tmp_path, content, message) -> None:
    (tmp_path / "dates.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_dates(tmp_path / "dates.txt")


@pytest.mark.carries_out("write one in each line, such as 2014-07-01T12")
@pytest.mark.carries_out("name a text file with one date in each line")
def test_an_absent_file_of_dates_is_refused(tmp_path) -> None:
    path = tmp_path / "dates.txt"
    with pytest.raises(DataError, match="is no file of dates") as caught:
        read_dates(path)
    assert caught.value.fix == "name a text file with one date in each line"
    path.write_text("\n")
    with pytest.raises(DataError, match="has no dates"):
        read_dates(path)
    path.write_text("2014-07-01T12\n")
    assert read_dates(path) == ("2014-07-01T12",)


@pytest.mark.carries_out("list each once")
def test_a_date_that_is_listed_twice_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match="2000-01-02T00 is listed 2 times") as caught:
        listed_times(["2000-01-02", "2000-01-01", "2000-01-02T00"])
    assert caught.value.fix == "list each once"
    assert [str(time)[:10] for time in listed_times(["2000-01-02", "2000-01-01"])] == ["2000-01-01", "2000-01-02"]


def test_a_list_of_dates_makes_the_forecasts_of_these(checkpoint, tmp_path) -> None:
    dates = ("2000-01-12T06", "2000-01-11", "2000-01-14")
    path = checkpoint()
    forecast(ForecastRequest(path, tmp_path / "f.npz", dates=dates))
    assert times_in(tmp_path / "f.npz") == ["2000-01-11T00", "2000-01-12T06", "2000-01-14T00"]
    forecast(ForecastRequest(path, tmp_path / "g.npz", start="2000-01-12T06"))
    with np.load(tmp_path / "f.npz") as listed, np.load(tmp_path / "g.npz") as alone:
        np.testing.assert_array_equal(listed["t"][1:2], alone["t"])


def test_one_date_without_inputs_stops_all_before_the_first_step(checkpoint, tmp_path, heard) -> None:
    path = checkpoint()
    heard.clear()
    with pytest.raises(DataError, match="no data for 2000-02-11T"):
        forecast(ForecastRequest(path, tmp_path / "f.npz", dates=("2000-01-11", "2000-02-11")))
    assert not heard
    assert not (tmp_path / "f.npz").exists()


def test_dates_without_inputs_are_left_out_and_named(checkpoint, tmp_path) -> None:
    """One is beyond the data, and one has an input with a gap, which only reading it shows."""
    dates = ("2000-01-01T12", "2000-01-01T18", "2000-01-05", "2000-02-11")
    request = ForecastRequest(checkpoint(), tmp_path / "f.npz", dates=dates, source=GAP, on_error="skip")
    report = reported_forecast(request)
    assert times_in(report.paths[0]) == ["2000-01-01T12", "2000-01-05T00"]
    assert [str(one.time)[:13] for one in report.failures] == ["2000-01-01T18", "2000-02-11T00"]
    assert ["missing" in one.why or "NaN" in one.why for one in report.failures] == [True, False]
    rows = [line.split()[:2] for line in report.table().splitlines()]
    assert rows[1:5] == [
        ["2000-01-01T12", "written"],
        ["2000-01-01T18", "failed"],
        ["2000-01-05T00", "written"],
        ["2000-02-11T00", "failed"],
    ]
    assert report.table().splitlines()[-1] == "2 of 4 initial times are written"


def test_those_that_are_made_are_the_same_without_the_others(checkpoint, tmp_path) -> None:
    dates, path = ("2000-01-01T12", "2000-01-01T18", "2000-01-05"), checkpoint()
    forecast(ForecastRequest(path, tmp_path / "f.npz", dates=dates, source=GAP, on_error="skip"))
    forecast(ForecastRequest(path, tmp_path / "g.npz", dates=dates[::2], source=GAP))
    with np.load(tmp_path / "f.npz") as some, np.load(tmp_path / "g.npz") as these:
        for name in ("t", "q", "time"):
            np.testing.assert_array_equal(some[name], these[name])


@pytest.mark.carries_out("choose other initial times, or other data")
def test_dates_that_all_lack_their_inputs_are_an_error(checkpoint, tmp_path) -> None:
    path = checkpoint()
    with pytest.raises(DataError, match="none of the 2 initial times has its inputs; 2000-02-11T00: ") as caught:
        forecast(ForecastRequest(path, tmp_path / "f.npz", dates=("2000-02-11", "2000-02-12"), on_error="skip"))
    assert caught.value.fix == "choose other initial times, or other data"
    assert not (tmp_path / "f.npz").exists()
    forecast(ForecastRequest(path, tmp_path / "f.npz", dates=("2000-01-12",), on_error="skip"))


def test_a_long_table_names_those_that_failed(tmp_path) -> None:
    times = np.datetime64("2000-01-01", "s") + np.arange(1000) * np.timedelta64(1, "D")
    assert ForecastReport((tmp_path,), times).table().splitlines()[-1] == "1000 of 1000 initial times are written"


def test_the_command_line_takes_several_starts_and_exits_with_4(checkpoint, tmp_path) -> None:
    path, output = checkpoint(), tmp_path / "f.npz"
    starts = ("--start", "2000-01-11", "--start", "2000-02-11")
    assert run(path, "-o", output, *starts).exit_code == 2
    result = run(path, "-o", output, *starts, "--on-error", "skip")
    assert result.exit_code == 4, result.output
    assert result.stdout == f"{output}\n"
    assert "2000-02-11T00  failed" in result.stderr
    assert times_in(output) == ["2000-01-11T00"]
    (tmp_path / "dates.txt").write_text("2000-01-11\n2000-01-12\n")
    assert run(path, "-o", tmp_path / "g.npz", "--dates", tmp_path / "dates.txt").exit_code == 0
    assert times_in(tmp_path / "g.npz") == ["2000-01-11T00", "2000-01-12T00"]


def test_two_ways_to_name_the_dates_are_refused(checkpoint, tmp_path) -> None:
    path = checkpoint()
    for options in (("--dates", "d.txt", "--start", "2000-01-11"), ("--start", "a", "--start", "b", "--end", "c")):
        result = run(path, "-o", tmp_path / "f.npz", *options)
        assert (result.exit_code, "give --dates, or several times --start" in result.stderr) == (2, True)


@pytest.mark.carries_out("choose later initial times, data that begin earlier, or other `forecast.perturbations`")
@pytest.mark.parametrize(
    ("choice", "lacking"),
    [
        ("{plugin: lagged, lags: [0h, 12h]}", "from 1999-12-31T18, 12h before the initial time 2000-01-01T06"),
        ("{plugin: bred, cycles: 3}", "from 1999-12-31T12, 18h before the initial time 2000-01-01T06"),
    ],
)
def test_the_inputs_of_earlier_forecasts_are_checked_before_the_first_step(
    checkpoint, tmp_path, choice: str, lacking: str
) -> None:
    """The waves begin on 1 January at 00 UTC, and a state is two times."""
    path, output = checkpoint(), tmp_path / "f.npz"
    changes = f"forecast.perturbations=[{choice}]"
    late, early = "2000-01-03", "2000-01-01T06"
    with pytest.raises(DataError, match=f"a perturbation makes a forecast {lacking}: the source has no data for"):
        forecast(asked(path, output, changes, late, early))
    assert not output.exists()
    forecast(asked(path, output, changes, late))
    assert times_in(output) == ["2000-01-03T00"]
    report = reported_forecast(replace(asked(path, tmp_path / "g.npz", changes, late, early), on_error="skip"))
    assert [str(one.time)[:13] for one in report.failures] == [early]
    only_control = replace(asked(path, tmp_path / "h.npz", changes, early), member="0")
    forecast(only_control)


def test_analyses_that_end_are_named_before_the_first_step(checkpoint, tmp_path) -> None:
    path, source = checkpoint({"data.source": {"plugin": "waves", "days": 30}}), "{plugin: waves, members: 2}"
    changes = f"forecast.perturbations=[{{plugin: analyses, source: {source}}}]"
    with pytest.raises(DataError, match="no data for 2000-01-21T00"):
        forecast(asked(path, tmp_path / "f.npz", changes, "2000-01-12", "2000-01-21"))
    forecast(asked(path, tmp_path / "f.npz", changes, "2000-01-12"))


def asked(path: Path, output: Path, changes: str, *dates: str) -> ForecastRequest:
    changed = read_changes(path, (changes, "forecast.control=true"), ("data.source", "forecast"))
    return ForecastRequest(path, output, lead_time="6h", members=2, changed=changed, dates=dates)
