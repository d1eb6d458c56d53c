"""One side of a transfer: the model of a checkpoint, or the one that is to begin with its weights."""

__all__ = ["Side", "checkpoint_side"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.chain import restored_chain
from wxml.artefacts.checkpoint import Checkpoint
from wxml.artefacts.header import recorded_config
from wxml.config.schema import ExperimentConfig
from wxml.config.task_choice import task_of
from wxml.data.imputed import mask_names
from wxml.data.preprocessing import Preprocessing
from wxml.data.source import DataSource, SourceHeader
from wxml.data.statistics import Statistics
from wxml.data.task import Task
from wxml.data.variables import Variable, VariableRoles
from wxml.graphs.graph import Graph


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What a model reads and forecasts, in which values and on which nodes."""

    config: ExperimentConfig
    preprocessing: Preprocessing
    graph: Graph
    statistics: Statistics
    """The statistics of the physical values."""

    @property
    def task(self) -> Task:
        """What the model is for."""
        return task_of(self.config.data)

    @property
    def roles(self) -> VariableRoles:
        """The variables that the model reads and forecasts."""
        return self.preprocessing.roles

    @property
    def described(self) -> Mapping[str, Variable]:
        """The variables that come from data, with their units, by name."""
        return {variable.name: variable for variable in self.preprocessing.source.header.variables}

    def model_values(self, name: str, physical: NDArray[np.float32]) -> NDArray[np.float64]:
        """The model values of physical values of one variable, shape `[value]`; what is computed stays as it is."""
        if name not in self.preprocessing.model_statistics.variables:
            return physical.astype(np.float64)
        return np.asarray(self.preprocessing.forward(physical[None], (name,))[0], np.float64)

    def usual_value(self, name: str) -> float:
        """The mean of a variable in model values; 0 for one that is computed, whose mean nobody has recorded."""
        statistics = self.preprocessing.model_statistics
        return float(statistics.mean[statistics.variables.index(name)]) if name in statistics.variables else 0.0

    def increment_scale(self, name: str) -> float:
        """The unit of the decoder's output for a variable, in model values."""
        is_scaled = self.config.model.increment_scale == "tendency" and name in self.roles.prognostic
        return self.typical_change(name) if is_scaled else 1.0

    def typical_change(self, name: str) -> float:
        """The root mean square change of an output variable over one time step, in model values."""
        return float(self.preprocessing.tendency_scale[self.roles.output.index(name)])

    def is_tendency(self, name: str) -> bool:
        """Whether the model reads the earlier states of a variable as changes, in units of the typical one."""
        return self.config.model.input_tendencies and name in self.roles.prognostic

    def is_fraction(self, name: str) -> bool:
        """Whether the network forecasts which share of another variable this one is."""
        bound = self.config.model.bounding.get(name)
        return bound is not None and bound.fraction_of is not None


class _Closed(DataSource):
    """Stands for the data of a checkpoint, which are not opened: they may be elsewhere, or gone."""

    def __init__(self, header: SourceHeader) -> None:
        self.header = header

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        raise RuntimeError("the data of a checkpoint are not open; only its header is")

    def provenance(self) -> dict[str, Any]:
        """Nothing: the record of the checkpoint has it."""
        return {}


def checkpoint_side(checkpoint: Checkpoint, name: str) -> Side:
    """Describe the model of a checkpoint without its data.

    Args:
        checkpoint: the checkpoint, brought to the installed versions of its plugins.
        name: the name of its file in messages.

    Raises:
        ArtefactError: its config is wrong.
        UnknownPluginError, BrokenPluginError: one of its transforms cannot be used.
    """
    header = checkpoint.header
    config = recorded_config(header["config"], name)
    roles = VariableRoles(**{role: tuple(names) for role, names in header["roles"].items()})
    variables = tuple(Variable(**one) for one in (*header["variables"], *header.get("forcings", ())))
    source = _Closed(SourceHeader(checkpoint.grid, variables, np.array([], "datetime64[s]")))
    transforms, statistics = restored_chain(config, checkpoint)
    masks = mask_names(config.data.variables.imputed)
    preprocessing = Preprocessing(source, roles, transforms, statistics, grid=checkpoint.grid, masks=masks)
    return Side(config, preprocessing, checkpoint.graph, checkpoint.statistics)
