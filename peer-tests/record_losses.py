"""Writes down the numbers of anemoi-training that the tests of wxml-losses compare with.

    python peer-tests/record_losses.py    in an environment of its own: pip install anemoi-training==0.17.1

The file holds the inputs, too, so that nothing of the peer and no random number is needed where they are read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from anemoi.training.losses.base import BaseLoss
from anemoi.training.losses.energy_score import EnergyScoreLoss
from anemoi.training.losses.huber import HuberLoss
from anemoi.training.losses.kcrps import CRPS
from anemoi.training.losses.logcosh import LogCoshLoss
from anemoi.training.losses.mae import MAELoss
from anemoi.training.losses.mse import MSELoss
from anemoi.training.losses.rmse import RMSELoss
from anemoi.training.losses.scalers import (
    GeneralVariableLossScaler,
    LeadTimeDecayScaler,
    LinearVariableLevelScaler,
    PolynomialVariableLevelScaler,
    ReluVariableLevelScaler,
    ReweightedGraphNodeAttributeScaler,
    StdevTendencyScaler,
    VarTendencyScaler,
)
from anemoi.training.utils.enums import TensorDim
from omegaconf import DictConfig
from torch import Tensor

RECORDED = Path(__file__).parents[1] / "plugins" / "losses" / "tests" / "anemoi_losses.json"
BATCH, STEPS, MEMBERS, NODES = 2, 2, 5, 6
LEVELS = {"t_850": 850, "t_250": 250, "tp": None}
CHANGES = {"t_850": 0.25, "t_250": 0.5, "tp": 1.0}


def inputs() -> dict[str, Any]:
    """Draw forecasts, truth, a direction, and weights along each axis; all are rounded, so that JSON holds them."""
    draw = np.random.default_rng(13)
    shape = (BATCH, STEPS, NODES, len(LEVELS))
    area = draw.uniform(0.5, 2, NODES)
    return {
        "forecast": draw.normal(size=(BATCH, MEMBERS, *shape[1:])).round(4).tolist(),
        "truth": draw.normal(size=shape).round(4).tolist(),
        "direction": draw.normal(size=(BATCH, MEMBERS, *shape[1:])).round(4).tolist(),
        "node": (area / area.sum()).round(8).tolist(),
        "variable": [0.5, 2.0, 1.25],
        "step": [0.75, 0.25],
    }


def losses() -> Iterator[tuple[str, dict[str, Any], int, BaseLoss]]:
    """Plugin and options in wxml, the number of members, and the loss of the peer."""
    yield "squared", {}, 1, MSELoss()
    yield "absolute", {}, 1, MAELoss()
    yield "rmse", {}, 1, RMSELoss()
    yield "log-cosh", {}, 1, LogCoshLoss()
    for delta in (0.3, 1.0):
        yield "huber", {"delta": delta}, 1, HuberLoss(delta=delta)
    for members in (2, MEMBERS):
        for alpha in (0.0, 0.5, 0.95, 1.0):
            for backend in ("stable", "naive"):
                yield "crps", {"fairness": alpha}, members, CRPS(alpha=alpha, backend=backend)
        for over, theirs in (("space", "spatial"), ("variables", "variables"), ("both", "spatial_and_variables")):
            for fair in (True, False):
                yield "energy", {"over": over, "fair": fair}, members, EnergyScoreLoss(fair=fair, norm_over=theirs)


def judged(loss: BaseLoss, given: dict[str, Any], members: int) -> dict[str, float]:
    """The loss with all weights, and the derivative along the direction."""
    tensors = {name: torch.tensor(values, dtype=torch.float64) for name, values in given.items()}
    for axis, name in ((TensorDim.GRID, "node"), (TensorDim.VARIABLE, "variable"), (TensorDim.TIME, "step")):
        loss.add_scaler(axis, tensors[name], name=name)
    forecast = tensors["forecast"][:, :members].transpose(1, 2).contiguous().requires_grad_()
    value: Tensor = loss(forecast, tensors["truth"][:, :, None])
    (gradient,) = torch.autograd.grad(value.sum(), forecast)
    direction = tensors["direction"][:, :members].transpose(1, 2)
    return {"value": float(value.detach()), "derivative": float((gradient * direction).sum())}


def scalers() -> Iterator[tuple[str, dict[str, Any], list[float]]]:
    """Plugin and options in wxml, and the weights of the peer."""
    numbers = {name: index for index, name in enumerate(LEVELS)}
    output = SimpleNamespace(name_to_index=numbers, prognostic=[0, 1], full=list(numbers.values()))
    indices = SimpleNamespace(model=SimpleNamespace(output=output), data=SimpleNamespace(output=output))
    extractor = SimpleNamespace(
        get_group_and_level=lambda name: ("pl" if LEVELS[name] else "sfc", name.split("_")[0], LEVELS[name]),
        get_group_specification=lambda group: group,
    )
    kinds = {"relu": ReluVariableLevelScaler, "linear": LinearVariableLevelScaler}
    for kind, scaler in {**kinds, "polynomial": PolynomialVariableLevelScaler}.items():
        for norm, theirs in (("none", None), ("sum", "unit-sum"), ("mean", "unit-mean")):
            made = scaler(indices, "pl", 0.3, 0.001, extractor, norm=theirs)
            yield "by-level", {"kind": kind, "slope": 0.001, "minimum": 0.3, "norm": norm}, _values(made)
    general = GeneralVariableLossScaler(indices, DictConfig({"t": 6.0, "default": 0.5}), extractor, norm="unit-mean")
    yield "by-variable", {"weights": {"t": 6.0}, "default": 0.5, "norm": "mean"}, _values(general)
    statistics = {"stdev": np.ones(3)}
    changes = {"lead_times": ["6h"], "6h": {"stdev": np.array(list(CHANGES.values()))}}
    for power, scaler in ((1, StdevTendencyScaler), (2, VarTendencyScaler)):
        made = scaler(indices, statistics, changes, timestep="6h")
        yield "tendency", {"power": power, "diagnostic": False}, _values(made)
    for kind in ("exponential", "linear"):
        for inverse in (False, True):
            made = LeadTimeDecayScaler([6, 12, 18], 0.7, 18, kind, inverse=inverse)
            yield "lead-decay", {"kind": kind, "factor": 0.7, "inverse": inverse}, _values(made)


def region(given: dict[str, Any]) -> list[float]:
    """The areas, of which those of the last two nodes are four fifths of the whole."""

    class Nodes(dict[str, Tensor]):
        def node_attrs(self) -> list[str]:
            return list(self)

    mask = torch.arange(NODES) >= NODES - 2
    nodes = Nodes(area=torch.tensor(given["node"], dtype=torch.float64), mask=mask)
    return _values(ReweightedGraphNodeAttributeScaler({"data": nodes}, "data", "area", "mask", 0.8))


def _values(scaler: Any) -> list[float]:
    numbers: list[float] = scaler.get_scaling()[1].double().tolist()
    return numbers


def write() -> None:
    """Compute all numbers again and write the file."""
    given = inputs()
    record = {
        "inputs": given,
        "losses": [
            {"plugin": plugin, "options": options, "members": members, **judged(loss, given, members)}
            for plugin, options, members, loss in losses()
        ],
        "weights": [
            {"plugin": plugin, "options": options, "factors": factors} for plugin, options, factors in scalers()
        ],
        "region": region(given),
    }
    RECORDED.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
