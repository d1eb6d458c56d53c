"""`wxml forecast --requirements` has the times that perturbations read: those that a forecast then asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from wxml import DataError, DataSource
from wxml.artefacts.source_changes import read_changes
from wxml.cli.forecast import command
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.forecasting.perturbation_inputs import forecast_requirements
from wxml.plugins.create import create

HOUR = np.timedelta64(3600, "s")
START = np.datetime64("2000-01-11T00", "s")
FORCED = {"data.variables": {"forcing": ["q", "insolation"]}, "data.input_steps": 2}
LAGGED = "{plugin: lagged, lags: [0h, 6h, 18h]}"
BRED = "{plugin: bred, cycles: 3, every: 12h}"
ANALYSES = "{plugin: analyses, source: {plugin: waves, members: 4}, variables: [t]}"


def hours(times: Any) -> list[int]:
    return [int(time / HOUR) for time in times]


def told(path: Path, *arguments: str) -> str:
    done = CliRunner().invoke(command, [str(path), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """Hours from the initial time at which the data are read from now on, by variable."""
    read: dict[str, set[int]] = {}
    kind = type(create("data-source", "waves", {}, where="data.source"))
    original = kind._read

    def reading(self: DataSource, times: Any, variables: Any, out: Any) -> None:
        for number in variables:
            read.setdefault(self.header.names[number], set()).update(hours(self.header.times[times] - START))
        original(self, times, variables, out)

    monkeypatch.setattr(kind, "_read", reading)
    return read


@pytest.mark.parametrize(
    ("perturbations", "members", "member", "earlier"),
    [
        (LAGGED, 3, None, {-24, -18, -12, -6, 0}),
        (LAGGED, 3, "1", {-12, -6, 0}),
        (BRED, 2, None, {-42, -36, -30, -24, -18, -12, -6, 0}),
        (f"{LAGGED}, {BRED}", 2, None, {-42, -36, -30, -24, -18, -12, -6, 0}),
        ("{plugin: gaussian}", 3, None, {-6, 0}),
    ],
    ids=["lagged", "a member", "bred", "two", "gaussian"],
)
def test_the_times_are_those_that_a_forecast_reads(
    checkpoint: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    perturbations: str,
    members: int,
    member: str | None,
    earlier: set[int],
) -> None:
    path = checkpoint(FORCED)
    changed = read_changes(path, [f"forecast.perturbations=[{perturbations}]"], ("forecast",))
    assert changed is not None
    needed = forecast_requirements(path, changed.config.forecast, members, member)
    offsets = {one.variable.name: set(hours(one.offsets)) for one in needed.read}
    request = ForecastRequest(path, tmp_path / "f.npz", str(START), members=members, member=member, changed=changed)
    reads = noted(monkeypatch)
    forecast(request)
    assert offsets["t"] == reads["t"] == earlier
    later = {0, 6}  # of a forecast of two steps
    assert offsets["q"] | later == reads["q"] | later
    assert hours(needed.states) == [-6, 0]


def test_each_form_has_them(checkpoint: Callable[..., Path]) -> None:
    path, asked = checkpoint(FORCED), (f"forecast.perturbations=[{LAGGED}, {ANALYSES}]", "--members", "2")
    record = json.loads(told(path, *asked, "--requirements", "json"))
    assert record["perturbations"] == [
        {"plugin": "lagged", "states": ["-12h", "-6h"], "forcings": ["-12h", "-6h"], "source": None},
        {"plugin": "analyses", "states": ["-6h", "0h"], "forcings": [], "source": "waves"},
    ]
    assert record["times"]["states"] == ["-6h", "0h"]
    assert {one["name"]: one["offsets"] for one in record["variables"]} == {
        "t": ["-12h", "-6h", "0h"],
        "q": ["-12h", "-6h", "0h"],
        "insolation": [],
    }
    table = told(path, *asked, "--requirements")
    assert "perturbed lagged reads states at -12h, -6h; forcings at -12h, -6h from the initial time\n" in table
    assert "perturbed analyses reads states of its own source `waves` at -6h, 0h from the initial time\n" in table
    mars = told(path, *asked, "--requirements", "mars", "--start", "2000-01-11")
    assert [line.split("= ")[1] for line in mars.splitlines() if line.startswith("    time")] == [
        "12:00:00,",
        "18:00:00,",
        "00:00:00,",
    ]
    assert "# the perturbation analyses reads states at -6h, 0h from its own source `waves`" in mars
    found = json.loads(told(path, *asked, "--requirements", "opendata", "--start", "2000-01-11"))
    assert "the perturbation analyses reads states at -6h, 0h from its own source `waves`" in found["notes"]


def test_what_the_checkpoint_says_of_perturbations_counts_and_the_control_has_none(
    checkpoint: Callable[..., Path],
) -> None:
    section = {"lead_time": "12h", "members": 2, "perturbations": [{"plugin": "lagged", "lags": ["18h", "6h"]}]}
    path = checkpoint({"forecast": section, "data.input_steps": 1})
    assert hours(forecast_requirements(path).variables[0].offsets) == [-18, -6, 0]
    assert hours(forecast_requirements(path, member="1").variables[0].offsets) == [-6, 0]
    changed = read_changes(path, ["forecast.control=true"], ("forecast",))
    assert changed is not None
    assert hours(forecast_requirements(path, changed.config.forecast).variables[0].offsets) == [-6, 0]
    with pytest.raises(DataError, match="the ensemble has 2 members"):
        forecast_requirements(path, member="2")
