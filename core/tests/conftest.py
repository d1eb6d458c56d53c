"""A tiny institute whose plugins exist only while a test runs, experiments of them, distributions made on the spot."""

import copy
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from wxml.config.load import LoadedConfig
from wxml.config.schema import ExperimentConfig
from wxml.experiment.assembling import assemble
from wxml.plugins import hooks, load
from wxml.plugins.catalog import installed
from wxml.plugins.options.model import options_model

ENTRY_POINTS = """
[wxml.data_sources]
waves = wxml.testing:TravellingWaves
drift = tiny_wxml:Drift
gap = tiny_wxml:Gap
masked = tiny_wxml:Masked
still = tiny_wxml:Still
wakes = tiny_wxml:Wakes
other-units = tiny_wxml:OtherUnits
buckets = tiny_wxml:Buckets
elsewhere = tiny_wxml:Elsewhere
many = tiny_wxml:Many
no-humidity = tiny_wxml:NoHumidity
two-grids = tiny_wxml:TwoGrids
timeless = tiny_wxml:Timeless
[wxml.extensions]
tiny = tiny_wxml:Settings
[wxml.forcings]
sun = tiny_wxml:Sun
wrong-sun = tiny_wxml:WrongSun
[wxml.graph_builders]
nearest = tiny_wxml:Nearest
per-grid = tiny_wxml:PerGrid
[wxml.losses]
off = tiny_wxml:Off
off-squared = tiny_wxml:OffSquared
of-means = tiny_wxml:OfMeans
of-spread = tiny_wxml:OfSpread
[wxml.loss_weights]
area = tiny_wxml:AreaShare
tendency = tiny_wxml:OneOverChange
later = tiny_wxml:Later
first = tiny_wxml:First
wrong = tiny_wxml:WrongWeight
[wxml.mappers]
mean = tiny_wxml:Mean
edges = tiny_wxml:EdgeMean
[wxml.processors]
mixing = tiny_wxml:Mixing
conditioned = tiny_wxml:Conditioned
layered = tiny_wxml:Layered
peeking = tiny_wxml:Peeking
tied = tiny_wxml:Tied
[wxml.state_filters]
kelvin = tiny_wxml:Kelvin
lose = tiny_wxml:Lose
running = tiny_wxml:Running
[wxml.transforms]
log1p = tiny_wxml:Log1p
root = tiny_wxml:Root
[wxml.trainers]
none = tiny_wxml:NoTrainer
planned = tiny_wxml:Planned
losing = tiny_wxml:Losing
measured = tiny_wxml:Measured
[wxml.verifiers]
none = tiny_wxml:NoVerifier
[wxml.hooks]
listener = tiny_wxml_hooks
"""

PARTS = '''
"""Data, graph and network, as small as can be."""
from dataclasses import replace
from typing import Annotated, Literal
import numpy as np
import torch
from pydantic import Field
from torch import nn
from wxml import ConfigError, DataSource, Extension, Forcing, GraphBuilder, Processor
from wxml import CombinedLoss, Loss, LossChoice, LossSpace, LossWeight, PointwiseLoss, SpreadLoss
from wxml.training.loss_choice import LossSections, LossWeightSections
from wxml.training.step_profile import PHASES, StepProfile
from wxml.errors import Fault
from wxml import SourceHeader, StateFilter, Trainer, Transform, Variable, Verifier
from wxml.model.noise import ConditionalLayerNorm
from wxml.model.features import EdgeFeatures
from wxml_kernels import EdgeIndex, segment_sum
from wxml.training.trainer import TrainingMemory
from wxml.model.layers import run_layers
from wxml.data.grid_part import GridPart
from wxml.testing import TravellingWaves, tiny_graph, tiny_grid
from wxml.testing.tiny_graphs import split_graph, tiny_parts
from wxml.testing.tiny_mapper import MeanMapper

class Drift(TravellingWaves):
    """Everywhere the number of the time: 0, 1, 2, ..."""
    def _read(self, time_indices, variable_indices, out):
        out[:] = time_indices[:, None, None, None]

class Gap(TravellingWaves):
    """No temperature on nodes 5 and 6 at the fourth time."""
    def _read(self, time_indices, variable_indices, out):
        super()._read(time_indices, variable_indices, out)
        for i, j in np.ndindex(len(time_indices), len(variable_indices)):
            if (time_indices[i], self.header.names[variable_indices[j]]) == (3, "t"):
                out[i, :, j, 5:7] = np.nan

class Masked(TravellingWaves):
    """A variable is missing on some nodes, one after the other from the first on, at every time."""
    def __init__(self, *, name: str = "t", first: int = 0, count: int = 12) -> None:
        super().__init__()
        self.name, self.nodes = name, slice(first, first + count)
    def _read(self, time_indices, variable_indices, out):
        super()._read(time_indices, variable_indices, out)
        for j in np.flatnonzero(variable_indices == self.header.names.index(self.name)):
            out[:, :, j, self.nodes] = np.nan

class OtherUnits(TravellingWaves):
    """The same waves, whose header states other units."""
    def __init__(self, *, t: str = "K", q: str = "g kg-1") -> None:
        super().__init__()
        units = {"t": t, "q": q}
        variables = tuple(replace(one, units=units[one.name]) for one in self.header.variables)
        self.header = replace(self.header, variables=variables)

class Buckets(TravellingWaves):
    """The same waves, as sums over periods."""
    def __init__(self, *, period: str) -> None:
        super().__init__()
        first, *others = self.header.variables
        self.header = replace(self.header, variables=(replace(first, step_type="accum", period=period), *others))

class Still(TravellingWaves):
    """q is its wave at the first time, always."""
    def _read(self, time_indices, variable_indices, out):
        super()._read(time_indices, variable_indices, out)
        for j in np.flatnonzero(variable_indices == 1):
            out[:, :, j] = self.wave("q", 0.0, 0)

class Settings(Extension):
    """What a tiny institute wants to know of an experiment."""
    def __init__(self, *, project: str, alarm: float = 3.0):
        self.project, self.alarm = project, alarm

class Sun(Forcing):
    """cos(λ + 2π h / 24), where h counts the hours of the day, and half of it."""
    def __init__(self, *, name: str = "tiny_sun", units: str = "1"):
        self.variables = (Variable(name, units=units), Variable(f"half_{name}", units=units))
    def _compute(self, name, grid, time):
        hours = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "h")
        values = np.cos(np.radians(grid.longitudes) + 2 * np.pi * hours / 24)
        return values / 2 if name.startswith("half_") else values

class WrongSun(Sun):
    """Has no value on the western half."""
    def _compute(self, name, grid, time):
        return np.where(grid.longitudes < 180, super()._compute(name, grid, time), np.nan)

class Wakes(TravellingWaves):
    """Still for ten days, then the waves."""
    def _read(self, time_indices, variable_indices, out):
        super()._read(time_indices, variable_indices, out)
        for i, j in np.ndindex(len(time_indices), len(variable_indices)):
            if time_indices[i] < 40 and variable_indices[j] == 1:
                out[i, :, j] = self.wave("q", 0.0, 0)

class Elsewhere(TravellingWaves):
    """The waves on a finer grid."""
    def __init__(self):
        super().__init__()
        self.header = SourceHeader(tiny_grid(8, 10), self.header.variables, self.header.times)

class Many(TravellingWaves):
    """Growing waves under any names, in K or in degC; the first letter of a name says where and how fast they are.

    Values named in `held` stay as they are; `finer` puts all on another grid."""
    def __init__(
        self, *, names: list[str], degrees: list[str] = [], pascal: list[str] = [], held: dict[str, float] = {},
        finer: bool = False,
    ):
        super().__init__()
        units = {**dict.fromkeys(degrees, "degC"), **dict.fromkeys(pascal, "Pa")}
        variables = tuple(Variable(name, units=units.get(name, "K")) for name in names)
        grid = tiny_grid(8, 10) if finer else self.header.grid
        self.header = SourceHeader(grid, variables, self.header.times)
        self.degrees, self.held = degrees, held
    def _read(self, time_indices, variable_indices, out):
        latitude, longitude = (np.radians(v) for v in (self.header.grid.latitudes, self.header.grid.longitudes))
        for i, j in np.ndindex(len(time_indices), len(variable_indices)):
            name, time = self.header.names[variable_indices[j]], float(time_indices[i])
            place = ord(name[0]) - ord("a") + 1
            wave = np.cos(latitude) * np.cos(longitude - 2 * np.pi * time / (4 + 3 * place)) * (1 + time / 40)
            values = 270 + 3 * place + place * wave + 0.1 * place * time
            out[i, :, j] = self.held.get(name, values - 273.15 * (name in self.degrees))

class NoHumidity(TravellingWaves):
    """The waves without q."""
    def __init__(self):
        super().__init__()
        self.header = SourceHeader(self.header.grid, self.header.variables[:1], self.header.times)

class TwoGrids(TravellingWaves):
    """The waves around the globe, and once more over Europe, where some variables are not given."""
    def __init__(self, *, lacks: tuple[str, ...] = ("q",), alone: bool = False):
        super().__init__()
        globe = replace(self.header.grid, parts=(GridPart("globe", len(self.header.grid)),))
        self.header = replace(self.header, grid=globe if alone else tiny_parts(lacks))
    def _read(self, time_indices, variable_indices, out):
        super()._read(time_indices, variable_indices, out)
        for part in self.header.grid.parts:
            is_lacking = np.isin(np.array(self.header.names)[variable_indices], part.lacks)
            out[:, :, is_lacking, self.header.grid.ranges[part.name]] = np.nan

class Timeless(TravellingWaves):
    """The waves at no time."""
    def __init__(self):
        super().__init__()
        self.header = replace(self.header, times=self.header.times[:0])

class Nearest(GraphBuilder):
    def __init__(self, *, mesh_nodes: Annotated[int, Field(gt=3)] = 12, levels: int = 0):
        self.mesh_nodes, self.levels = mesh_nodes, levels
    def _build(self, grid):
        return tiny_graph(grid, self.mesh_nodes, levels=self.levels)

class PerGrid(GraphBuilder):
    """A node set for each part of the grid."""
    def _build(self, grid):
        return split_graph(grid)

class Mean(MeanMapper): ...

class EdgeMean(Mean):
    """The mean of the features of the edges, too."""
    def __init__(self, route, channels):
        super().__init__(route, channels)
        self.features = EdgeFeatures(route.edges, channels.edge_features)
        self.edge = nn.Linear(self.features.channels, channels.out)
    def forward(self, source, target):
        source, mapped = super().forward(source, target)
        return source, mapped + segment_sum(self.edge(self.features())[None], self.edges)

class Conditioned(Processor):
    """A conditional layer norm, a linear map, and the features of the edges."""
    takes_condition = True
    def __init__(self, mesh, channels):
        super().__init__(mesh, channels)
        self.edges, self.features = EdgeIndex.of(mesh.edges), EdgeFeatures(mesh.edges, channels.edge_features)
        width = channels.hidden
        self.norm = ConditionalLayerNorm(width, channels.condition)
        self.mix, self.edge = nn.Linear(width, width), nn.Linear(self.features.channels, width)
    def forward(self, state, condition=None):
        return self.mix(self.norm(state, condition)) + segment_sum(self.edge(self.features())[None], self.edges)

class Mixing(Processor):
    def __init__(self, mesh, channels, *, bias: bool = True):
        super().__init__(mesh, channels)
        self.mix = nn.Linear(channels.hidden, channels.hidden, bias=bias)
    def forward(self, state):
        return torch.tanh(self.mix(state))

class Layered(Processor):
    """Layers with dropout."""
    has_recompute_groups = True
    def __init__(self, mesh, channels, *, num_layers: int = 8):
        super().__init__(mesh, channels)
        width = channels.hidden
        parts = lambda: (nn.Linear(width, 8 * width), nn.Tanh(), nn.Linear(8 * width, width), nn.Dropout(0.3))
        self.layers = nn.ModuleList(nn.Sequential(*parts()) for _ in range(num_layers))
    def forward(self, state):
        layers = [lambda x, layer=layer: (layer(x),) for layer in self.layers]
        return run_layers(layers, (state,), self.recompute_groups)[0]

class Peeking(Mixing):
    """Mixes the north alone, whose nodes it looks for in `forward`, or `once` in the constructor."""
    def __init__(self, mesh, channels, *, once: bool = False):
        super().__init__(mesh, channels)
        self.register_buffer("latitudes", torch.tensor(mesh.nodes.latitudes), persistent=False)
        self.indices = torch.nonzero(self.latitudes > 0)[:, 0] if once else None
    def forward(self, state):
        indices = torch.nonzero(self.latitudes > 0)[:, 0] if self.indices is None else self.indices
        return torch.zeros_like(state).index_add(1, indices, super().forward(state[:, indices]))

class Kelvin(StateFilter):
    """The first variable in other units, and nothing else."""
    def __init__(self, space, *, units: str = "mK"):
        super().__init__(space)
        self.variables = (replace(space.variables[0], units=units), *space.variables[1:])
    def _apply(self, values, valid_time, lead_time):
        return values

class Lose(StateFilter):
    """No value of the first variable on the first node."""
    def _apply(self, values, valid_time, lead_time):
        after = values.copy()
        after[:, 0, 0] = np.nan
        return after

class Running(StateFilter):
    """One more in each step, for one node more in each."""
    count = 0
    def _apply(self, values, valid_time, lead_time):
        self.count = self.count + 1
        after = values.copy()
        after[:, 0, : self.count] += 1
        return after

class Log1p(Transform):
    """ln (1 + x), which has no value for x < -1."""
    def __init__(self, statistics, *, leave_out: list[str] = []):
        super().__init__(statistics)
        self.leave_out = leave_out
    def forward(self, values, variables):
        return np.where(self.is_left_out(variables), values, np.log1p(values))
    def inverse(self, values, variables):
        return np.where(self.is_left_out(variables), values, np.expm1(values))
    def is_left_out(self, variables):
        return np.isin(variables, self.leave_out)[:, None]

class Root(Transform):
    """The root of some variables; its inverse, the square, rises and falls."""
    def __init__(self, statistics, *, variables: list[str]):
        super().__init__(statistics)
        self.variables = variables
    def power(self, values, names, exponent):
        mine = np.isin(names, self.variables)[:, None]
        return np.where(mine, values**exponent, values).astype(np.float32)
    def forward(self, values, variables):
        return self.power(values, variables, 0.5)
    def inverse(self, values, variables):
        return self.power(values, variables, 2)

class Tied(Mixing):
    """Has one weight, layer or buffer under two names."""
    def __init__(self, mesh, channels, *, what: Literal["weight", "layer", "buffer"]):
        super().__init__(mesh, channels)
        if what == "weight":
            self.again = nn.Linear(channels.hidden, channels.hidden)
            self.again.weight = self.mix.weight
        elif what == "layer":
            self.again = self.mix
        else:
            self.register_buffer("scale", torch.ones(3))
            self.register_buffer("again", self.scale)

class Off(PointwiseLoss):
    """The absolute error."""
    def errors(self, forecast, truth):
        return (forecast.squeeze(1) - truth).abs()

class OffSquared(PointwiseLoss):
    """The squared error, times a factor."""
    def __init__(self, space, weights, *, times: float = 1.0):
        super().__init__(space, weights)
        if times == 13:
            raise ConfigError([Fault("times", "no number of luck")], fix="take another")
        self.times = times
    def errors(self, forecast, truth):
        return self.times * (forecast.squeeze(1) - truth).square()

class OfMeans(Loss):
    """The absolute error of the mean over all nodes."""
    weighs = frozenset({"step", "variable"})
    def forward(self, forecast, truth):
        errors = (forecast.squeeze(1) - truth).mean(2, keepdim=True).abs()
        return self.reduced(errors, torch.ones_like(errors, dtype=torch.bool))

class OfSpread(SpreadLoss):
    """The absolute error, and ten times the standard deviation."""
    def errors(self, mean, deviation, truth):
        return (mean - truth).abs() + 10 * deviation

class AreaShare(LossWeight):
    """Area shares."""
    is_measure = True
    def factor(self):
        return self.space.area[None, :, None]

class OneOverChange(LossWeight):
    """One over the typical change."""
    def __init__(self, space, *, times: float = 1.0):
        super().__init__(space)
        self.times = times
    def factor(self):
        return self.times / self.space.tendency_scale[None, None, :]

class Later(LossWeight):
    """1, 2, 3, … by step."""
    def factor(self):
        return np.arange(1.0, self.space.steps + 1)[:, None, None]

class First(LossWeight):
    """Two numbers for the first two variables."""
    def __init__(self, space, *, factors: tuple[float, float]):
        super().__init__(space)
        self.factors = factors
    def factor(self):
        return np.array(self.factors)[None, None]

class WrongWeight(LossWeight):
    """A factor for each of seven variables, or one that is negative."""
    def __init__(self, space, *, negative: bool = False):
        super().__init__(space)
        self.negative = negative
    def factor(self):
        return np.full((1, 1, 1), -1.0) if self.negative else np.ones((1, 1, 7))

class NoTrainer(Trainer):
    def fit(self, experiment, run_dir, *, resume=False): ...

class Planned(NoTrainer):
    """Says what it would hold."""
    def __init__(self, *, batch_size: int = 8, rollout: int = 2):
        self.held = TrainingMemory(batch_size, rollout)
    def memory(self):
        return self.held

class Losing(NoTrainer):
    """Has losses."""
    def __init__(
        self, *, steps: int = 2, loss: LossSections = LossChoice(plugin="off"), loss_weights: LossWeightSections = {}
    ):
        self.steps, self.loss, self.loss_weights = steps, loss, loss_weights
    def combined_loss(self, experiment):
        return CombinedLoss.of(LossSpace.of(experiment, self.steps), self.loss, self.loss_weights)

class Measured(NoTrainer):
    """Has measured steps of half a second, with eight samples each."""
    def __init__(self, *, peak: int | None = 3 * 2**20, ranks: int = 1, tensors: dict[str, int] = {}):
        self.peak, self.ranks, self.tensors = peak, ranks, tensors
    def profile(self, experiment, steps, trace=None):
        if trace is not None:
            trace.write_text('{"traceEvents": []}')
        phases = dict(zip(PHASES, (0.05, 0.1, 0.25, 0.05, 0.0, 0.05), strict=True))
        phases = {phase: steps * seconds for phase, seconds in phases.items()}
        return StepProfile(steps, 5, 8 * steps, 0.5 * steps, phases, "cpu", self.ranks, 2, self.peak, self.tensors)

class NoVerifier(Verifier):
    metrics = {"rmse": "smaller"}
    def verify(self, task): ...
'''

HOOKS = '''
"""Remembers what it was told."""
from wxml import hookimpl

seen = []

@hookimpl
def wxml_forecast_step(fields, lead_time):
    seen.append(("step", fields.valid_time, lead_time))

@hookimpl
def wxml_checkpoint_saved(path):
    seen.append(("saved", path))

@hookimpl
def wxml_provenance():
    return {"greeting": "hello"}
'''

CONFIG = {
    "data": {
        "source": {"plugin": "waves"},
        "split": {"training": ["2000-01-01", "2000-01-10"], "validation": ["2000-01-11", "2000-01-15"]},
    },
    "graph": {"plugin": "nearest"},
    "model": {
        "channels": 8,
        "encoder": {"plugin": "mean"},
        "processor": {"plugin": "mixing"},
        "decoder": {"plugin": "mean"},
    },
    "training": {"plugin": "none"},
    "verification": {"plugin": "none"},
}

FILE_ENTRY_POINTS = """
[wxml.forecast_writers]
npz = tiny_files:NpzWriter
zarr = tiny_files:NpzWriter
netcdf = tiny_files:NpzWriter
[wxml.trainers]
still = tiny_files:Still
[wxml.verifiers]
rms = tiny_files:Rms
[wxml.presets]
tiny = tiny_presets
"""

FILE_PARTS = '''
"""What the jobs need: forecasts in a file of NumPy, a verifier that reads it, a trainer whose model is persistence."""
import json
import numpy as np
from pathlib import Path
from typing import Literal
from wxml import ArtefactError, DataError, ForecastWriter, Scores, Trainer, Verifier
from wxml.forecasting.layout import LEAD_TIME, PROVENANCE, TIME, ForecastLayout, provenance_from_text, provenance_text

class NpzWriter(ForecastWriter):
    """Arrays [time, lead_time, member, node]; `fails` at the second step, as a full disk or as wrong data."""
    def __init__(self, target, *, fails: Literal["no", "disk", "data"] = "no"):
        super().__init__(target)
        self.fails, self.arrays, self.count = fails, None, 0
    def open(self, header):
        self.header, names = header, ForecastLayout.of(header).variables
        shape = (len(header.initial_times), len(header.lead_times), header.members, len(header.grid))
        self.arrays = {name: np.full(shape, np.nan, np.float32) for name in names}
        Path(self.target).write_text("begun")
    def write(self, fields, lead_time):
        self.count += 1
        if self.count == 2 and self.fails == "disk":
            raise OSError(28, "No space left on device")
        if self.count == 2 and self.fails == "data":
            raise DataError("no such value", fix="take another")
        place = self.header.place(fields, lead_time)
        for name in fields.variables:
            self.arrays[name][place] = fields[name]
    def close(self):
        if self.arrays is None:
            return
        about = {TIME: self.header.initial_times, LEAD_TIME: self.header.lead_times}
        with open(self.target, "wb") as file:
            np.savez(file, **about, **self.arrays, **{PROVENANCE: np.array(provenance_text(self.header.provenance))})
    @classmethod
    def read_provenance(cls, target):
        try:
            if target.endswith("scores.nc"):  # the scores of Rms
                return json.loads(Path(target).read_text())
            with np.load(target) as file:
                return provenance_from_text(target, str(file[PROVENANCE]))
        except (OSError, ValueError, KeyError) as error:
            raise ArtefactError(f"`{target}` is damaged: {error}", fix="write it again") from error

class Rms(Verifier):
    """The RMSE over all nodes, cases and members."""
    metrics = {"rmse": "smaller"}
    def __init__(self, *, fails: bool = False):
        self.fails = fails
    def verify(self, task):
        (task.directory / "report.html").write_text(f"{len(task.climatology_times)} training times")
        if self.fails:
            raise DataError("the truth ends too early", fix="take another")
        with np.load(task.forecast) as file:
            names = [name for name in file.files if name not in (TIME, LEAD_TIME, PROVENANCE)]
            valid = file[TIME][:, None] + file[LEAD_TIME]
            truth = [task.truth.read(valid.ravel(), [name]).reshape(*valid.shape, -1) for name in names]
            errors = [file[name][:, :, 0] - right for name, right in zip(names, truth)]
            rmse = np.sqrt([np.mean(error ** 2, axis=(0, 2)) for error in errors])
            leads = file[LEAD_TIME]
        (task.directory / "scores.nc").write_text(json.dumps(task.provenance))
        units = tuple("K" for _ in names)
        return Scores(("rmse",), ("forecast",), tuple(names), leads, rmse[None, None], units, len(valid), ("smaller",))
    def compare(self, folders, directory, *, overwrite=False):
        directory.mkdir(exist_ok=overwrite)
        return " beside ".join(folder.name for folder in folders)

class Still(Trainer):
    """All weights zero: with the last state as residual, the model is persistence."""
    def __init__(self, *, fails: bool = False):
        self.fails = fails
    def fit(self, experiment, run_dir, *, resume=False):
        if self.fails:
            (run_dir / "history.csv").write_text("begun")
            raise DataError("the training loss is nan", fix="take another rate")
        weights = {name: 0 * value for name, value in experiment.new_model().state_dict().items()}
        experiment.save(run_dir / "checkpoint.safetensors", weights, {"steps": 0})
        return run_dir / "checkpoint.safetensors"
'''

GNN_PRESET = """
# The model of the demo, of tiny parts.
encoder: {plugin: mean}
processor: {plugin: layered}
decoder: {plugin: mean}
"""

Configure = Callable[..., LoadedConfig]


def configure(changes: Mapping[str, Any] | None = None) -> LoadedConfig:
    """The tiny experiment with some values changed: dotted key → value."""
    values: dict[str, Any] = copy.deepcopy(CONFIG)
    for path, value in (changes or {}).items():
        section = values
        *parents, key = path.split(".")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[key] = value
    return LoadedConfig(ExperimentConfig.model_validate(values), {"data.source.plugin": "experiment.yaml:3"})


def _forget() -> None:
    """What is installed, and what was loaded from it."""
    for cached in (installed, hooks.hooks, options_model):
        cached.cache_clear()
    load._outcomes.clear()
    for name in ("tiny_wxml", "tiny_wxml_hooks", "tiny_files", "tiny_presets"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Makes configs of experiments (see `configure`) on a machine with wxml-core and the tiny plugins, no others."""
    info = tmp_path / "site" / "tiny_wxml-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-wxml\nVersion: 1.0\nSummary: tiny\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (info / "RECORD").write_text("tiny_wxml.py,,\ntiny_wxml_hooks.py,,\n")  # else those of all others are searched
    for name, code in (("tiny_wxml", PARTS), ("tiny_wxml_hooks", HOOKS)):
        (tmp_path / "site" / f"{name}.py").write_text(code)
    monkeypatch.setenv("WXML_PLUGINS", "tiny-wxml")
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    _forget()
    yield configure
    _forget()


@pytest.fixture
def forget(tiny: Configure) -> Callable[[], None]:
    """Forgets what is installed and what was loaded from it, like a new process."""
    return _forget


@pytest.fixture
def heard(tiny: Configure) -> list[tuple[object, ...]]:
    """What the hooks of the tiny institute have been told."""
    seen: list[tuple[object, ...]] = importlib.import_module("tiny_wxml_hooks").seen
    return seen


@pytest.fixture
def tiny_files(tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """The same, with plugins that write and read files: `npz`, `rms`, `still`; configs use them."""
    site = tmp_path / "site"
    info = site / "tiny_files-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-files\nVersion: 1.0\nSummary: tiny files\n")
    (info / "entry_points.txt").write_text(FILE_ENTRY_POINTS)
    (info / "RECORD").write_text("tiny_files.py,,\n")
    (site / "tiny_files.py").write_text(FILE_PARTS)
    (site / "tiny_presets" / "model").mkdir(parents=True)
    (site / "tiny_presets" / "__init__.py").write_text("")
    (site / "tiny_presets" / "model" / "gnn.yaml").write_text(GNN_PRESET)
    monkeypatch.setenv("WXML_PLUGINS", "tiny-wxml,tiny-files,wxml-core")
    _forget()
    used = {"training.plugin": "still", "verification.plugin": "rms", "forecast": {"lead_time": "12h"}}
    return lambda changes=None: tiny({**used, **(changes or {})})


@pytest.fixture
def checkpoint(tiny_files: Configure, tmp_path: Path) -> Callable[..., Path]:
    """Writes the checkpoint of a model that is persistence, with some values of its config changed."""

    def make(changes: Mapping[str, Any] | None = None) -> Path:
        experiment = assemble(tiny_files(changes))
        path = tmp_path / "model.safetensors"
        experiment.save(path, {name: 0 * value for name, value in experiment.new_model().state_dict().items()}, {})
        return path

    return make


TRAINER = """
from pathlib import Path
from wxml.training.trainer import Trainer

class Plugin(Trainer):
    '''Trains nothing.'''
    def fit(self, experiment, run_dir, *, resume=False):
        return Path(run_dir)
"""


class Site:
    """A folder of packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def add(
        self,
        name: str,
        entry_points: str,
        code: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        metadata: str = "",
    ) -> Path:
        """Install a distribution: its entry points as text, its code as file name → content."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: about {name}\n"
        (info / "METADATA").write_text(header + metadata)
        (info / "entry_points.txt").write_text(entry_points)
        for file, content in (code or {}).items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return info

    def trainer(self, name: str, package: str, code: str = TRAINER, **rest: str) -> Path:
        """Install a distribution with one trainer, called `it`."""
        return self.add(name, f"[wxml.trainers]\nit = {package}.part:Plugin\n", {f"{package}/part.py": code}, **rest)

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `wxml` in a process of its own that sees this folder before anything else."""
        command = [sys.executable, "-c", "from wxml.cli import main; main()", *arguments]
        variables = {**os.environ, "PYTHONPATH": str(self.folder), **environment}
        return subprocess.run(command, check=False, env=variables, capture_output=True, text=True, timeout=600)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of packages that this process sees; modules imported from it are forgotten afterwards."""
    monkeypatch.delenv("WXML_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    _forget()
    yield Site(tmp_path / "site")
    _forget()
    for name, module in list(sys.modules.items()):
        # torch.classes answers every attribute but those in its own dictionary with an error
        if any(str(tmp_path) in str(vars(module).get(name)) for name in ("__file__", "__path__")):
            del sys.modules[name]
