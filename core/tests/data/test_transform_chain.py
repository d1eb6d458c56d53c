"""Chains of transforms: each one is made from the statistics of the values that it receives, in every order."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from wxml import DataError, Statistics
from wxml.artefacts.checkpoint import FORMAT, Checkpoint, load_checkpoint, read_header, save_checkpoint
from wxml.data.chain import through
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore

NAMES = ("impute", "log1p", "normalise")
ORDERS = [order for length in range(4) for order in permutations(NAMES, length)] + [("log1p", "log1p", "normalise")]
POSSIBLE = [o for o in ORDERS if "normalise" not in o or "log1p" not in o[o.index("normalise") :]]
IMPOSSIBLE = [order for order in ORDERS if order not in POSSIBLE]


def chain(tiny, order: tuple[str, ...], source: str = "gap") -> Experiment:
    return assemble(tiny({"data.source": {"plugin": source}, "data.transforms": [{"plugin": name} for name in order]}))


def plain(experiment: Experiment, count: int) -> Statistics:
    """The statistics of what the first `count` transforms give, from all the training data at once."""
    times, names = experiment.source.header.times[:40], experiment.statistics.variables
    physical = experiment.source.read(times, names)
    mapped = through(experiment.preprocessing.transforms[:count], physical, names)
    values = np.where(np.isnan(physical), np.nan, mapped).astype(np.float64)[:, 0]
    weights = np.where(np.isnan(values), 0.0, experiment.source.header.grid.area_weights)
    filled = np.nan_to_num(values)
    mean = np.average(filled, axis=(0, 2), weights=weights)
    std = np.sqrt(np.average((filled - mean[:, None]) ** 2, axis=(0, 2), weights=weights))
    change, both = np.diff(values, axis=0), weights[1:] * (weights[:-1] > 0)
    tendency = np.sqrt(np.average(np.nan_to_num(change) ** 2, axis=(0, 2), weights=both))
    return Statistics(names, mean, std, np.nanmin(values, axis=(0, 2)), np.nanmax(values, axis=(0, 2)), tendency)


def numbers(statistics: Statistics) -> NDArray[np.float64]:
    return np.stack([statistics.mean, statistics.std, statistics.minimum, statistics.maximum, statistics.tendency_std])


@pytest.mark.parametrize("order", POSSIBLE, ids="-".join)
def test_each_transform_has_the_statistics_of_what_it_receives(tiny, order: tuple[str, ...]) -> None:
    experiment = chain(tiny, order)
    space = experiment.preprocessing
    for count, transform in enumerate(space.transforms):
        np.testing.assert_allclose(
            numbers(transform.statistics), numbers(plain(experiment, count)), rtol=1e-4, atol=1e-5
        )
    last = plain(experiment, len(order))
    np.testing.assert_allclose(numbers(space.model_statistics), numbers(last), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(experiment.tendency_scale, last.tendency_std, rtol=1e-3)


@pytest.mark.parametrize("order", [order for order in POSSIBLE if "normalise" in order], ids="-".join)
def test_model_values_have_mean_zero_and_deviation_one(tiny, order: tuple[str, ...], caplog) -> None:
    last = chain(tiny, order).preprocessing.model_statistics
    np.testing.assert_allclose(last.mean, 0, atol=1e-4)
    np.testing.assert_allclose(last.std, 1, rtol=1e-4)
    assert "far from 0 and 1" not in caplog.text


@pytest.mark.parametrize("order", [order for order in POSSIBLE if "impute" in order], ids="-".join)
def test_a_missing_value_becomes_the_mean_of_the_model_values(tiny, order: tuple[str, ...]) -> None:
    """The mean of the logarithms and the logarithm of the mean differ by 1e-3 here."""
    experiment = chain(tiny, order)
    values, missing = experiment.preprocessing.states(experiment.source.header.times[3:4])
    at = experiment.preprocessing.roles.prognostic.index("t")
    assert missing[0, 0, at, 5]
    mean, std = (getattr(experiment.preprocessing.model_statistics, name)[0] for name in ("mean", "std"))
    assert abs(values[0, 0, at, 5] - mean) < 0.05 * std


@pytest.mark.carries_out("put the transforms of `data.transforms` in another order, or leave this variable out of it")
@pytest.mark.parametrize("order", IMPOSSIBLE, ids="-".join)
def test_an_order_without_values_is_refused(tiny, order: tuple[str, ...]) -> None:
    with pytest.raises(
        DataError, match=rf"transform {order.index('log1p')} \(Log1p\) of `data.transforms` gives nan"
    ) as e:
        chain(tiny, order)
    assert "-1." in e.value.message
    other = tuple(sorted(order, key=lambda name: name == "normalise"))
    assert np.isfinite(chain(tiny, other).preprocessing.model_statistics.mean).all()
    parts = [{"plugin": name, **({"leave_out": ["t", "q"]} if name == "log1p" else {})} for name in order]
    left_out = assemble(tiny({"data.source": {"plugin": "gap"}, "data.transforms": parts})).preprocessing
    np.testing.assert_allclose(left_out.model_statistics.mean, 0, atol=1e-4)  # of normalise


@pytest.mark.parametrize("order", [(), ("log1p",), ("impute",)], ids="-".join)
def test_model_values_far_from_mean_zero_are_told(tiny, caplog, order: tuple[str, ...]) -> None:
    chain(tiny, order)
    assert "the model values of 't' have mean" in caplog.text or order == ("log1p",)
    assert "'t' have" in caplog.text


def test_a_chain_of_normalise_alone_has_the_numbers_of_version_0_1(tiny) -> None:
    """Bit for bit: the transforms, and the scale |forward(mean + tendency) − forward(mean)|."""
    experiment = assemble(tiny())
    physical, (normalise,) = experiment.statistics, experiment.preprocessing.transforms
    np.testing.assert_array_equal(normalise.offset, physical.mean)
    np.testing.assert_array_equal(normalise.scale, physical.std)
    still, moved = (
        normalise.forward(x.astype(np.float32)[:, None], physical.variables)[:, 0]
        for x in (physical.mean, physical.mean + physical.tendency_std)
    )
    np.testing.assert_array_equal(experiment.tendency_scale, np.abs(moved - still))


@pytest.mark.parametrize("order", POSSIBLE, ids="-".join)
def test_a_restored_chain_is_the_same_chain(tiny, order: tuple[str, ...], tmp_path: Path) -> None:
    experiment, path = chain(tiny, order), tmp_path / "c.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {})
    again, model = restore(path)
    for ours, theirs in zip(again.preprocessing.transforms, experiment.preprocessing.transforms, strict=True):
        np.testing.assert_array_equal(numbers(ours.statistics), numbers(theirs.statistics))
    np.testing.assert_array_equal(again.tendency_scale, experiment.tendency_scale)
    assert torch.equal(model.increment_scale, experiment.new_model().increment_scale)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_a_checkpoint_of_format_1_hands_every_transform_the_physical_statistics(
    tiny, order: tuple[str, ...], tmp_path: Path
) -> None:
    experiment, path = chain(tiny, ("normalise",)), tmp_path / "c.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {})
    new = load_checkpoint(path)
    header = {**new.header, "config": {**new.header["config"]}}
    header["config"]["data"] = {**header["config"]["data"], "transforms": [{"plugin": name} for name in order]}
    save_checkpoint(path, Checkpoint(header, new.weights, new.graph, new.grid, new.statistics), overwrite=True)
    space = restore(path)[0].preprocessing
    for transform in space.transforms:
        np.testing.assert_array_equal(numbers(transform.statistics), numbers(experiment.statistics))
    mean, moved = (
        space.forward(x.astype(np.float32)[:, None], new.statistics.variables)[:, 0]
        for x in (new.statistics.mean, new.statistics.mean + new.statistics.tendency_std)
    )
    np.testing.assert_array_equal(space.tendency_scale, np.abs(moved - mean))


def test_the_format_says_that_there_are_statistics_of_each_transform(tiny, tmp_path: Path) -> None:
    """A reader of format 1 would hand out others, and must refuse."""
    experiment, path = chain(tiny, ("log1p", "normalise")), tmp_path / "c.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {})
    assert read_header(path)["format"] == FORMAT == 2
    assert read_header(path)["transformed"] == 2
