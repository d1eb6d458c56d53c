"""An experiment: its data, graph and statistics, and the samples and models that are made of them."""

__all__ = ["VALUE", "Experiment", "Period", "describe_source"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.checkpoint import Checkpoint, save_checkpoint
from wxml.artefacts.provenance import Provenance
from wxml.config.model_schema import RelaxationConfig
from wxml.config.schema import ExperimentConfig
from wxml.config.task_choice import task_of
from wxml.data.call_plan import CallPlan, plan_calls
from wxml.data.gaps import Gaps
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.source import DataSource
from wxml.data.statistics import Statistics
from wxml.data.task import Task
from wxml.data.variables import Variable, VariableRoles
from wxml.data.window import Window
from wxml.errors import ResourceError
from wxml.graphs.data_nodes import boundary_nodes
from wxml.graphs.graph import Graph
from wxml.graphs.relaxation import given_shares
from wxml.plugins.hooks import hooks

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.encode_process_decode import EncodeProcessDecode
    from wxml.transfer.weights import Transferred

Period = Literal["training", "validation", "test"]
VALUE = 4
"""The bytes of a float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """The parts of one experiment: data, graph, statistics; makes samples and models from them."""

    config: ExperimentConfig
    preprocessing: Preprocessing
    graph: Graph
    statistics: Statistics
    """The statistics of the physical values over the training times."""
    provenance: Provenance
    output_variables: tuple[Variable, ...]
    """The variables that the model forecasts, with their units in the source of the training."""
    initial: "Transferred | None" = None
    """The weights of another model that this one begins with (`training.from`); None: fresh ones."""
    forcing_variables: tuple[Variable, ...] = ()
    """The forcings that were read in the training, with their units then; empty in one of version 0.1."""
    gaps: Gaps | None = None
    """Where the data of the training had no values; None in an older checkpoint."""

    @property
    def source(self) -> DataSource:
        """The data source."""
        return self.preprocessing.source

    @property
    def roles(self) -> VariableRoles:
        """The variables that the model reads and forecasts."""
        return self.preprocessing.roles

    @property
    def boundary(self) -> NDArray[np.bool_]:
        """Which nodes of the grid neither loss nor scores count, shape `[node]`: those that are given and not forecast.

        The graph says it; a zone of `model.boundary.relaxation` with `counts: false` is among them.
        """
        if self._zone is not None and not self._zone.counts:
            return self.boundary_shares > 0
        return boundary_nodes(self.graph, self.preprocessing.places)

    @property
    def boundary_shares(self) -> NDArray[np.float32]:
        """The share of what is given at each node after a step, shape `[node]`: 1 on the boundary, less in its zone."""
        return given_shares(self.graph, self.preprocessing.places, self._zone)

    @property
    def _zone(self) -> RelaxationConfig | None:
        """The zone inside the boundary."""
        return None if self.config.model.boundary is None else self.config.model.boundary.relaxation

    @property
    def tendency_scale(self) -> NDArray[np.float32]:
        """The typical change over one time step in model values, shape `[output variable]`."""
        return self.preprocessing.tendency_scale

    @property
    def task(self) -> Task:
        """What the model is for."""
        return task_of(self.config.data)

    def plan(self, steps: int) -> CallPlan:
        """Return the calls of the model that make `steps` forecast steps, and the window of a sample of them.

        Raises:
            ConfigError: the task has fewer steps.
        """
        return plan_calls(self.task, steps)

    def window(self, steps: int) -> Window:
        """Return the window of a sample of `steps` forecast steps; see `plan`."""
        return self.plan(steps).window

    def samples(self, period: Period, steps: int) -> SampleSet:
        """Return the samples of `period` of the split, each with the times of `window(steps)`.

        Raises:
            ConfigError: the task has fewer steps.
            DataError: the period is not in the config, or no sample fits into it.
        """
        return SampleSet(self.preprocessing, self.window(steps), self.config.data.split.period(period))

    def new_model(self) -> "EncodeProcessDecode":
        """Make a model as the training begins with it; the same seed gives the same weights.

        They are fresh, or those of `training.from`. What is not to be trained does not require a gradient.

        Raises:
            ResourceError: its weights do not fit the free memory; said before they are filled.
        """
        from wxml.memory import format_size, free_memory
        from wxml.model.assembly import assemble_model
        from wxml.model.limit import limited_parameters

        free = free_memory()

        def refusal(parameters: int) -> ResourceError:
            size, left = format_size(VALUE * parameters), format_size(free)
            return ResourceError(
                f"the model would have {parameters:,} parameters or more, {size} of memory; {left} are free",
                fix="reduce `model.channels` or the options of `model.encoder`, `model.processor`, `model.decoder`",
            )

        with limited_parameters(free // VALUE, refusal):
            model = assemble_model(self.config, self.preprocessing, self.graph)
        if self.initial:
            self.initial.put_into(model)
        return model

    def save(
        self,
        path: Path,
        weights: Mapping[str, "Tensor"],
        training: dict[str, Any],
        *,
        overwrite: bool = False,
        shares_graph: bool = False,
    ) -> None:
        """Write a checkpoint.

        Args:
            path: the file to write.
            weights: the state of a model that `new_model` made; low-rank adapters are merged into it.
            training: notes of the trainer (steps, losses): JSON values, the same on every run.
            overwrite: replace `path` if it exists.
            shares_graph: write the graph into a file beside it, which other checkpoints in that folder share.

        Raises:
            ArtefactError: `path` exists, or cannot be written.
        """
        from wxml.model.adapters import merged_weights

        made = self.preprocessing.made
        header = {
            "config": self.provenance.config,
            "roles": {
                "prognostic": self.roles.prognostic,
                "forcing": self.roles.forcing,
                "diagnostic": self.roles.diagnostic,
            },
            "task": self.task.as_json(),
            "variables": [asdict(variable) for variable in self.output_variables],
            "forcings": [asdict(one) for one in self.source.header.variables if one.name in self.roles.forcing],
            "made": [asdict(made[name].variable) for name in self.roles.forcing if name in made],
            "provenance": self.provenance.to_dict(),
            "training": training,
        }
        grid, transformed = self.source.header.grid, self.preprocessing.transformed_statistics
        parts = self.graph, grid, self.statistics, transformed, self.gaps
        checkpoint = Checkpoint(header, merged_weights(weights), *parts)
        save_checkpoint(path, checkpoint, overwrite=overwrite, shares_graph=shares_graph)
        hooks().call("wxml_checkpoint_saved", path=path)


def describe_source(source: DataSource) -> dict[str, Any]:
    """Return the entry of `source` in a provenance record."""
    return {"grid": source.header.grid.identity, "source": source.provenance()}
