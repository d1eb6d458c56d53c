"""Where values are missing: what a training lacks, and forecasts that lack others."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wxml import ArtefactError, DataError
from wxml.artefacts.checkpoint import load_checkpoint, save_checkpoint
from wxml.artefacts.source_changes import read_changes
from wxml.data.gaps import HeldGaps, find_gaps
from wxml.data.grid_part import GridPart
from wxml.data.holes import find_holes
from wxml.data.source import DataSource
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves

CHAIN = [{"plugin": "impute"}, {"plugin": "normalise"}]
MASKED = {"data.source": {"plugin": "masked"}, "data.transforms": CHAIN}
WAVES = TravellingWaves(days=2)
TIMES = WAVES.header.times


class Masked(TravellingWaves):
    """A variable lacks some nodes at some of the times."""

    def __init__(self, lacks: np.ndarray, name: str = "t", places: slice = slice(None)) -> None:
        super().__init__(days=2)
        self.lacks, self.column, self.places = lacks, self.header.names.index(name), places

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        super()._read(time_indices, variable_indices, out)
        is_meant = np.isin(time_indices, np.arange(len(TIMES))[self.places])
        for column in np.flatnonzero(variable_indices == self.column):
            out[is_meant, :, column] = np.where(self.lacks, np.nan, out[is_meant, :, column])


def nodes(first: int, last: int) -> np.ndarray:
    return np.isin(np.arange(48), np.arange(first, last))


def held(training: DataSource, source: DataSource, where_other: str = "error") -> HeldGaps:
    names = training.header.names
    gaps = find_gaps(training, names, TIMES, find_holes(training, names, TIMES))
    return HeldGaps(source, gaps, source.header.grid, "the initial states", where_other)


def test_gaps_by_hand() -> None:
    """12 of 48 nodes at each of 8 times are a quarter; 6 more at 2 of the times are 1/32 of the values."""
    always = Masked(nodes(0, 12))
    gaps = find_gaps(always, ["t", "q"], TIMES, find_holes(always, ("t", "q"), TIMES))
    assert (gaps.variables, gaps.shares.tolist()) == (("t",), [0.25])
    np.testing.assert_array_equal([gaps.always[0], gaps.ever[0]], [nodes(0, 12)] * 2)
    sometimes = Masked(nodes(20, 26), places=slice(3, 5))
    gaps = find_gaps(sometimes, ["t"], TIMES, find_holes(sometimes, ("t",), TIMES))
    assert gaps.shares.tolist() == [pytest.approx(1 / 32)]
    np.testing.assert_array_equal([gaps.always[0], gaps.ever[0]], [nodes(0, 0), nodes(20, 26)])


def test_a_mask_like_that_of_the_training_is_nothing_to_tell(caplog) -> None:
    for source in (Masked(nodes(0, 12)), Masked(nodes(0, 12), places=slice(1, 8))):
        held(source, source).read(TIMES, ["t", "q"])
    sometimes = Masked(nodes(20, 26), places=slice(3, 5))
    held(sometimes, WAVES).read(TIMES, ["t", "q"])
    assert not caplog.records


def test_a_mask_elsewhere_is_told_once_with_its_shares(caplog) -> None:
    """Nodes 0 to 11 in the training, 6 to 17 now: 12 of 48 nodes are others."""
    source = held(Masked(nodes(0, 12)), Masked(nodes(6, 18)))
    with caplog.at_level(logging.WARNING, "wxml"):
        source.read(TIMES, ["q", "t"])
        source.read(TIMES, ["t"])
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith(
        "variable 't' of the initial states is missing at 25.0% of the nodes at 2000-01-01T00, and at 25.0% in the "
        "training; 25.0% of the nodes are others than there, such as 75°N 0°E; is it another mask"
    )


@pytest.mark.carries_out(
    "give data that have these values, or write `forecast.inputs.other_gaps: accept` to go on with what stands for "
    "missing values"
)
@pytest.mark.parametrize(
    ("training", "now", "shares"),
    [
        (WAVES, nodes(0, 2), "missing at 4.2% of the nodes .* at 0.0% in the training; 4.2% of the nodes are others"),
        (Masked(nodes(0, 12)), nodes(12, 36), "missing at 50.0% .*; 75.0% of the nodes are others"),
        (Masked(nodes(0, 12)), nodes(0, 48), "missing at 100.0% .*; 75.0% of the nodes are others"),
    ],
    ids=["it never was missing", "elsewhere", "all of it"],
)
def test_what_differs_much_is_refused(training: DataSource, now: np.ndarray, shares: str, caplog) -> None:
    source = Masked(now)
    with pytest.raises(DataError, match=shares):
        held(training, source).read(TIMES, ["t"])
    held(training, training).read(TIMES, ["t"])
    assert not caplog.records
    found = held(training, source, "accept").read(TIMES, ["t"])
    np.testing.assert_array_equal(found, source.read(TIMES, ["t"]))
    assert len(caplog.records) == 1


def test_what_a_part_of_the_grid_does_not_have_is_no_gap(caplog) -> None:
    """The first 24 nodes are a part without t; the other part has all of it."""
    source = Masked(nodes(0, 24))
    grid = source.header.grid
    parts = (GridPart("sea", 24, ("t",)), GridPart("land", 24, ()))
    places = replace(grid, shape=(48,), is_regular=False, parts=parts)
    whole = held(WAVES, source)
    with pytest.raises(DataError):
        whole.read(TIMES, ["t"])
    HeldGaps(source, whole._gaps, places, "the states").read(TIMES, ["t"])
    assert not caplog.records


def test_a_part_of_the_nodes_is_held_against_the_same_nodes(caplog) -> None:
    source = held(Masked(nodes(0, 12)), Masked(nodes(0, 12)))
    source.read(TIMES, ["t"], nodes=[40, 3, 11, 12])
    source.read(TIMES, ["t"], nodes=slice(8, 20))
    assert not caplog.records
    with pytest.raises(DataError, match=r"missing at 100\.0%"):
        held(Masked(nodes(0, 12)), Masked(nodes(12, 48))).read(TIMES, ["t"], nodes=[40, 41])


def run(path: Path, output: Path, *changes: str) -> Path:
    changed = read_changes(path, changes, ("data.source", "forecast"))
    return forecast(
        ForecastRequest(
            path, output, start="2000-01-11", lead_time="6h", changed=changed, source=changed and changed.source
        )
    )


def test_a_checkpoint_tells_forecasts_of_other_gaps(checkpoint, tmp_path, caplog) -> None:
    """q, which never was missing, is refused; t elsewhere is told; a checkpoint of before says nothing."""
    path = checkpoint(MASKED)
    stored = load_checkpoint(path)
    assert stored.gaps
    assert stored.gaps.variables == ("t",)
    np.testing.assert_array_equal(stored.gaps.always, [nodes(0, 12)])
    run(path, tmp_path / "own.npz")
    assert "others than there" not in caplog.text
    humid = "forecast.inputs.initial={plugin: masked, name: q}"
    with pytest.raises(DataError, match=r"variable 'q' of the initial states is missing at 25\.0%"):
        run(path, tmp_path / "f.npz", humid)
    assert not (tmp_path / "f.npz").exists()
    run(path, tmp_path / "f.npz", humid, "forecast.inputs.other_gaps=accept")
    assert "variable 'q' of the initial states" in caplog.text
    caplog.clear()
    run(path, tmp_path / "g.npz", "forecast.inputs.initial={plugin: masked, first: 6}")
    assert "variable 't' of the initial states is missing at 25.0%" in caplog.text
    caplog.clear()
    old = replace(stored, gaps=None, header={key: value for key, value in stored.header.items() if key != "gaps"})
    save_checkpoint(tmp_path / "old.safetensors", old)
    run(tmp_path / "old.safetensors", tmp_path / "h.npz", humid)
    assert "others than there" not in caplog.text


@pytest.mark.parametrize("how", ["fail", "impute"])
def test_gaps_for_which_nothing_stands_are_left_to_who_reads_them(checkpoint, tmp_path, caplog, how: str) -> None:
    """Without a transform `impute`: `missing_inputs: impute` puts the mean there, and the other gaps are told."""
    path = checkpoint({"data.missing_inputs": how})
    humid = "forecast.inputs.initial={plugin: masked, name: q}"
    if how == "fail":
        with pytest.raises(DataError, match=r"variable 'q' is missing at .*, and the model needs it there"):
            run(path, tmp_path / "f.npz", humid)
    else:
        run(path, tmp_path / "f.npz", humid)
        assert "variable 'q' of the initial states is missing at 25.0%" in caplog.text


def test_damaged_gaps_are_named(checkpoint, tmp_path) -> None:
    stored = load_checkpoint(checkpoint(MASKED))
    assert stored.gaps
    broken = replace(stored, gaps=replace(stored.gaps, shares=np.array([1.5])))
    save_checkpoint(tmp_path / "b.safetensors", broken)
    with pytest.raises(ArtefactError, match=r"`gaps/shares` of .*a share is not from 0 to 1"):
        load_checkpoint(tmp_path / "b.safetensors")
    save_checkpoint(
        tmp_path / "s.safetensors", replace(stored, gaps=replace(stored.gaps, always=np.ones((1, 40), bool)))
    )
    with pytest.raises(ArtefactError, match=r"`gaps/always` of .*48 bits in bytes, got uint8 of shape \[5\]"):
        load_checkpoint(tmp_path / "s.safetensors")
