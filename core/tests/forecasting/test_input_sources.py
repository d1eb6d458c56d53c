"""What a forecast reads: initial states, constants and forcings, each from its source, held against the training."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import ConfigError, DataError
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.data.forcing_reader import ForcingReader
from wxml.data.watched import Watched
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.input_sources import with_inputs
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves

START = np.datetime64("2000-01-11T00", "s")
SIX_HOURS = np.timedelta64(6 * 3600, "s")
ALLOWED = ("data.source", "forecast")
FORCED = {"data.variables": {"forcing": ["q"]}}
CONSTANT = {"data.source": {"plugin": "still"}, "data.variables": {"forcing": ["q"], "constant": ["q"]}}


def opened(path: Path, *changes: str) -> Experiment:
    """The experiment of a checkpoint with the inputs of a forecast."""
    request = ForecastRequest(path, path, changed=read_changes(path, changes, ALLOWED))
    experiment, _ = restore(path, source=request.other_source, change=request.config_of)
    return with_inputs(experiment)


def run(path: Path, output: Path, *changes: str, **asked: Any) -> Path:
    changed = read_changes(path, changes, ALLOWED)
    return forecast(ForecastRequest(path, output, changed=changed, source=changed and changed.source, **asked))


def physical(experiment: Experiment, times: np.ndarray) -> np.ndarray:
    """The forcing q that the model reads, in g/kg, shape `[time, node]`."""
    space = experiment.preprocessing
    return space.inverse(space.forcings(times), ("q",))[:, 0, 0]


def test_each_input_comes_from_its_own_source(checkpoint) -> None:
    """The states from waves without q, the forcing from data that begin a day earlier, in other units."""
    path = checkpoint(FORCED)
    other = "forecast.inputs.forcings={plugin: many, names: [q], held: {q: 7.0}}"
    with pytest.raises(DataError, match="trained on 'q' in 'g kg-1', and the forcings has it in 'K'"):
        opened(path, "forecast.inputs.initial={plugin: no-humidity}", other)
    found = opened(
        path, "forecast.inputs.initial={plugin: no-humidity}", "forecast.inputs.forcings={plugin: waves, days: 30}"
    )
    times = START + np.arange(60) * SIX_HOURS
    waves = TravellingWaves(days=30)
    expected = [waves.wave("q", 240.0 + 6 * step, 0) for step in range(60)]
    np.testing.assert_allclose(physical(found, times), expected, rtol=1e-5)
    states, _ = found.preprocessing.states(times[:2])
    np.testing.assert_array_equal(states, restore(path)[0].preprocessing.states(times[:2])[0])


@pytest.mark.carries_out(
    "{}; `rename` gives variables other names, `forecast.inputs` takes other sources, and wxml forecast CHECKPOINT "
    "--requirements says what is needed"
)
@pytest.mark.parametrize("changes", [FORCED, CONSTANT], ids=["forcings", "constants"])
def test_a_variable_that_a_source_lacks_is_named_before_the_first_step(checkpoint, tmp_path, changes) -> None:
    path, kind = checkpoint(changes), "constants" if changes is CONSTANT else "forcings"
    lacking = "forecast.inputs.initial={plugin: no-humidity}"
    with pytest.raises(DataError, match=f"the source has no variable 'q', which the model reads among the {kind}"):
        run(path, tmp_path / "f.npz", lacking, start="2000-01-11")
    run(path, tmp_path / "f.npz", lacking, f"forecast.inputs.{kind}={{plugin: waves}}", start="2000-01-11")
    record = read_provenance(tmp_path / "f.npz")
    assert record.data[kind] == TravellingWaves().provenance()
    assert record.config["data"]["source"]["plugin"] == "no-humidity", "the truth of a verification"


@pytest.mark.carries_out("give one of the two")
def test_the_initial_states_have_one_source(checkpoint, tmp_path) -> None:
    path = checkpoint()
    both = ("forecast.inputs.initial={plugin: waves, days: 30}", "data.source={plugin: waves, days: 25}")
    with pytest.raises(ConfigError, match=r"so has the changed `data\.source`"):
        run(path, tmp_path / "f.npz", *both, start="2000-01-11")
    for number, one in enumerate(both):
        run(path, tmp_path / f"{number}.npz", one, start="2000-01-24")


def test_constants_are_read_at_whatever_time_they_have(checkpoint) -> None:
    """The constants end on 20 January; the states go on."""
    path = checkpoint(CONSTANT)
    found = opened(path, "forecast.inputs.initial={plugin: no-humidity}", "forecast.inputs.constants={plugin: still}")
    expected = TravellingWaves().wave("q", 0.0, 0)
    np.testing.assert_allclose(physical(found, START + 500 * np.arange(3) * SIX_HOURS), [expected] * 3, rtol=1e-5)


@pytest.mark.carries_out("give data that have one")
def test_constants_need_one_time(checkpoint) -> None:
    path = checkpoint(CONSTANT)
    found = opened(path, "forecast.inputs.constants={plugin: timeless}")
    with pytest.raises(DataError, match="the source of the constants has no times"):
        found.preprocessing.forcings(np.array([START]))
    opened(path, "forecast.inputs.constants={plugin: still}").preprocessing.forcings(np.array([START]))


def test_one_member_of_the_forcings_is_that_of_all_members(checkpoint) -> None:
    path = checkpoint(FORCED)
    found = opened(
        path, "forecast.inputs.initial={plugin: waves, members: 3}", "forecast.inputs.forcings={plugin: waves}"
    )
    read = found.preprocessing.forcings(np.array([START]))
    assert read.shape[:3] == (1, 3, 1)
    np.testing.assert_array_equal(read[:, 1], read[:, 0])
    np.testing.assert_array_equal(read[:, 2], read[:, 0])


@pytest.mark.carries_out("give a source of one member, or of as many, in `forecast.inputs.{}`")
def test_another_number_of_members_is_refused(checkpoint) -> None:
    path = checkpoint(FORCED)
    with pytest.raises(DataError, match="the forcings have 2 members, and the initial states have 1"):
        opened(path, "forecast.inputs.forcings={plugin: waves, members: 2}")
    opened(path, "forecast.inputs.forcings={plugin: waves, members: 1}")


def test_forcings_that_end_are_named_before_the_first_step(checkpoint, tmp_path) -> None:
    path = checkpoint(FORCED)
    with pytest.raises(DataError, match="no data for 2000-01-21T00, at which a forecast reads the forcings 'q'"):
        run(path, tmp_path / "f.npz", start="2000-01-20", lead_time="48h")
    run(path, tmp_path / "f.npz", "forecast.inputs.missing_forcings=persist", start="2000-01-20", lead_time="48h")
    assert read_provenance(tmp_path / "f.npz").data["missing_forcings"] == "persist"


def test_forcings_persist_from_the_last_time_that_they_have(checkpoint, caplog) -> None:
    found = opened(checkpoint(FORCED), "forecast.inputs.missing_forcings=persist")
    times = np.datetime64("2000-01-20T12", "s") + np.arange(5) * SIX_HOURS
    waves, last = TravellingWaves(), 79 * 6.0
    expected = [waves.wave("q", min(78 * 6.0 + 6 * step, last), 0) for step in range(5)]
    np.testing.assert_allclose(physical(found, times), expected, rtol=1e-5)
    found.preprocessing.forcing_reader.tell(["q"], times)
    assert (
        "'q' are not there at 3 of 5 times from 2000-01-21T00 on, and their last values before are read" in caplog.text
    )


def test_the_climatology_is_the_mean_of_other_years_by_hand() -> None:
    """Three years of noon values, the number of the year each; of the fourth, July is asked for."""
    waves = TravellingWaves(days=1)
    times = np.concatenate(
        [np.arange(f"{year}-01-01T12", f"{year}-12-31T12", 24, "M8[h]") for year in (2000, 2001, 2002)]
    )
    source = Numbered(waves, np.append(times, np.datetime64("2003-06-30T12")).astype("M8[s]"))
    reader = ForcingReader(source, source, 1, "climatology")
    read = reader.read_changing(["q"], np.array(["2003-07-01T12", "2003-06-30T12"], "M8[s]"))
    assert read[0, 0, 0, 0] == pytest.approx(2001.0), "11 days of each of 2000, 2001, 2002; none of 2003"
    assert read[1, 0, 0, 0] == 2003.0, "what is there is read"


@pytest.mark.carries_out("give other data in `forecast.inputs.forcings`, or choose a shorter lead time")
@pytest.mark.parametrize("policy", ["persist", "climatology"])
def test_where_nothing_can_be_taken_the_error_says_what_is_looked_for(policy: str) -> None:
    waves = TravellingWaves(days=2)
    reader = ForcingReader(waves, waves, 1, policy)
    before = np.array(["1999-12-31T00"], "M8[s]")
    with pytest.raises(DataError, match=rf"missing_forcings: {policy}` takes: "):
        reader.check_times(["q"], before)
    earlier = Numbered(waves, np.array(["1998-12-30T00", "1999-12-30T00"], "M8[s]"))
    other = ForcingReader(earlier, waves, 1, policy)
    other.check_times(["q"], before)
    assert other.read_changing(["q"], before).ravel()[0] == (1999.0 if policy == "persist" else 1998.0)


class Numbered(TravellingWaves):
    """The year of each time, as its values."""

    def __init__(self, like: TravellingWaves, times: np.ndarray) -> None:
        self.header = replace(like.header, times=times)

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        years = self.header.times[time_indices].astype("M8[Y]").astype(int) + 1970
        out[:] = years[:, None, None, None]


def test_the_latest_time_has_the_forcings_of_their_own_source(checkpoint, tmp_path) -> None:
    """Two steps of 6 h read forcings up to 6 h after the initial time; the states go on to 30 January, 18 UTC."""
    path = checkpoint(FORCED)
    states = "forecast.inputs.initial={plugin: waves, days: 30}"
    for number, (forcings, last) in enumerate(
        [
            ("forecast.inputs.forcings={plugin: waves, days: 25}", "2000-01-25T12"),
            ("forecast.inputs.forcings={plugin: waves, days: 40}", "2000-01-30T18"),
            ("forecast.inputs.missing_forcings=persist", "2000-01-30T18"),
        ]
    ):
        written = run(path, tmp_path / f"{number}.npz", states, forcings, start="latest", lead_time="12h")
        with np.load(written) as file:
            assert [str(time)[:13] for time in file["time"]] == [last]


def test_values_beyond_the_training_are_told_once_with_their_place(caplog) -> None:
    """270 to 290 K in the training: below 268 K is beyond, 289 K is not; the worst node is named."""
    waves = TravellingWaves(days=2)
    shifted = Shifted()
    watched = Watched(shifted, {"t": (270.0, 290.0)}, "the initial states")
    with caplog.at_level(logging.WARNING, "wxml"):
        np.testing.assert_array_equal(
            watched.read(waves.header.times, ["q", "t"]), shifted.read(waves.header.times, ["q", "t"])
        )
        watched.read(waves.header.times, ["t"])
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(
        "variable 't' of the initial states is beyond what the model was trained on, 268 to 292 K with a tenth of it "
        "on both sides: 2 of 48 nodes at 2000-01-01T06, as far as 200 at 75°N 45°E"
    )


class Shifted(TravellingWaves):
    """The waves, with two nodes of t at 260 and 200 K at the second time."""

    def __init__(self) -> None:
        super().__init__(days=2)

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        super()._read(time_indices, variable_indices, out)
        for row, column in np.argwhere((time_indices[:, None] == 1) & (variable_indices == 0)):
            out[row, 0, column, :2] = 260.0, 200.0


def test_a_forecast_tells_of_inputs_in_other_units(checkpoint, tmp_path, caplog) -> None:
    """The header says degC of values in K: they are converted, the user is warned, and the forecast is made."""
    path = checkpoint()
    run(path, tmp_path / "own.npz", start="2000-01-11")
    assert "beyond what the model was trained on" not in caplog.text
    converted = "forecast.inputs.initial={plugin: other-units, t: degC}"
    run(path, tmp_path / "f.npz", converted, start="2000-01-11")
    assert "variable 't' of the initial states is beyond what the model was trained on" in caplog.text
