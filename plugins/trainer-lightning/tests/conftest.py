"""A world in closed form (waves that travel east) and a model small enough to learn it within seconds."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softplus
from wxml.artefacts.provenance import Provenance
from wxml.config.schema import ExperimentConfig
from wxml.data.preprocessing import Preprocessing
from wxml.data.statistics import compute_statistics
from wxml.data.transforms.normalise import Normalise
from wxml.data.variables import VariableRoles
from wxml.experiment.parts import Experiment
from wxml.plugins.create import parse_options
from wxml.testing import TravellingWaves, tiny_graph
from wxml_trainer_lightning.trainer import LightningTrainer


class Neighbours(nn.Module):
    """Forecasts from the two last states at a node and at its neighbours to the west and east; 6 × 8 grid nodes."""

    def __init__(self, variables: int, forcings: int, dropout: float) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 2 * (variables + forcings), variables)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: torch.Tensor, forcings: torch.Tensor) -> torch.Tensor:
        inputs = torch.cat([states, forcings], dim=-1).transpose(1, 2).flatten(2)
        rows = inputs.unflatten(1, (6, 8))
        features = torch.cat([rows.roll(shift, dims=2) for shift in (1, 0, -1)], dim=-1).flatten(1, 2)
        return (states[:, -1] + self.layer(self.dropout(features)))[:, None]


class Advection(Experiment):
    """An experiment whose model is `Neighbours`."""

    dropout = 0.0

    def new_model(self) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return Neighbours(len(self.roles.output), len(self.roles.forcing), self.dropout)


class Shaken(Neighbours):
    """Adds a part of the noise of a member to all that it forecasts."""

    def __init__(self, variables: int, forcings: int) -> None:
        super().__init__(variables, forcings, 0.0)
        self.strength = nn.Parameter(torch.tensor(0.1))

    def forward(self, states: torch.Tensor, forcings: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return super().forward(states, forcings) + self.strength * noise.mean((1, 2))[:, None, None, None]


class ShakenAdvection(Advection):
    """Whose model has noise."""

    def new_model(self) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return Shaken(len(self.roles.output), len(self.roles.forcing))


class NoisyAdvection(Advection):
    """With random numbers in every training step."""

    dropout = 0.05


class Normal(Neighbours):
    """Forecasts standard deviations behind the values, the same at all nodes."""

    def __init__(self, variables: int, forcings: int, dropout: float) -> None:
        super().__init__(variables, forcings, dropout)
        self.raw = torch.nn.Parameter(torch.zeros(variables))

    def forward(self, states: torch.Tensor, forcings: torch.Tensor) -> torch.Tensor:
        values = super().forward(states, forcings)
        return torch.cat((values, (softplus(self.raw) + 1e-3).expand_as(values)), -1)


class NormalAdvection(Advection):
    """An experiment whose model is `Normal`."""

    def new_model(self) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return Normal(len(self.roles.output), len(self.roles.forcing), self.dropout)


SPREAD = {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")} | {"spread": {}}


def make_config(**changes: Any) -> ExperimentConfig:
    values: dict[str, Any] = {
        "data": {
            "source": {"plugin": "travelling-waves"},
            "variables": {"forcing": ["cos_latitude"]},
            "split": {"training": ["2000-01-01", "2000-01-15"], "validation": ["2000-01-16", "2000-01-20"]},
        },
        "graph": {"plugin": "tiny"},
        "model": {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")},
        "training": {"plugin": "lightning"},
    }
    return ExperimentConfig.model_validate(values | changes)


def make_experiment(kind: type[Advection] = Advection, **changes: Any) -> Advection:
    """The experiment; `changes` replace sections of its config."""
    config = make_config(**changes)
    source = TravellingWaves()
    graph = tiny_graph(source.header.grid)
    statistics = compute_statistics(source, ("t", "q"), source.header.times[:60], np.timedelta64(6 * 3600, "s"))
    normalise, roles = Normalise(statistics), VariableRoles(("t", "q"), ("cos_latitude",))
    preprocessing = Preprocessing(source, roles, (normalise,), normalise.statistics_after())
    provenance = Provenance(
        "checkpoint", config.model_dump(mode="json"), graph=graph.identity, data=source.provenance()
    )
    return kind(config, preprocessing, graph, statistics, provenance, source.header.variables)


def without_validation() -> Advection:
    experiment = make_experiment()
    data = experiment.config.data
    split = data.split.model_copy(update={"validation": None})
    config = experiment.config.model_copy(update={"data": data.model_copy(update={"split": split})})
    return replace(experiment, config=config)


SHORT = {
    "max_steps": 12,
    "accelerator": "cpu",
    "threads": 1,
    "tracker": "none",
    "validation_samples": 4,
    "metrics": "none",
}


def fit_short(experiment: Experiment, run_dir: Path, *, resume: bool = False, **options: Any) -> Path:
    """Train as `SHORT` says, but for the options given; `run_dir` is made."""
    run_dir.mkdir(exist_ok=True)
    arguments = parse_options(LightningTrainer, SHORT | options)
    return LightningTrainer(**arguments).fit(experiment, run_dir, resume=resume)


@pytest.fixture
def fit() -> Callable[..., Path]:
    return fit_short


@pytest.fixture
def interrupted(monkeypatch) -> Callable[..., None]:
    """Trains until the keyboard stops it, while the batch of its eighth step is read, or one near it."""

    def interrupted(experiment: Experiment, run_dir: Path, **options: Any) -> None:
        read, calls = TravellingWaves._read, []

        def read_or_stop(self: TravellingWaves, *args: Any) -> None:
            calls.append(None)
            if len(calls) == 11:
                raise KeyboardInterrupt
            read(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(TravellingWaves, "_read", read_or_stop)
            with pytest.raises(KeyboardInterrupt):
                fit_short(experiment, run_dir, **options)

    return interrupted


@pytest.fixture
def normal() -> Advection:
    return make_experiment(NormalAdvection, model=SPREAD)


@pytest.fixture
def advection() -> Advection:
    return make_experiment()


@pytest.fixture
def noisy_advection() -> Advection:
    return make_experiment(NoisyAdvection)


@pytest.fixture
def shaken_advection() -> Advection:
    parts = {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")}
    return make_experiment(ShakenAdvection, model={**parts, "noise": {}})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of experiments for several processes; those that a training starts find it, too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return import_module("ranks_world")


@pytest.fixture
def unvalidated_advection() -> Advection:
    return without_validation()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches this process and those that it starts, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
