"""Metrics of the validation: their contract, numbers worked out by hand, and the tables of a training."""

import csv
import logging
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import Grid, MetricSpace, Variable
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.artefacts.requirements import requirements
from wxml.errors import ConfigError
from wxml.testing import MetricContract
from wxml_trainer_lightning.metrics.deterministic import Acc, Activity, Bias, Mae, Rmse
from wxml_trainer_lightning.metrics.ensemble import Crps, Spread, SpreadSkill
from wxml_trainer_lightning.metrics.regions import Region, region_weights
from wxml_trainer_lightning.metrics.scoring import Scoring
from wxml_trainer_lightning.metrics.sums import MetricSums
from wxml_trainer_lightning.seeing import parquet as parquet_module
from wxml_trainer_lightning.seeing.parquet import MetricsParquet


class TestRmse(MetricContract):
    plugin = Rmse


class TestMae(MetricContract):
    plugin = Mae


class TestBias(MetricContract):
    plugin = Bias


class TestAcc(MetricContract):
    plugin = Acc


class TestActivity(MetricContract):
    plugin = Activity


class TestCrps(MetricContract):
    plugin = Crps


class TestSpread(MetricContract):
    plugin = Spread


class TestSpreadSkill(MetricContract):
    plugin = SpreadSkill


GRID = Grid.unstructured([0.0, 60.0, -60.0], [0.0, 10.0, 350.0])
EVERYWHERE = {"all": np.array([0.5, 0.25, 0.25])}


def space(members: int = 1, climate: float = 0.0) -> MetricSpace:
    mean = np.full((3, 1), climate)
    return MetricSpace((Variable("t", units="K"),), GRID, EVERYWHERE, np.timedelta64(6, "h"), members, lambda: mean)


def value(metric, forecasts, truths) -> float:
    """The metric of some cases of one step, each with a forecast `[member, node]` and a truth `[node]`."""
    total = None
    for forecast, truth in zip(forecasts, truths, strict=True):
        members = np.asarray(forecast, float)[:, None, :, None]
        sums = MetricSums.of(metric, members, np.asarray(truth, float)[None, :, None], EVERYWHERE)
        total = sums if total is None else total + sums
    return float(total.value(metric)[0, 0, 0])


def test_errors_by_hand() -> None:
    """Errors 1, 2, −4 with the shares ½, ¼, ¼: squares ½ + 1 + 4 = 5.5, absolute 2, mean 0."""
    forecast, truth = [[1.0, 2.0, -4.0]], [0.0, 0.0, 0.0]
    assert value(Rmse(space()), [forecast], [truth]) == pytest.approx(np.sqrt(5.5))
    assert value(Mae(space()), [forecast], [truth]) == pytest.approx(2.0)
    assert value(Bias(space()), [forecast], [truth]) == pytest.approx(0.0)


def test_a_missing_truth_leaves_the_rest_to_count_more() -> None:
    """Without the second node: (½ · 1 + ¼ · 16) / ¾ = 6."""
    assert value(Rmse(space()), [[[1.0, 2.0, -4.0]]], [[0.0, np.nan, 0.0]]) == pytest.approx(np.sqrt(6))
    assert np.isnan(value(Rmse(space()), [[[1.0, 2.0, -4.0]]], [[np.nan] * 3]))


def test_the_mean_over_cases_is_inside_the_root() -> None:
    assert value(Rmse(space()), [[[1.0] * 3], [[7.0] * 3]], [[0.0] * 3] * 2) == pytest.approx(5.0)


def test_the_correlation_of_anomalies_is_that_of_each_case() -> None:
    """Anomalies (1, 0, 0) and (1, 0, 0): 1. Anomalies (0, 1, 0) and (0, 1, 1): ¼ / √(¼ · ½) = 1/√2."""
    metric = Acc(space(climate=280.0))
    forecasts, truths = (
        [[[281.0, 280.0, 280.0]], [[280.0, 281.0, 280.0]]],
        [[283.0, 280.0, 280.0], [280.0, 281.0, 281.0]],
    )
    assert value(metric, forecasts, truths) == pytest.approx((1 + 1 / np.sqrt(2)) / 2)
    assert np.isnan(value(metric, [[[280.0] * 3]], [[280.0] * 3]))


def test_the_activity_of_half_the_anomalies_is_a_half() -> None:
    assert value(Activity(space(climate=2.0)), [[[3.0, 1.0, 2.0]]], [[4.0, 0.0, 2.0]]) == pytest.approx(0.5)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=7), st.floats(-10, 10))
def test_crps_equals_the_sum_over_all_pairs(members, truth) -> None:
    count = len(members)
    pairs = sum(abs(a - b) for a in members for b in members) / (2 * count * (count - 1))
    expected = sum(abs(one - truth) for one in members) / count - pairs
    found = value(Crps(space(count)), [[[one] * 3 for one in members]], [[truth] * 3])
    assert found == pytest.approx(expected, abs=1e-9)


def test_spread_and_skill_by_hand() -> None:
    """Members 1 and 3: variance 2, mean 2; the truth 0: √(3/2 · 2) / 2."""
    members = [[1.0] * 3, [3.0] * 3]
    assert value(Spread(space(2)), [members], [[0.0] * 3]) == pytest.approx(np.sqrt(2))
    assert value(SpreadSkill(space(2)), [members], [[0.0] * 3]) == pytest.approx(np.sqrt(3) / 2)


def test_an_ensemble_of_the_truths_own_distribution_has_the_ratio_one() -> None:
    random = np.random.default_rng(0)
    forecasts, truths = random.normal(size=(4000, 4, 3)), random.normal(size=(4000, 3))
    assert value(SpreadSkill(space(4)), forecasts, truths) == pytest.approx(1.0, abs=0.03)


def test_regions_are_boxes_also_across_the_meridian() -> None:
    weights = region_weights(GRID, np.ones(3, bool), {"north": Region(south=10), "here": Region(west=-20, east=5)})
    assert list(weights) == ["all", "north", "here"]
    assert (weights["north"] > 0).tolist() == [False, True, False]
    assert (weights["here"] > 0).tolist() == [True, False, True]
    assert (region_weights(GRID, np.ones(3, bool), {"whole": Region()})["whole"] > 0).all()


def test_a_region_without_a_node_is_refused() -> None:
    with pytest.raises(ConfigError, match="no node of the grid that is forecast is in this region"):
        region_weights(GRID, np.array([True, False, True]), {"north": Region(south=10)})


def test_a_region_may_be_a_mask_in_a_box() -> None:
    """Above 0.5 is inside; a value that is missing is outside. Only masks that are asked for are read."""
    values = {"lsm": lambda: np.array([0.6, 0.5, np.nan]), "huge": pytest.fail}
    regions = {"land": Region(mask="lsm"), "far": Region(mask="lsm", south=-90, north=90, west=-20, east=20)}
    weights = region_weights(GRID, np.ones(3, bool), regions, values)
    assert (weights["land"] > 0).tolist() == (weights["far"] > 0).tolist() == [True, False, False]
    assert weights["land"][0] == weights["all"][0]
    with pytest.raises(ConfigError, match="no node of the grid that is forecast is in this region"):
        region_weights(GRID, np.ones(3, bool), {"north": Region(mask="lsm", south=10)}, values)
    with pytest.raises(
        ConfigError, match=r"there is no mask 'slm': did you mean 'lsm'\?   known: huge, lsm .*north\.mask"
    ):
        region_weights(GRID, np.ones(3, bool), {"north": Region(mask="slm")}, values)


def test_a_mask_is_a_variable_of_the_source_or_an_attribute_of_the_nodes(advection, fit, tmp_path) -> None:
    """Where t is above 0.5 K is everywhere; the north is an attribute, and a box."""
    north = (advection.graph.nodes["grid"].latitudes > 50).astype(float)
    grid = replace(advection.graph.nodes["grid"], attributes={"north": north})
    graph = replace(advection.graph, nodes={**advection.graph.nodes, "grid": grid})
    regions = {"warm": {"mask": "t"}, "mask": {"mask": "north"}, "box": {"south": 50.0}}
    fit(replace(advection, graph=graph), tmp_path / "run", regions=regions, metrics="rmse", validation_every=12)
    found = {(row["variable"], row["region"]): row["value"] for row in rows(tmp_path / "run")}
    for name in ("t", "q"):
        assert found[name, "warm"] == found[name, "all"]
        assert found[name, "mask"] == found[name, "box"] != found[name, "all"]


def test_batches_do_not_matter_and_persistence_is_beside() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(6, 2, 3, 1)).astype(np.float32)
    forecast = (truth + random.normal(size=truth.shape))[:, None].astype(np.float32)
    last = random.normal(size=(6, 3, 1)).astype(np.float32)
    found = []
    for size in (6, 2):
        scoring = Scoring({"rmse": Rmse(space())}, space(), lambda values: 10 * values, 1, 2)
        for start in range(0, 6, size):
            part = slice(start, start + size)
            scoring.add(forecast[part], truth[part], last[part])
        found.append(scoring.end())
    assert [score.value for score in found[0]] == pytest.approx([score.value for score in found[1]])
    assert [score.name for score in found[0]] == ["validation/rmse/t/6h", "validation/rmse/t/12h"]
    expected = 10 * np.sqrt(np.mean(np.square(last[:, None, :, 0] - truth[..., 0]), axis=0) @ EVERYWHERE["all"])
    assert [score.baseline for score in found[0]] == pytest.approx(expected.tolist(), rel=1e-6)


def test_the_sums_of_two_devices_are_those_of_one() -> None:
    """One device has all four samples; of two, the second one has none."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(4, 1, 3, 1)).astype(np.float32)
    forecast, last = (truth + 1)[:, None], truth[:, 0]

    def filled(count: int) -> Scoring:
        scoring = Scoring({"mae": Mae(space())}, space(), lambda values: values, 1, 1)
        if count:
            scoring.add(forecast[:count], truth[:count], last[:count])
        return scoring

    sent: list[np.ndarray] = []
    filled(0).end(lambda sums: sent.append(sums) or sums)
    received = iter(sent)
    (score,) = filled(4).end(lambda sums: sums + next(received))
    assert score.value == pytest.approx(1.0)


# In a training


@pytest.fixture
def fit(fit):
    """Train with the metrics that a training has by itself."""
    return partial(fit, metrics=["rmse", "mae", "bias"])


def rows(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_training_has_a_table_of_metrics(advection, fit, tmp_path) -> None:
    regions = {"north": {"south": 0.0}}
    fit(advection, tmp_path / "run", validation_every=6, rollout={"maximum": 2}, regions=regions, tracker="csv")
    found = rows(tmp_path / "run")
    assert {row["step"] for row in found} == {"6", "12"}
    assert {row["metric"] for row in found} == {"rmse", "mae", "bias"}
    assert {row["lead"] for row in found} == {"6h", "12h"}
    assert {row["region"] for row in found} == {"all", "north"}
    tracked = (tmp_path / "run" / "tracked" / "numbers.csv").read_text()
    (row,) = [row for row in found if list(row.values())[:6] == ["12", "rmse", "t", "", "6h", "all"]]
    assert f"12,validation/rmse/t/6h,{float(row['value'])!r}\n" in tracked
    assert ",validation/rmse/t/6h/north," in tracked


def test_the_table_is_in_physical_units(advection, fit, tmp_path) -> None:
    """The waves of t have the amplitude of many times their scaled values: the table has kelvins."""
    fit(advection, tmp_path / "run")
    scale = dict(zip(advection.statistics.variables, advection.statistics.std, strict=True))
    still = {row["variable"]: float(row["persistence"]) for row in rows(tmp_path / "run") if row["metric"] == "rmse"}
    changes = dict(zip(advection.statistics.variables, advection.statistics.tendency_std, strict=True))
    for name in ("t", "q"):
        assert still[name] == pytest.approx(changes[name], rel=0.3)
    assert scale["t"] > 2


def test_a_resumed_training_has_the_same_table(advection, fit, tmp_path, monkeypatch) -> None:
    from wxml.testing import TravellingWaves

    fit(advection, tmp_path / "whole", validation_every=2, checkpoint_every=5)
    reads, read = iter(range(10**6)), TravellingWaves._read

    def interrupt(source, *args) -> None:
        if next(reads) == 12:
            raise KeyboardInterrupt
        read(source, *args)

    with monkeypatch.context() as patch:
        patch.setattr(TravellingWaves, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit(advection, tmp_path / "broken", validation_every=2, checkpoint_every=5)
    assert not (tmp_path / "broken" / "checkpoint.safetensors").exists()
    fit(advection, tmp_path / "broken", validation_every=2, checkpoint_every=5, resume=True)
    assert (tmp_path / "broken" / "metrics.csv").read_text() == (tmp_path / "whole" / "metrics.csv").read_text()
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = [parquet.read_table(tmp_path / run / "metrics.parquet") for run in ("broken", "whole")]
    assert tables[0].equals(tables[1])
    assert scores(tmp_path / "broken") == scores(tmp_path / "whole")


@pytest.mark.parametrize("keep", ["last", {"best": {"metric": "validation/rmse/t/6h", "mode": "max", "k": 1}}])
def test_a_checkpoint_says_the_scores_of_its_weights(advection, fit, tmp_path, keep) -> None:
    """They are those of the table after the step whose weights are kept, and nothing else that was noted."""
    run = tmp_path / "run"
    fit(advection, run, validation_every=2, keep=keep, callbacks=["gradient-norms"])
    step = load_checkpoint(run / "checkpoint.safetensors").header["training"]["weights_of_step"]
    assert (step == 12) is (keep == "last")
    found = scores(run)
    assert found.pop("validation_loss") > 0
    assert found == {
        f"validation/{row['metric']}/{row['variable']}/{row['lead']}": float(row["value"])
        for row in rows(run)
        if row["step"] == str(step)
    }


def scores(run):
    return requirements(run / "checkpoint.safetensors").scores


def test_the_table_is_there_as_parquet(advection, fit, tmp_path) -> None:
    """A row for each step, metric, variable, level, lead and region, with the types of each column."""
    parquet = pytest.importorskip("pyarrow.parquet")
    regions = {"north": {"south": 0.0}}
    fit(advection, tmp_path / "run", validation_every=6, rollout={"maximum": 2}, regions=regions)
    table = parquet.read_table(tmp_path / "run" / "metrics.parquet")
    written = rows(tmp_path / "run")
    assert len(written) == 2 * 3 * 2 * 2 * 2  # steps, metrics, variables, leads, regions
    assert table.column_names == list(written[0])
    assert str(table.schema.field("value").type) == str(table.schema.field("level").type) == "double"
    for found, line in zip(table.to_pylist(), written, strict=True):
        texts = {name: "" if value is None else str(value) for name, value in found.items()}
        assert texts == line
    assert not list((tmp_path / "run").glob(".*"))


def test_a_number_that_is_none_stays_one(tmp_path) -> None:
    """A level that a variable does not have is missing; a value that is no number is NaN."""
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = "step,metric,variable,level,lead,region,value,persistence,better,units"
    lines = ["6,acc,t,,6h,all,nan,0.5,higher,", '12,acc,"z, at last",500.0,6h,all,0.25,nan,higher,m']
    (tmp_path / "metrics.csv").write_text("\n".join([columns, *lines, ""]))
    MetricsParquet(tmp_path).write()
    first, second = parquet.read_table(tmp_path / "metrics.parquet").to_pylist()
    assert (first["level"], first["units"], first["persistence"]) == (None, "", 0.5)
    assert np.isnan(first["value"])
    assert (second["step"], second["variable"], second["level"]) == (12, "z, at last", 500.0)


def test_no_parquet_without_pyarrow(tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "metrics.csv").write_text("step\n1\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    MetricsParquet(tmp_path).write()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
    assert not caplog.records


def test_a_parquet_that_cannot_be_written_is_told_once(tmp_path, caplog) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "metrics.csv").write_text("step,value\n1,wrong\n")
    file = MetricsParquet(tmp_path)
    for _ in range(2):
        file.write(at_once=True)
    (record,) = caplog.records
    assert "metrics.parquet`, and the training goes on" in record.getMessage()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_file_is_written_for_a_share_of_the_time(tmp_path, monkeypatch) -> None:
    """It took 3 s, so the next one is due 300 s later, or when the training ends."""
    times = iter([0.0, 3.0, 302.0, 303.0, 306.0, 307.0, 308.0])
    written: list[Path] = []
    (tmp_path / "metrics.csv").write_text("step\n")
    monkeypatch.setattr(parquet_module.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(parquet_module, "_write", lambda source, target: written.append(target))
    file = MetricsParquet(tmp_path)
    counts = []
    for at_once in (False, False, False, True):
        file.write(at_once=at_once)
        counts.append(len(written))
    assert counts == [1, 1, 2, 3]


def test_a_model_that_is_no_better_than_persistence_is_told(advection, fit, tmp_path, caplog) -> None:
    caplog.set_level("WARNING", "wxml")
    fit(advection, tmp_path / "run", max_steps=1, learning_rate=1e-9)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("the last validation is no better than persistence")
    assert "see metrics.csv" in warning


def test_no_validation_means_no_table(unvalidated_advection, fit, tmp_path) -> None:
    fit(unvalidated_advection, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_ensemble_metrics_are_left_out_without_members(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path / "run", metrics=["crps", "rmse"])
    assert {row["metric"] for row in rows(tmp_path / "run")} == {"rmse"}
    fit(replace(advection), tmp_path / "none", metrics="none")
    assert not (tmp_path / "none" / "metrics.csv").exists()
