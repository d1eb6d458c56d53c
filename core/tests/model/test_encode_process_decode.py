"""The wiring of encoder, processor and decoder, with parts whose arithmetic can be followed by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import Mapper, MapperChannels, Mesh, NodeSet, Processor, Route
from wxml.experiment.assembling import assemble
from wxml.graphs.graph import EdgeSet
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import GridFeatures, MeshFeatures
from wxml.model.residual import NoResidual, Persistence
from wxml.model.tensors import to_array, to_tensor

GRID = NodeSet(np.zeros(2), np.zeros(2))  # features of every node: sin 0, cos 0, sin 0, cos 0, whose sum is 2
MESH = NodeSet(np.zeros(1), np.zeros(1))


class SumEncoder(Mapper):
    """Mesh: the sum of all that comes in. Grid: ten times the sum over its channels."""

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        rows = source.sum(-1, keepdim=True)
        return 10 * rows, rows.sum(1, keepdim=True) + target.sum(-1, keepdim=True)


class Tripling(Processor):
    def forward(self, state: Tensor) -> Tensor:
        return 3 * state


class PlusMinusDecoder(Mapper):
    """First variable: mesh + grid. Second: 100 · mesh − grid."""

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return source, torch.cat([source + target, 100 * source - target], dim=-1)


def parts() -> tuple[Mapper, Processor, Mapper]:
    def route(source: NodeSet, target: NodeSet) -> Route:
        return Route(source, target, EdgeSet.between(source, target, [], []))

    encoder = SumEncoder(route(GRID, MESH), MapperChannels(6, 4, 1, 1))
    processor = Tripling(Mesh(MESH, route(MESH, MESH).edges), 1)
    return encoder, processor, PlusMinusDecoder(route(MESH, GRID), MapperChannels(1, 1, 1, 2, decode=True))


def bounding(lowest: tuple[float, ...] = (-np.inf,) * 2, highest: tuple[float, ...] = (np.inf,) * 2) -> Bounding:
    return Bounding(np.array(lowest, np.float32), np.array(highest, np.float32))


ONES = torch.ones(2)


def model(
    residual: nn.Module, bounds: Bounding, scale: Tensor = ONES, trainable: int = 0, **others: Any
) -> EncodeProcessDecode:
    """One prognostic and one diagnostic variable, two input steps, no forcings."""
    features = GridFeatures(GRID, trainable, 2, 1, 0), MeshFeatures(MESH, trainable)
    return EncodeProcessDecode(features, parts(), residual, bounds, scale, **others)


STATES = torch.tensor([[[[1.0], [2.0]], [[3.0], [4.0]]]])  # [batch, time, node, variable]
FORCINGS = torch.zeros(1, 2, 2, 0)

# grid rows: 1 + 3 + 2 and 2 + 4 + 2 = 6 and 8; mesh: 6 + 8 + its own 2 = 16, processed 16 + 3 · 16 = 64
# increments: 64 + 60 and 64 + 80 = 124 and 144; diagnostic: 6400 − 60 and 6400 − 80 = 6340 and 6320


@pytest.mark.parametrize(
    ("residual", "scale", "expected"),
    [
        (NoResidual(), ONES, [[124, 6340], [144, 6320]]),
        (Persistence(1), ONES, [[3 + 124, 6340], [4 + 144, 6320]]),
        (Persistence(1), torch.tensor([0.5, 2.0]), [[3 + 62, 12680], [4 + 72, 12640]]),
        (NoResidual(), torch.tensor([0.5, 2.0]), [[62, 12680], [72, 12640]]),
    ],
    ids=["no residual", "last state", "last state, scaled", "no residual, scaled"],
)
def test_a_step_by_hand(residual: nn.Module, scale: Tensor, expected: list[list[float]]) -> None:
    assert model(residual, bounding(), scale)(STATES, FORCINGS)[0, 0].tolist() == expected


def test_bounds_hold_for_the_sum_of_state_and_increment() -> None:
    bounds = bounding(lowest=(130, -np.inf), highest=(np.inf, 6330))
    assert model(Persistence(1), bounds)(STATES, FORCINGS)[0, 0].tolist() == [[130, 6330], [148, 6320]]


def test_without_bounds_nothing_is_computed() -> None:
    values = torch.ones(1, 2, 2)
    assert bounding()(values) is values


def test_without_the_latent_skip_the_processor_alone_is_decoded() -> None:
    """Mesh: 3 · 16 = 48; increments 48 + 60 and 48 + 80, 4800 − 60 and 4800 − 80."""
    outputs = model(NoResidual(), bounding(), latent_skip=False)(STATES, FORCINGS)
    assert outputs[0, 0].tolist() == [[108, 4740], [128, 4720]]


def test_several_output_steps_start_from_the_same_state() -> None:
    """The decoder's two channels are one variable at two steps: both are added to the last state, in one unit."""
    features = GridFeatures(GRID, 0, 2, 1, 0), MeshFeatures(MESH, 0)
    bounds = Bounding(np.array([-np.inf], np.float32), np.array([12647], np.float32))
    several = EncodeProcessDecode(features, parts(), Persistence(0), bounds, torch.tensor([2.0]))
    outputs = several(STATES, FORCINGS)
    assert outputs[0].tolist() == [[[3 + 248], [4 + 288]], [[12647], [4 + 12640]]]  # [output_step, node, variable]


def test_batch_items_are_forecast_alone() -> None:
    both = torch.cat([STATES, 7 * STATES])
    together = model(Persistence(1), bounding())(both, FORCINGS.expand(2, -1, -1, -1))
    alone = model(Persistence(1), bounding())(7 * STATES, FORCINGS)
    assert torch.equal(together[1], alone[0])


def test_grid_features_go_time_by_time_and_then_variable_by_variable() -> None:
    node = NodeSet(np.array([30.0]), np.array([90.0]))
    features = GridFeatures(node, 2, input_steps=2, prognostic=2, forcing=1)
    states = torch.tensor([[[[1.0, 2.0]], [[4.0, 5.0]]]])
    forcings = torch.tensor([[[[3.0]], [[6.0]]]])
    geometry = [0.5, np.sqrt(3) / 2, 1.0, 0.0]  # sin φ, cos φ, sin λ, cos λ
    with torch.no_grad():
        features.nodes.trainable.copy_(torch.tensor([[8.0, 9.0]]))
    expected = torch.tensor([1.0, 2, 3, 4, 5, 6, *geometry, 8, 9], dtype=torch.float32)
    torch.testing.assert_close(features(states, forcings)[0, 0], expected, atol=1e-6, rtol=1e-6)
    assert features.channels == len(expected)


def test_learned_features_get_gradients() -> None:
    learning = model(Persistence(1), bounding(), trainable=2)
    learning(STATES, FORCINGS).sum().backward()
    # 1 more on the mesh is 4 + 400 more in both outputs of a grid node; what a grid node adds to itself, ± 10, cancels
    assert torch.equal(learning.mesh_features.trainable.grad, torch.full((1, 2), 2 * 404.0))
    assert torch.equal(learning.grid_features.nodes.trainable.grad, torch.full((2, 2), 2 * 404.0))


def test_features_that_are_not_learned_are_not_weights() -> None:
    assert model(Persistence(1), bounding(), torch.ones(2)).state_dict() == {}


def test_arrays_and_tensors_differ_in_the_order_of_variable_and_node() -> None:
    array = np.arange(6, dtype=np.float32).reshape(1, 2, 3)  # [member, variable, node]
    tensor = to_tensor(array)
    assert tensor.tolist() == [[[0, 3], [1, 4], [2, 5]]]
    assert np.array_equal(to_array(tensor), array)


@pytest.mark.parametrize("method", ["mean-std", "std", "min-max", "max", "none"])
def test_limits_are_physical_whatever_the_normalisation(tiny, method: str) -> None:
    config = tiny(
        {
            "data.transforms": [{"plugin": "normalise", "default": method}],
            "model.bounding": {"q": {"minimum": 3.5}, "t": {"minimum": 275, "maximum": 285}},
        }
    )
    experiment = assemble(config)
    extreme = torch.tensor([-1e4, 1e4])[:, None, None].expand(2, 48, 2)  # [batch, node, variable]
    bounded = experiment.new_model().bounding(extreme)
    physical = experiment.preprocessing.inverse(to_array(bounded), ("t", "q"))
    np.testing.assert_allclose(physical[0, :, 0], [275, 3.5], rtol=1e-5)
    np.testing.assert_allclose(physical[1, 0], 285, rtol=1e-5)
    assert physical[1, 1].min() > 1e3


def test_the_scale_of_increments_is_the_configured_one(tiny) -> None:
    tendency = assemble(tiny())
    np.testing.assert_array_equal(tendency.new_model().increment_scale, tendency.tendency_scale)
    unit = assemble(tiny({"model.increment_scale": "unit"}))
    assert unit.new_model().increment_scale.tolist() == [1, 1]
