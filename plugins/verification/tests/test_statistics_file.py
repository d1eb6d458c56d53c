"""Statistics of cases are kept, and read back for any cases."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from wxml import Grid, PluginChoice, Variable, VerificationSpace
from wxml.artefacts.replacement import check_target
from wxml.errors import ArtefactError, DataError
from wxml.verification.metric_choice import made_metrics
from wxml_verification.scoring import scored
from wxml_verification.statistics_file import StatisticsFile

TIMES = np.arange(np.datetime64("2001-01-30", "s"), np.datetime64("2001-02-03", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
NAMES = ("t", "u_850", "v_850")


@pytest.fixture(scope="module")
def whole(source, write_in, verify_in, tmp_path_factory):
    """Scores of twelve cases of four members, over the turn of a month."""
    place = tmp_path_factory.mktemp("statistics")
    grid = Grid.regular([60.0, 20.0, -20.0, -60.0], np.arange(0.0, 360.0, 72.0))
    random = np.random.default_rng(0)
    truth = source(grid, NAMES, TIMES, random.normal(size=(len(TIMES), 3, 20)))
    values = {name: random.normal(size=(12, 2, 4, 20)).astype(np.float32) for name in NAMES}
    values["t"][3, 1, 2, 5:] = np.nan
    return verify_in(place, write_in(place, grid, TIMES[:12], LEADS, values), truth, TIMES[:8], maps=0, drawn=False)


@pytest.fixture
def folder(whole, tmp_path):
    """The same in a folder that a test may spoil."""
    return whole[0], Path(shutil.copytree(whole[1], tmp_path / "verification"))


def metrics_of(file):
    """The metrics that the file was made with."""
    variables = tuple(map(Variable, file.header.variables, file.header.variables, [None] * 3, file.header.units))
    space = VerificationSpace(variables, Grid.unstructured([0.0], [0.0]), {}, file.header.members)
    choices = [PluginChoice(plugin=one["plugin"], **one["options"]) for one in file.header.choices.values()]
    return made_metrics(choices, space)


def test_the_scores_follow_from_the_file_alone(folder) -> None:
    scores, path = folder
    file = StatisticsFile.open(path / "statistics.zarr")
    found = scored(file, metrics_of(file))
    assert found.names == scores.metrics
    assert found.subjects == scores.variables == (*NAMES, "u_850, v_850")
    np.testing.assert_array_equal(found.values[0], scores.values)
    assert found.cases == scores.cases == 12
    assert {"crps", "spread-skill", "rank-histogram"} <= set(found.names)


def test_sums_of_two_months_are_those_of_all_cases(folder) -> None:
    file = StatisticsFile.open(folder[1] / "statistics.zarr")
    metrics = metrics_of(file)
    month = file.header.initial_times.astype("datetime64[M]")
    months = [scored(file, metrics, month == one) for one in np.unique(month)]
    whole = scored(file, metrics)
    assert [one.cases for one in months] == [8, 4]
    number = whole.names.index("mse") if "mse" in whole.names else whole.names.index("rmse")
    squares = [np.square(one.values[0, number, 0, 1]) * one.cases for one in months]  # u_850 misses nothing
    np.testing.assert_allclose(np.sqrt(sum(squares) / 12), whole.values[0, number, 0, 1])
    assert sum(one.counts for one in months).tolist() == whole.counts.tolist()


def test_a_case_without_all_members_counts_less(folder) -> None:
    file = StatisticsFile.open(folder[1] / "statistics.zarr")
    weight = file.statistics("crps", "t")[0, :, :, 0, 0]
    np.testing.assert_allclose(np.delete(weight, 3, axis=0), 1.0)
    assert weight[3, 0] == pytest.approx(1.0)
    assert 0 < weight[3, 1] < 0.5


def test_others_read_it_with_zarr(folder) -> None:
    """As the README shows."""
    scores, path = folder
    group = zarr.open_group(str(path / "statistics.zarr"), mode="r")
    header = json.loads(group.attrs["wxml_statistics"])
    assert (header["region"], header["forecast"][0], header["members"]) == (["all"], "forecast", 4)
    weight, squares = group["rmse"][:, 0, 0, 0, :, 0].T
    assert np.sqrt(squares.sum() / weight.sum()) == pytest.approx(scores.get("rmse", "forecast", "t")[0])


@pytest.mark.carries_out("verify the forecast again")
@pytest.mark.parametrize("fault", ["absent", "empty", "other version", "no header"])
def test_what_holds_no_statistics_is_refused(folder, fault) -> None:
    scores, path = folder
    target = path / "statistics.zarr"
    attributes = json.loads((target / ".zattrs").read_text())
    if fault == "absent":
        target = path / "other.zarr"
    elif fault == "empty":
        (target / ".zattrs").unlink()
    else:
        header = json.loads(attributes["wxml_statistics"])
        changed = {**header, "format": 2} if fault == "other version" else {"format": 1}
        (target / ".zattrs").write_text(json.dumps({"wxml_statistics": json.dumps(changed)}))
    with pytest.raises(DataError, match="statistics") as refusal:
        StatisticsFile.open(target)
    assert refusal.value.fix == "verify the forecast again"
    assert scores.cases == 12


def test_a_codec_that_runs_code_is_not_opened(folder) -> None:
    target = folder[1] / "statistics.zarr" / "rmse" / ".zarray"
    array = json.loads(target.read_text())
    target.write_text(json.dumps({**array, "filters": [{"id": "pickle"}]}))
    with pytest.raises(DataError, match="pickle"):
        StatisticsFile.open(folder[1] / "statistics.zarr")


def test_files_of_others_in_a_folder_of_scores_are_not_replaced(folder) -> None:
    path = folder[1]
    check_target(path, "scores", [], overwrite=True)
    (path / "statistics.zarr" / "notes.txt").write_text("precious")
    with pytest.raises(ArtefactError, match=r"holds files that wxml did not write: statistics\.zarr.notes\.txt"):
        check_target(path, "scores", [], overwrite=True)


def test_statistics_that_are_large_are_in_a_file_and_read_in_parts(source, write, verify, monkeypatch) -> None:
    """The scores are those of statistics in memory, but for the order of the sums."""
    grid = Grid.regular([60.0, -60.0], [0.0, 180.0])
    random = np.random.default_rng(0)
    truth = source(grid, ["t"], TIMES, random.normal(size=(len(TIMES), 1, 4)))
    path = write(grid, TIMES[:12], LEADS, {"t": random.normal(size=(12, 2, 4)).astype(np.float32)})
    known, _ = verify(path, truth, TIMES[:8], maps=0)
    monkeypatch.setattr("wxml_verification.kept_statistics.IN_MEMORY", 0)
    monkeypatch.setattr("wxml_verification.statistics_file.CHUNK_BYTES", 500)
    found, folder = verify(path, truth, TIMES[:8], maps=0)
    assert len(list(StatisticsFile.open(folder / "statistics.zarr").blocks("rmse", "t"))) > 1
    np.testing.assert_allclose(found.values, known.values, rtol=1e-12)
    assert found.cases == known.cases
