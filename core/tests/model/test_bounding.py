"""Limits and fractions in physical units, whatever the normalisation; by hand and against torch's activations."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from wxml import DataError
from wxml.config.model_schema import BoundingConfig
from wxml.data.preprocessing import Preprocessing
from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.data.transforms.normalise import Normalise
from wxml.data.variables import VariableRoles
from wxml.experiment.assembling import assemble
from wxml.model.bounding import Bounding, make_bounding
from wxml.model.tensors import to_array, to_tensor

NAMES = ("t", "tp", "cp", "sf")
STATISTICS = Statistics(
    NAMES,
    mean=np.array([280.0, 2.0, 0.5, 0.3]),
    std=np.array([15.0, 4.0, 2.0, 1.0]),
    minimum=np.array([200.0, -0.1, 0.0, 0.0]),
    maximum=np.array([320.0, 50.0, 20.0, 10.0]),
    tendency_std=np.ones(4),
)
METHODS = ["mean-std", "std", "min-max", "max", "none"]


class Logarithm(Transform):
    """ln x of one variable; or of its negative, which falls."""

    def __init__(self, variable: str, sign: int = 1) -> None:
        super().__init__(STATISTICS)
        self.variable, self.sign = variable, sign

    def forward(self, values, variables):
        mine = (np.array(variables) == self.variable)[:, None]
        return np.where(mine, self.sign * np.log(np.where(mine, values, 1)), values).astype(np.float32)

    def inverse(self, values, variables):
        mine = (np.array(variables) == self.variable)[:, None]
        return np.where(mine, np.exp(self.sign * np.where(mine, values, 0)), values).astype(np.float32)


def space(*transforms: Transform, method: Any = "mean-std") -> Preprocessing:
    """Of temperature, and three kinds of precipitation, which are diagnostic."""
    chain = transforms or (Normalise(STATISTICS, default=method),)
    return Preprocessing(None, VariableRoles(("t",), (), NAMES[1:]), chain, STATISTICS)


def bounding(model_space: Preprocessing, **bounds: dict[str, Any]) -> Bounding:
    return make_bounding(model_space, {name: BoundingConfig(**bound) for name, bound in bounds.items()})


def physical(model_space: Preprocessing, outputs: Tensor) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, model_space.inverse(to_array(outputs), NAMES)[0], strict=True))


VALUES = np.linspace(-400, 600, 21, dtype=np.float32)
PHYSICAL = np.stack([VALUES] * 4)[None]  # [batch, variable, node]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({"minimum": 3}, lambda x: functional.relu(x - 3) + 3),
        ({"minimum": 3, "slope": 0.01}, lambda x: functional.leaky_relu(x - 3, 0.01) + 3),
        ({"maximum": 290}, lambda x: 290 - functional.relu(290 - x)),
        ({"minimum": 0, "maximum": 300}, lambda x: functional.hardtanh(x, 0, 300)),
        (
            {"minimum": 0, "maximum": 300, "slope": 0.1},
            lambda x: torch.where(x < 0, 0.1 * x, torch.where(x > 300, 300 + 0.1 * (x - 300), x)),
        ),
    ],
    ids=["relu", "leaky relu", "upper", "hardtanh", "leaky hardtanh"],
)
def test_limits_are_those_of_physical_values(method: str, bound: dict[str, Any], expected) -> None:
    model_space = space(method=method)
    bounded = bounding(model_space, t=bound)(to_tensor(model_space.forward(PHYSICAL, NAMES)))
    found = physical(model_space, bounded)
    np.testing.assert_allclose(found["t"], expected(torch.from_numpy(VALUES)), rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found["tp"], VALUES, rtol=1e-5, atol=1e-3)


def test_a_leaky_limit_lets_gradients_through_and_a_hard_one_does_not() -> None:
    for slope in (0.0, 0.05):
        values = torch.tensor([[[-50.0, -50.0, 50.0, 0.0]]], requires_grad=True)
        bounding(space(), tp={"minimum": 0, "slope": slope}, cp={"maximum": 1, "slope": slope})(values).sum().backward()
        assert values.grad.flatten().tolist() == pytest.approx([1, slope, slope, 1])


@pytest.mark.parametrize("method", METHODS)
def test_a_fraction_of_a_total_that_is_bounded_first(method: str) -> None:
    """The network says 0.25, −3 and 7 for the share; the total is 8, 8, −5, which its limit makes 0."""
    model_space = space(method=method)
    wanted = np.array([[280, 280, 280], [8, 8, -5], [0, 0, 0], [0, 0, 0]], np.float32)[None]
    outputs = to_tensor(model_space.forward(wanted, NAMES))
    outputs[0, :, 2] = torch.tensor([0.25, -3.0, 7.0])
    bounds = {"cp": {"fraction_of": "tp"}, "tp": {"minimum": 0}}
    found = physical(model_space, bounding(model_space, **bounds)(outputs))
    np.testing.assert_allclose(found["tp"], [8, 8, 0], atol=1e-5)
    np.testing.assert_allclose(found["cp"], [2, 0, 0], atol=1e-5)
    np.testing.assert_allclose(found["t"], 280, rtol=1e-6)
    np.testing.assert_allclose(found["sf"], 0, atol=1e-6)


def test_fractions_of_fractions_in_any_order() -> None:
    """tp 8, cp half of it, sf half of that: 8, 4, 2."""
    model_space = space()
    outputs = torch.tensor([[[0.0, 1.5, 0.5, 0.5]]])  # tp = 2 + 4 · 1.5
    bounds = {"sf": {"fraction_of": "cp"}, "cp": {"fraction_of": "tp"}}
    for names in (["sf", "cp"], ["cp", "sf"]):
        found = physical(model_space, bounding(model_space, **{name: bounds[name] for name in names})(outputs))
        assert [found[name].item() for name in NAMES] == pytest.approx([280, 8, 4, 2])


@pytest.mark.parametrize(("slope", "raw", "expected"), [(0.0, 3.0, 8.0), (0.01, 3.0, 8.16), (0.01, -1.0, -0.08)])
def test_a_leaky_fraction(slope: float, raw: float, expected: float) -> None:
    """The share is 1 + 0.01 · 2, or −0.01; times 8."""
    outputs = torch.tensor([[[0.0, 1.5, raw, 0.0]]])
    found = physical(space(), bounding(space(), cp={"fraction_of": "tp", "slope": slope})(outputs))
    assert found["cp"].item() == pytest.approx(expected)


def test_the_gradient_of_a_fraction_reaches_share_and_total() -> None:
    """part = f (2 + 4 y) / 2 − 0.25 in model space: ∂/∂f = 1 + 2 y and ∂/∂y = 2 f."""
    outputs = torch.tensor([[[0.0, 1.5, 0.25, 0.0]]], dtype=torch.float64, requires_grad=True)
    bounds = bounding(space(), cp={"fraction_of": "tp"}, tp={"minimum": 0}).double()
    bounds(outputs)[..., 2].sum().backward()
    assert outputs.grad.flatten().tolist() == pytest.approx([0, 0.5, 4, 0])
    torch.autograd.gradcheck(bounds, outputs)


@pytest.mark.parametrize("sign", [1, -1])
def test_limits_of_a_variable_that_is_transformed_by_a_curve(sign: int) -> None:
    """ln tp rises, −ln tp falls: the physical limits are the same."""
    model_space = space(Logarithm("tp", sign))
    bounds = bounding(model_space, tp={"minimum": 2, "maximum": 5})
    values = np.array([[[280.0] * 4, [0.5, 3, 4.5, 90], [1] * 4, [1] * 4]], np.float32)
    found = physical(model_space, bounds(to_tensor(model_space.forward(values, NAMES))))
    np.testing.assert_allclose(found["tp"], [2, 3, 4.5, 5], rtol=1e-5)


class Saturating(Transform):
    """Model values are ± scale · x + offset; physical values come back within 0 and 6, as some transforms clip them."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__(STATISTICS)
        self.scale, self.offset = scale, offset

    def forward(self, values, variables):
        return (values * self.scale + self.offset).astype(np.float32)

    def inverse(self, values, variables):
        return np.clip((values - self.offset) / self.scale, 0, 6).astype(np.float32)


@given(
    scale=st.sampled_from([-2.0, -1.0, -0.2, 0.2, 1.0, 2.0]),
    offset=st.floats(-20, 20, width=16),
    values=st.lists(st.floats(0, 6, width=16), min_size=4, max_size=4),
    limits=st.sampled_from([(2.0, None), (None, 4.0), (2.0, 4.0)]),
)
def test_a_minimum_stays_a_minimum_where_the_inverse_saturates_or_falls(scale, offset, values, limits) -> None:
    """Wherever the part between the two ends lies among the model values."""
    model_space, (minimum, maximum) = space(Saturating(scale, offset)), limits
    bounds = bounding(model_space, tp={"minimum": minimum, "maximum": maximum})
    fields = np.array([[[280.0] * 4, values, [1] * 4, [1] * 4]], np.float32)
    found = physical(model_space, bounds(to_tensor(model_space.forward(fields, NAMES))))
    np.testing.assert_allclose(found["tp"], np.clip(values, minimum, maximum), atol=1e-3)


class Square(Saturating):
    def inverse(self, values, variables):
        return np.square(values)


class Nothing(Saturating):
    def inverse(self, values, variables):
        return 0 * values


@pytest.mark.parametrize(("kind", "how"), [(Square, "rises here and falls there"), (Nothing, "is the same everywhere")])
def test_limits_of_a_variable_without_a_direction_are_refused(kind: type[Saturating], how: str) -> None:
    with pytest.raises(DataError, match=rf"limits 'tp', whose physical value {how}"):
        bounding(space(kind(1.0, 0.0)), tp={"minimum": 0})


def test_a_limit_at_the_edge_of_a_curve_holds_anyway() -> None:
    """ln 0 is −∞: no model value is below zero."""
    bounds = bounding(space(Logarithm("tp")), tp={"minimum": 0})
    values = torch.tensor([[[0.0, -80.0, 0.0, 0.0]]])
    assert torch.equal(bounds(values), values)


def test_a_limit_beyond_a_curve_is_refused() -> None:
    with pytest.raises(DataError, match=r"`model.bounding.tp` has the limit -1.0, for which .* no model value"):
        bounding(space(Logarithm("tp")), tp={"minimum": -1})


@pytest.mark.parametrize("curved", ["tp", "cp"])
def test_fractions_need_straight_lines(curved: str) -> None:
    with pytest.raises(DataError, match=f"needs '{curved}' to be a linear function of its model value"):
        bounding(space(Logarithm(curved)), cp={"fraction_of": "tp"})


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"tpp": {"minimum": 0}}, r"limits 'tpp', which is not forecast\n.*did you mean 'tp'"),
        ({"cp": {"fraction_of": "tpp"}}, r"makes 'cp' a fraction of 'tpp', which is not forecast\n.*'tp'"),
        ({"t": {"fraction_of": "tp"}}, r"'t' a fraction of 'tp', but it is prognostic.*\n.*data.variables.diagnostic"),
        (
            {"cp": {"fraction_of": "sf"}, "sf": {"fraction_of": "cp"}},
            "fractions of one another: (cp of sf|sf of cp) of",
        ),
        ({"cp": {"fraction_of": "cp"}}, "fractions of one another: cp of cp"),
    ],
)
def test_what_cannot_be_bounded_is_refused(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        bounding(space(), **bounds)


def test_a_fraction_has_no_limits_of_its_own() -> None:
    with pytest.raises(ValueError, match="`fraction_of` keeps a variable between 0 and the other one"):
        BoundingConfig(fraction_of="tp", maximum=3)


def test_a_model_that_is_assembled_keeps_its_fractions(tiny) -> None:
    """q is forecast as a share of t, which lies around 280 K, so q is between 0 and t."""
    config = tiny({"data.variables.diagnostic": ["q"], "model.bounding": {"q": {"fraction_of": "t"}}})
    experiment = assemble(config)
    model = experiment.new_model()
    outputs = model(torch.randn(3, 2, 48, 1), torch.zeros(3, 2, 48, 0))
    t, q = np.moveaxis(experiment.preprocessing.inverse(to_array(outputs.detach()), ("t", "q")), -2, 0)
    assert ((q >= -1e-3) & (q <= t + 1e-3)).all()
    assert q.max() > 1
    outputs[..., 1].sum().backward()
    assert model.decoder.out.weight.grad[1].any()
