"""The conformance kit: one contract per interface, for a plugin's tests; and a tiny world to test in.

    from wxml.testing import ProcessorContract

    class TestGnn(ProcessorContract):
        plugin = GnnProcessor
        options = {"num_layers": 2}

`wxml check-plugin` runs the same checks on any installed plugin. Nothing here imports pytest, and torch comes with
`LossContract`, `OptimizerContract`, `ProcessorContract`, `MapperContract` and `TrainerContract` alone.
"""

__all__ = [
    "CallbackContract",
    "Contract",
    "DataSourceContract",
    "ExtensionContract",
    "ForcingContract",
    "ForecastWriterContract",
    "GraphBuilderContract",
    "LossContract",
    "LossWeightContract",
    "MapperContract",
    "MetricContract",
    "MigrationContract",
    "OptimizerContract",
    "PerturbationContract",
    "ProcessorContract",
    "ScheduleContract",
    "StateFilterContract",
    "TaskContract",
    "TrackerContract",
    "TrainerContract",
    "TransformContract",
    "TravellingWaves",
    "VerificationMetricContract",
    "VerifierContract",
    "require",
    "tiny_graph",
    "tiny_grid",
    "tiny_loss_space",
]

from typing import TYPE_CHECKING, Any

from wxml.testing.callback_contract import CallbackContract
from wxml.testing.contract import Contract, require
from wxml.testing.data_source_contract import DataSourceContract
from wxml.testing.extension_contract import ExtensionContract
from wxml.testing.forcing_contract import ForcingContract
from wxml.testing.forecast_writer_contract import ForecastWriterContract
from wxml.testing.graph_builder_contract import GraphBuilderContract
from wxml.testing.loss_weight_contract import LossWeightContract
from wxml.testing.metric_contract import MetricContract
from wxml.testing.migration_contract import MigrationContract
from wxml.testing.perturbation_contract import PerturbationContract
from wxml.testing.schedule_contract import ScheduleContract
from wxml.testing.state_filter_contract import StateFilterContract
from wxml.testing.task_contract import TaskContract
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml.testing.tiny_world import TravellingWaves, tiny_graph, tiny_grid
from wxml.testing.tracker_contract import TrackerContract
from wxml.testing.transform_contract import TransformContract
from wxml.testing.verification_metric_contract import VerificationMetricContract
from wxml.testing.verifier_contract import VerifierContract

if TYPE_CHECKING:
    from wxml.testing.loss_contract import LossContract
    from wxml.testing.mapper_contract import MapperContract
    from wxml.testing.optimizer_contract import OptimizerContract
    from wxml.testing.processor_contract import ProcessorContract
    from wxml.testing.trainer_contract import TrainerContract


def __getattr__(name: str) -> Any:
    """The contracts that need torch, on first use."""
    if name == "LossContract":
        from wxml.testing.loss_contract import LossContract

        return LossContract
    if name == "OptimizerContract":
        from wxml.testing.optimizer_contract import OptimizerContract

        return OptimizerContract
    if name == "ProcessorContract":
        from wxml.testing.processor_contract import ProcessorContract

        return ProcessorContract
    if name == "MapperContract":
        from wxml.testing.mapper_contract import MapperContract

        return MapperContract
    if name == "TrainerContract":
        from wxml.testing.trainer_contract import TrainerContract

        return TrainerContract
    raise AttributeError(f"module 'wxml.testing' has no attribute {name!r}")
