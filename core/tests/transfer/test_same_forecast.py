"""A model that begins with the weights of another one forecasts the same, before any step."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout

TIMES = np.array(["2000-01-13T00"], "datetime64[s]")
TOLERANCE = 1e-5
"""Of the range of a variable, about 10 K."""
LATER = {"data.split.training": ["2000-01-04", "2000-01-12"], "data.split.validation": None}


def agree(found: dict[str, Any], wanted: dict[str, Any], names: str, offset: float = 0.0, rounding: float = 0) -> None:
    for name in names:
        atol = TOLERANCE * max(np.ptp(wanted[name]), 10) + rounding
        np.testing.assert_allclose(found[name] - offset, wanted[name], rtol=0, atol=atol)


@settings(
    max_examples=settings.default.max_examples // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    order=st.permutations(["a", "b", "c", "d"]),
    forcings=st.permutations(["c", "cos_latitude", "cos_local_time"]),
    tendencies=st.tuples(st.booleans(), st.booleans()),
    scales=st.tuples(*[st.sampled_from(["tendency", "unit"])] * 2),
    residual=st.sampled_from(["persistence", "none", "truncated"]),
    methods=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["min-max", "std", "none"]), max_size=2),
    input_steps=st.sampled_from([1, 2, 3]),
    diagnostic=st.booleans(),
)
def test_in_any_order_with_any_statistics_and_options(
    fork, order, forcings, tendencies, scales, residual, methods, input_steps, diagnostic
) -> None:
    role = {"data.variables.diagnostic": ["d"] if diagnostic else []}
    forcing = ["c", "cos_latitude", "cos_local_time"]
    shared = {"model.residual": residual, "data.input_steps": input_steps, **role}
    options = [
        {"model.input_tendencies": tendency, "model.increment_scale": scale}
        for tendency, scale in zip(tendencies, scales, strict=True)
    ]
    parent = fork({**shared, **options[0], "data.variables.forcing": forcing})
    child = parent.child(
        {
            **options[1],
            **LATER,
            "data.variables.forcing": forcings,
            "data.source.names": order,
            "data.transforms": [{"plugin": "normalise", "methods": methods}],
        },
    )
    agree(parent.begun(child), parent.forecast(), "abd")


def test_with_other_input_steps_that_read_the_same(fork) -> None:
    """A model that reads one time more begins with zeros for it."""
    parent = fork({"data.input_steps": 2})
    child = parent.child({"data.input_steps": 4, **LATER}, match="by-name")
    agree(parent.begun(child), parent.forecast(), "abcd")
    assert child.initial is not None
    assert child.initial.report.differences == ("`data.input_steps` was 2, is 4",)


def test_in_other_units(fork) -> None:
    parent = fork({})
    child = parent.child({"data.source.degrees": ["a", "c"], **LATER})
    agree(parent.begun(child), parent.forecast(), "ac", offset=-273.15)
    agree(parent.begun(child), parent.forecast(), "bd")


def test_under_another_name(fork) -> None:
    parent = fork({})
    child = parent.child({"data.source.names": ["b", "c", "d", "air"]}, renamed={"air": "a"})
    found, wanted = parent.begun(child), parent.forecast()
    agree(found | {"a": found["air"]}, wanted, "abcd")


def test_a_new_variable_changes_nothing_and_persists(fork) -> None:
    parent = fork({})
    child = parent.child({"data.source.names": ["b", "e", "c", "d", "a"], **LATER}, match="by-name")
    found = parent.begun(child)
    agree(found, parent.forecast(), "abcd")
    first = child.source.read(np.array(["2000-01-13T00", "2000-01-14T06"], "datetime64[s]"), ["e"])[:, :, 0]
    np.testing.assert_allclose(found["e"], np.broadcast_to(first, found["e"].shape), rtol=1e-6)


@pytest.mark.parametrize("tendencies", [True, False])
def test_a_dropped_variable_is_its_mean(fork, tendencies: bool) -> None:
    parent = fork({"data.variables.forcing": ["d", "cos_latitude"], "model.input_tendencies": tendencies})
    where = parent.parent.statistics.variables.index("d")
    mean = float(parent.parent.statistics.mean[where])
    wanted = parent.forecast(held={"d": mean})
    child = parent.child({"data.source.names": ["c", "b", "a"], "data.variables.forcing": []}, match="by-name")
    # cos_latitude is computed, so its mean is not on record and 0 stands for it
    assert child.initial is not None
    assert [row.name for row in child.initial.report.variables] == ["c", "b", "a", "d", "cos_latitude"]
    child = parent.child(
        {"data.source.names": ["c", "b", "a"], "data.variables.forcing": ["cos_latitude"]}, match="by-name"
    )
    agree(parent.begun(child), wanted, "abc")


def test_with_a_logarithm_in_both_chains(fork) -> None:
    """The model values are no linear function of the physical ones, and yet of those of the checkpoint."""
    chain = {"data.transforms": [{"plugin": "log1p"}, {"plugin": "normalise"}]}
    parent = fork(chain)
    child = parent.child({**chain, **LATER, "data.source.names": ["d", "c", "b", "a"]})
    logarithm_in_single_precision = 3 * 290 * 2**-21  # ln 290 = 5.7, whose last bit is 2⁻²¹, times 290 K
    agree(parent.begun(child), parent.forecast(), "abcd", rounding=logarithm_in_single_precision)


def test_learned_features_of_nodes_come_from_the_nearest(fork) -> None:
    learned = {"model.trainable_features": {"grid": 2, "mesh": 3}}
    parent = fork(learned)
    child = parent.child(learned)
    agree(parent.begun(child), parent.forecast(), "abcd")
    finer = parent.child({**learned, "data.source.finer": True})
    features, old = finer.new_model().state_dict(), parent.parent.graph.nodes["grid"]
    distance = np.linalg.norm(finer.graph.nodes["grid"].points[:, None] - old.points[None], axis=-1)
    weights = load_checkpoint(parent.checkpoint).weights
    name = "grid_features.nodes.trainable"
    np.testing.assert_array_equal(features[name].numpy(), weights[name].numpy()[distance.argmin(axis=1)])
    np.testing.assert_array_equal(features["mesh_features.trainable"], weights["mesh_features.trainable"])


def test_more_learned_features_begin_at_zero(fork) -> None:
    parent = fork({"model.trainable_features": {"grid": 2, "mesh": 1}})
    child = parent.child({"model.trainable_features": {"grid": 3, "mesh": 2}})
    agree(parent.begun(child), parent.forecast(), "abcd")


def test_a_share_of_another_variable_stays_a_share(fork) -> None:
    bounding = {"data.variables.diagnostic": ["c", "d"], "model.bounding": {"d": {"fraction_of": "c"}}}
    parent = fork(bounding)
    child = parent.child({**bounding, **LATER, "data.source.names": ["d", "a", "c", "b"]})
    agree(parent.begun(child), parent.forecast(), "abcd")


def test_several_output_steps(fork) -> None:
    parent = fork({"data.output_steps": 2})
    child = parent.child({"data.output_steps": 2, **LATER, "data.source.names": ["b", "a", "d", "c"]})
    agree(parent.begun(child), parent.forecast(), "abcd")
    longer = parent.child({"data.output_steps": 3, **LATER}, match="by-name")
    found, wanted = parent.begun(longer), parent.forecast()
    agree({name: values[:2] for name, values in found.items()}, {n: v[:2] for n, v in wanted.items()}, "abcd")


def normals(experiment: Experiment, model: Any) -> dict[str, Any]:
    """Means and standard deviations of one forecast step, by variable."""
    with torch.no_grad():
        ((_, fields),) = rollout(experiment, model, TIMES, 1, spread=True)
    return {name: fields[name] for name in fields.variables}


def test_a_spread_stays_the_same_in_units_of_the_typical_change(fork) -> None:
    """In another order, with other statistics and one variable fewer, which was its mean."""
    parent = fork({"data.source.held": {"d": 275.0}, "model.spread": {}})
    child = parent.child({**LATER, "model.spread": {}, "data.source.names": ["c", "a", "b"]}, match="by-name")
    old, new = normals(*restore(parent.checkpoint)), normals(child, child.new_model())
    agree(new, old, "abc")
    changes = [
        dict(zip(one.statistics.variables, one.statistics.tendency_std, strict=True)) for one in (parent.parent, child)
    ]
    assert set(new) == {name for each in "abc" for name in (each, f"{each}_spread")}
    for name in "abc":
        was, now = (made[f"{name}_spread"] / change[name] for made, change in zip((old, new), changes, strict=True))
        assert np.ptp(was) > 0.1
        np.testing.assert_allclose(now, was, rtol=2e-3)


def test_a_spread_begins_alike_everywhere_where_there_was_none(fork) -> None:
    """r = 0: σ = s (ln 2 + floor), and the values are those of the checkpoint. A spread that nobody wants is left."""
    parent = fork({})
    child = parent.child({"model.spread": {"floor": 0.1}}, match="by-name")
    assert "`model.spread` was None, is {'floor': 0.1}" in child.initial.report.differences
    with torch.no_grad():
        output = child.new_model()(torch.randn(1, 2, 48, 4), torch.zeros(1, 2, 48, 0))
    expected = torch.from_numpy(child.tendency_scale) * (math.log(2) + 0.1)
    torch.testing.assert_close(output[..., 4:], expected.expand(1, 1, 48, 4))
    agree(parent.begun(child), parent.forecast(), "abcd")
    back = fork({"model.spread": {}})
    agree(back.begun(back.child({}, match="by-name")), back.forecast(), "abcd")


@pytest.mark.parametrize("reads", [True, False])
def test_what_a_model_of_changes_did_not_read_changes_nothing(fork, reads: bool) -> None:
    """Whether the new model reads the last state or not: the weights of what the old one did not read become 0."""
    parent = fork({"data.input_steps": 3, "model.input_last_state": False})
    child = parent.child({"model.input_last_state": reads, **LATER})
    agree(parent.begun(child), parent.forecast(), "abcd")


@pytest.mark.parametrize("means", [True, False])
def test_means_follow_statistics_order_and_steps(fork, means: bool) -> None:
    """The new model reads means in another order, of other statistics and of one step more; the old one may not."""
    parent = fork({"data.input_steps": 2, "model.input_means": means, "model.input_last_state": False})
    options = {"data.input_steps": 3, "model.input_means": True, "data.source.names": ["c", "a", "d", "b"]}
    child = parent.child({**options, **LATER}, match="by-name")
    agree(parent.begun(child), parent.forecast(), "abcd")


def test_what_is_read_no_longer_is_told(fork) -> None:
    parent = fork({"model.input_means": True})
    child = parent.child({"model.input_last_state": False, "model.input_means": False}, match="by-name")
    assert child.initial.report.differences == (
        "`model.input_last_state` was True, is False", "`model.input_means` was True, is False",
    )  # fmt: skip
