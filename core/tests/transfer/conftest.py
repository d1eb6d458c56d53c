"""Pairs of experiments: one whose weights are in a checkpoint, and one that begins with them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.plugins.options.choices import PluginChoice

TIMES = np.array(["2000-01-13T00", "2000-01-14T06"], "datetime64[s]")
Values = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Fork:
    """A checkpoint and the means to begin with it."""

    configured: Callable[..., Any]
    checkpoint: Path
    parent: Experiment

    def child(self, changes: dict[str, Any] | None = None, **options: Any) -> Experiment:
        """An experiment with `changes`, which begins with the checkpoint as `options` of `training.from` say."""
        fork = {f"training.from.{key}": value for key, value in options.items()}
        where = {"training.from.checkpoint": str(self.checkpoint)}
        return assemble(self.configured({**(changes or {}), **fork, **where}))

    def forecast(self, **source: Any) -> Values:
        """What the checkpoint forecasts, in its own units, perhaps from a source with other options."""
        return forecast(*restore(self.checkpoint, source=PluginChoice(**{**MANY, **source}) if source else None))

    def begun(self, child: Experiment) -> Values:
        """What a child forecasts before any step."""
        return forecast(child, child.new_model())


@pytest.fixture
def fork(tiny, tmp_path: Path) -> Callable[..., Fork]:
    """Makes a checkpoint of an experiment with `changes`, all of whose weights are random numbers."""
    count = iter(range(100))

    def make(changes: dict[str, Any]) -> Fork:
        def configured(more: dict[str, Any]) -> Any:
            return tiny({"data.source": copy.deepcopy(MANY), **copy.deepcopy(changes), **more})

        experiment = assemble(configured({}))
        path = tmp_path / f"parent-{next(count)}.safetensors"
        generator = torch.Generator().manual_seed(7)
        state = experiment.new_model().state_dict()
        weights = {name: 0.3 * torch.randn(tensor.shape, generator=generator) for name, tensor in state.items()}
        experiment.save(path, weights, {"steps": 1})
        return Fork(configured, path, experiment)

    return make


MANY = {"plugin": "many", "names": ["a", "b", "c", "d"]}
"""The source of the checkpoints."""


def forecast(experiment: Experiment, model: Any) -> Values:
    """Forecasts over three steps, shape `[step, initial time, member, node]` by variable."""
    with torch.no_grad():
        fields = [fields for _, fields in rollout(experiment, model, TIMES, 3)]
    stacked = {name: np.stack([one[name] for one in fields]) for name in experiment.roles.output}
    return {name: values.reshape(3, len(TIMES), *values.shape[1:]) for name, values in stacked.items()}
