"""Machine-learned weather forecasting as a plugin ecosystem: the contracts that plugins fill, and the one loop.

Names are resolved on first use, so `import wxml` costs nothing and needs neither NumPy nor torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_WHERE = {
    "AmbiguousPluginError": "errors",
    "ArtefactError": "errors",
    "Better": "verification.verifier",
    "Baseline": "data.task",
    "BrokenPluginError": "errors",
    "Call": "data.task",
    "CallPlan": "data.call_plan",
    "Callback": "training.callback",
    "CombinedLoss": "training.combined_loss",
    "CombinedSums": "training.combined_loss",
    "ConditionalLayerNorm": "model.noise",
    "ConfigError": "errors",
    "ContractError": "errors",
    "Curve": "verification.metric",
    "DataError": "errors",
    "DataSource": "data.source",
    "Deprecated": "plugins.options.deprecated",
    "EdgeFeatures": "model.features",
    "EdgeSet": "graphs.graph",
    "EncodeProcessDecode": "model.encode_process_decode",
    "Experiment": "experiment.parts",
    "EarlierRun": "forecasting.perturbation",
    "Extension": "config.extension",
    "Fields": "data.fields",
    "FilterSpace": "data.state_filter",
    "Forcing": "data.forcing",
    "ForecastHeader": "forecasting.layout",
    "ForecastSample": "training.callback",
    "ForecastSeries": "data.forecast_series",
    "ForecastWriter": "forecasting.writer",
    "Forecaster": "forecasting.forecaster",
    "Forecasts": "forecasting.forecaster",
    "Further": "verification.metric",
    "Graph": "graphs.graph",
    "GraphBuilder": "graphs.builder",
    "Grid": "data.grid",
    "GridPart": "data.grid_part",
    "InitialState": "forecasting.perturbation",
    "Kind": "plugins.options.choices",
    "Layer": "model.layers",
    "Loss": "training.loss",
    "LossChoice": "training.loss_choice",
    "LossSpace": "training.loss_space",
    "LossSums": "training.loss",
    "LossWeight": "training.loss_weight",
    "LossWeights": "training.loss_weight",
    "Mapper": "model.mapper",
    "MapperChannels": "model.mapper",
    "MemberForecast": "model.member_forecast",
    "Mesh": "graphs.graph",
    "Metric": "training.metric",
    "MetricSpace": "training.metric",
    "Migration": "plugins.migrations",
    "ModelConfig": "config.model_schema",
    "Moments": "data.moments",
    "NameOrChoice": "plugins.options.choices",
    "NodeSet": "graphs.node_set",
    "Notes": "training.callback",
    "Optimizer": "training.optimizer",
    "OptimizerMoment": "training.optimizer",
    "Options": "plugins.options.model",
    "Outcome": "training.tracker",
    "Perturbation": "forecasting.perturbation",
    "PerturbationSpace": "forecasting.perturbation",
    "PluginChoice": "plugins.options.choices",
    "PointwiseLoss": "training.loss",
    "PointwiseMetric": "verification.metric",
    "Processor": "model.processor",
    "ProcessorChannels": "model.processor",
    "Progress": "training.schedule",
    "ReadRequest": "data.read_request",
    "Route": "graphs.graph",
    "Schedule": "training.schedule",
    "ScoreNames": "verification.verifier",
    "Scores": "verification.verifier",
    "SelectiveSource": "data.source",
    "SourceHeader": "data.source",
    "SpreadLoss": "training.loss",
    "StateFilter": "data.state_filter",
    "Statistics": "data.statistics",
    "StepTimes": "data.task",
    "StoredForecast": "forecasting.stored",
    "Subject": "verification.metric",
    "Task": "data.task",
    "TrackedRow": "training.tracker",
    "TrackedRun": "training.tracker",
    "Tracker": "training.tracker",
    "Trainer": "training.trainer",
    "TrainingMemory": "training.trainer",
    "TrainingView": "training.callback",
    "Transform": "data.transform",
    "UnknownPluginError": "errors",
    "Validated": "training.callback",
    "Variable": "data.variables",
    "VariableRoles": "data.variables",
    "VerificationMetric": "verification.metric",
    "VerificationSpace": "verification.metric",
    "VerificationTask": "verification.verifier",
    "VerificationWorkers": "verification.verifier",
    "VerifiedFields": "verification.fields",
    "Verifier": "verification.verifier",
    "WeightGroup": "training.optimizer",
    "WxmlError": "errors",
    "YearlyFields": "verification.yearly_fields",
    "artefact_config": "artefacts.config",
    "assemble": "experiment.assembling",
    "create": "plugins.create",
    "extension": "config.extension",
    "full_options": "plugins.create",
    "hookimpl": "plugins.hooks",
    "inner_degree": "training.inner_loss",
    "inner_loss": "training.inner_loss",
    "installed": "plugins.catalog",
    "load": "forecasting.forecaster",
    "load_config": "config.load",
    "open_forecast": "forecasting.opening",
    "package_folder": "plugins.source_files",
    "released_names": "environment.release_index",
    "resolve": "plugins.resolve",
    "run_layers": "model.layers",
    "seeded_noise": "model.noise",
    "split_arguments": "config.overrides",
    "unroll": "model.unroll",
}

PUBLIC_MODULES = (
    "artefacts.replacement",
    "artefacts.requirements",
    "artefacts.run_folder",
    "cluster",
    "config.settings",
    "config.sweeps",
    "data.aligned",
    "data.box",
    "data.cell_bounds",
    "data.fetching",
    "data.fingerprint",
    "data.forcings",
    "data.grid_rows",
    "data.grid_weights",
    "data.legendre",
    "data.node_order",
    "data.plane",
    "data.read_request",
    "data.same_quantity",
    "data.sample_batch",
    "data.source_fit",
    "data.sphere",
    "data.times",
    "data.units",
    "environment.launch",
    "errors",
    "extras",
    "files.cache_bound",
    "files.checksums",
    "files.folders",
    "files.failures",
    "files.hdf5_structure",
    "files.json_loader",
    "files.lock",
    "files.netcdf_lock",
    "files.staging",
    "files.zarr_metadata",
    "forecasting.cf_names",
    "forecasting.layout",
    "forecasting.packing",
    "graphs.cache",
    "graphs.edge_geometry",
    "graphs.edge_order",
    "graphs.files",
    "masking",
    "memory",
    "model.boundary",
    "model.compiler",
    "model.memory_trace",
    "model.tensors",
    "terminal",
    "testing",
    "training.loss_choice",
    "training.step_profile",
    "verification.metric",
    "verification.metric_choice",
    "verification.regridding",
    "verification.yearly_fields",
)
"""Third parties may import the names above from `wxml`, and what `__all__` lists in these modules of it."""

__all__ = [*_WHERE, "__version__"]  # noqa: PLE0604  # every key is a string


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'wxml' has no attribute {name!r}")
    return getattr(importlib.import_module(f"wxml.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from wxml.artefacts.config import artefact_config as artefact_config
    from wxml.config.extension import Extension as Extension
    from wxml.config.extension import extension as extension
    from wxml.config.load import load_config as load_config
    from wxml.config.model_schema import ModelConfig as ModelConfig
    from wxml.config.overrides import split_arguments as split_arguments
    from wxml.data.call_plan import CallPlan as CallPlan
    from wxml.data.fields import Fields as Fields
    from wxml.data.forcing import Forcing as Forcing
    from wxml.data.forecast_series import ForecastSeries as ForecastSeries
    from wxml.data.grid import Grid as Grid
    from wxml.data.grid_part import GridPart as GridPart
    from wxml.data.moments import Moments as Moments
    from wxml.data.read_request import ReadRequest as ReadRequest
    from wxml.data.source import DataSource as DataSource
    from wxml.data.source import SelectiveSource as SelectiveSource
    from wxml.data.source import SourceHeader as SourceHeader
    from wxml.data.state_filter import FilterSpace as FilterSpace
    from wxml.data.state_filter import StateFilter as StateFilter
    from wxml.data.statistics import Statistics as Statistics
    from wxml.data.task import Baseline as Baseline
    from wxml.data.task import Call as Call
    from wxml.data.task import StepTimes as StepTimes
    from wxml.data.task import Task as Task
    from wxml.data.transform import Transform as Transform
    from wxml.data.variables import Variable as Variable
    from wxml.data.variables import VariableRoles as VariableRoles
    from wxml.environment.release_index import released_names as released_names
    from wxml.errors import AmbiguousPluginError as AmbiguousPluginError
    from wxml.errors import ArtefactError as ArtefactError
    from wxml.errors import BrokenPluginError as BrokenPluginError
    from wxml.errors import ConfigError as ConfigError
    from wxml.errors import ContractError as ContractError
    from wxml.errors import DataError as DataError
    from wxml.errors import UnknownPluginError as UnknownPluginError
    from wxml.errors import WxmlError as WxmlError
    from wxml.experiment.assembling import assemble as assemble
    from wxml.experiment.parts import Experiment as Experiment
    from wxml.forecasting.forecaster import Forecaster as Forecaster
    from wxml.forecasting.forecaster import Forecasts as Forecasts
    from wxml.forecasting.forecaster import load as load
    from wxml.forecasting.layout import ForecastHeader as ForecastHeader
    from wxml.forecasting.opening import open_forecast as open_forecast
    from wxml.forecasting.perturbation import EarlierRun as EarlierRun
    from wxml.forecasting.perturbation import InitialState as InitialState
    from wxml.forecasting.perturbation import Perturbation as Perturbation
    from wxml.forecasting.perturbation import PerturbationSpace as PerturbationSpace
    from wxml.forecasting.stored import StoredForecast as StoredForecast
    from wxml.forecasting.writer import ForecastWriter as ForecastWriter
    from wxml.graphs.builder import GraphBuilder as GraphBuilder
    from wxml.graphs.graph import EdgeSet as EdgeSet
    from wxml.graphs.graph import Graph as Graph
    from wxml.graphs.graph import Mesh as Mesh
    from wxml.graphs.graph import Route as Route
    from wxml.graphs.node_set import NodeSet as NodeSet
    from wxml.model.encode_process_decode import EncodeProcessDecode as EncodeProcessDecode
    from wxml.model.features import EdgeFeatures as EdgeFeatures
    from wxml.model.layers import Layer as Layer
    from wxml.model.layers import run_layers as run_layers
    from wxml.model.mapper import Mapper as Mapper
    from wxml.model.mapper import MapperChannels as MapperChannels
    from wxml.model.member_forecast import MemberForecast as MemberForecast
    from wxml.model.noise import ConditionalLayerNorm as ConditionalLayerNorm
    from wxml.model.noise import seeded_noise as seeded_noise
    from wxml.model.processor import Processor as Processor
    from wxml.model.processor import ProcessorChannels as ProcessorChannels
    from wxml.model.unroll import unroll as unroll
    from wxml.plugins.catalog import installed as installed
    from wxml.plugins.create import create as create
    from wxml.plugins.create import full_options as full_options
    from wxml.plugins.hooks import hookimpl as hookimpl
    from wxml.plugins.migrations import Migration as Migration
    from wxml.plugins.options.choices import Kind as Kind
    from wxml.plugins.options.choices import NameOrChoice as NameOrChoice
    from wxml.plugins.options.choices import PluginChoice as PluginChoice
    from wxml.plugins.options.deprecated import Deprecated as Deprecated
    from wxml.plugins.options.model import Options as Options
    from wxml.plugins.resolve import resolve as resolve
    from wxml.plugins.source_files import package_folder as package_folder
    from wxml.training.callback import Callback as Callback
    from wxml.training.callback import ForecastSample as ForecastSample
    from wxml.training.callback import Notes as Notes
    from wxml.training.callback import TrainingView as TrainingView
    from wxml.training.callback import Validated as Validated
    from wxml.training.combined_loss import CombinedLoss as CombinedLoss
    from wxml.training.combined_loss import CombinedSums as CombinedSums
    from wxml.training.inner_loss import inner_degree as inner_degree
    from wxml.training.inner_loss import inner_loss as inner_loss
    from wxml.training.loss import Loss as Loss
    from wxml.training.loss import LossSums as LossSums
    from wxml.training.loss import PointwiseLoss as PointwiseLoss
    from wxml.training.loss import SpreadLoss as SpreadLoss
    from wxml.training.loss_choice import LossChoice as LossChoice
    from wxml.training.loss_space import LossSpace as LossSpace
    from wxml.training.loss_weight import LossWeight as LossWeight
    from wxml.training.loss_weight import LossWeights as LossWeights
    from wxml.training.metric import Metric as Metric
    from wxml.training.metric import MetricSpace as MetricSpace
    from wxml.training.optimizer import Optimizer as Optimizer
    from wxml.training.optimizer import OptimizerMoment as OptimizerMoment
    from wxml.training.optimizer import WeightGroup as WeightGroup
    from wxml.training.schedule import Progress as Progress
    from wxml.training.schedule import Schedule as Schedule
    from wxml.training.tracker import Outcome as Outcome
    from wxml.training.tracker import TrackedRow as TrackedRow
    from wxml.training.tracker import TrackedRun as TrackedRun
    from wxml.training.tracker import Tracker as Tracker
    from wxml.training.trainer import Trainer as Trainer
    from wxml.training.trainer import TrainingMemory as TrainingMemory
    from wxml.verification.fields import VerifiedFields as VerifiedFields
    from wxml.verification.metric import Curve as Curve
    from wxml.verification.metric import Further as Further
    from wxml.verification.metric import PointwiseMetric as PointwiseMetric
    from wxml.verification.metric import Subject as Subject
    from wxml.verification.metric import VerificationMetric as VerificationMetric
    from wxml.verification.metric import VerificationSpace as VerificationSpace
    from wxml.verification.verifier import Better as Better
    from wxml.verification.verifier import ScoreNames as ScoreNames
    from wxml.verification.verifier import Scores as Scores
    from wxml.verification.verifier import VerificationTask as VerificationTask
    from wxml.verification.verifier import VerificationWorkers as VerificationWorkers
    from wxml.verification.verifier import Verifier as Verifier
    from wxml.verification.yearly_fields import YearlyFields as YearlyFields
