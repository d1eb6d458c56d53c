"""An experiment without plugins: a few waves, and a model with one weight per neighbour that learns how they travel."""

__all__ = ["TinyExperiment", "TinyModel", "tiny_experiment"]

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wxml.artefacts.provenance import Provenance
from wxml.config.schema import ExperimentConfig
from wxml.data.preprocessing import Preprocessing
from wxml.data.statistics import compute_statistics
from wxml.data.transforms.normalise import Normalise
from wxml.data.variables import VariableRoles
from wxml.experiment.parts import Experiment
from wxml.testing.tiny_world import TravellingWaves, tiny_graph

CONFIG = {
    "data": {
        "source": {"plugin": "travelling-waves"},
        "variables": {"forcing": ["cos_latitude"]},
        "split": {"training": ["2000-01-01", "2000-01-12"], "validation": ["2000-01-13", "2000-01-16"]},
    },
    "graph": {"plugin": "tiny"},
    "model": {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")},
    "training": {"plugin": "tiny"},
}
SIX_HOURS = np.timedelta64(6 * 3600, "s")


class TinyModel(nn.Module):
    """The last state plus a linear function of the two last states at a node and at its neighbours west and east."""

    def __init__(self, variables: int, forcings: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 2 * (variables + forcings), variables)

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        """The next state, `[batch, 1, node, variable]`, from `[batch, time, node, variable]` and likewise forcings."""
        rows = torch.cat([states, forcings], dim=-1).transpose(1, 2).flatten(2).reshape(len(states), 6, 8, -1)
        features = torch.cat([rows.roll(shift, dims=2) for shift in (1, 0, -1)], dim=-1).flatten(1, 2)
        future: Tensor = states[:, -1] + self.layer(features)
        return future[:, None]


class TinyExperiment(Experiment):
    """An experiment whose model is a `TinyModel`."""

    def new_model(self) -> Any:
        """Make a model with fresh weights drawn from the experiment's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return TinyModel(len(self.roles.output), len(self.roles.forcing))

    def error_of(self, weights: dict[str, Tensor]) -> float:
        """Return the mean square error of one step over the validation period, in model space."""
        model = self.new_model()
        model.load_state_dict(weights)
        samples = self.samples("validation", 1)
        windows = torch.stack([torch.from_numpy(samples[i]).transpose(1, 2) for i in range(len(samples))])
        with torch.no_grad():
            return float((model(windows[:, :2, :, :2], windows[:, :2, :, 2:]) - windows[:, 2:, :, :2]).square().mean())


def tiny_experiment(kind: type[TinyExperiment] = TinyExperiment) -> TinyExperiment:
    """Make an experiment with sixteen days of waves on 6 × 8 nodes; the last four days are for validation."""
    config = ExperimentConfig.model_validate(CONFIG)
    source = TravellingWaves(days=16)
    graph = tiny_graph(source.header.grid)
    statistics = compute_statistics(source, ("t", "q"), source.header.times[:48], SIX_HOURS)
    normalise, roles = Normalise(statistics), VariableRoles(("t", "q"), ("cos_latitude",))
    preprocessing = Preprocessing(source, roles, (normalise,), normalise.statistics_after())
    data = {"grid": source.header.grid.identity, "source": source.provenance()}
    record = Provenance("checkpoint", config.model_dump(mode="json"), graph=graph.identity, data=data)
    return kind(config, preprocessing, graph, statistics, record, source.header.variables)


def without_samples() -> TinyExperiment:
    """Make the experiment with a training period into which no sample fits."""
    experiment = tiny_experiment()
    data = experiment.config.data
    split = data.split.model_copy(update={"training": ("2000-01-01T00", "2000-01-01T06")})
    config = experiment.config.model_copy(update={"data": data.model_copy(update={"split": split})})
    return replace(experiment, config=config)
