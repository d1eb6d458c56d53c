"""From a config to the assembled parts, once, for training and forecasting alike."""

__all__ = ["Experiment", "assemble", "assign_roles", "describe_source", "open_source", "restore"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from wxml.artefacts.provenance import Provenance
from wxml.config.load import LoadedConfig
from wxml.config.plugin_use import FORECAST, MODEL, TRAINING, pinned, used_plugins
from wxml.config.schema import DataConfig, ExperimentConfig, PluginChoice
from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.data.samples import ModelSpace, SampleSet, Window
from wxml.data.source import DataSource
from wxml.data.statistics import compute_statistics
from wxml.data.times import parse_duration
from wxml.data.transform import Statistics
from wxml.data.variables import Variable, VariableRoles
from wxml.errors import ArtefactError, DataError, nearest
from wxml.graphs.cache import built_graph
from wxml.graphs.graph import Graph
from wxml.plugins.comparison import require_plugins
from wxml.plugins.create import create
from wxml.plugins.hooks import hooks, provenance_notes
from wxml.plugins.lock import lock

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.encode_process_decode import EncodeProcessDecode

Period = Literal["training", "validation", "test"]


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """The parts of one experiment: data, graph, statistics; makes samples and models from them."""

    config: ExperimentConfig
    space: ModelSpace
    graph: Graph
    statistics: Statistics
    provenance: Provenance
    output_variables: tuple[Variable, ...]
    """What the model forecasts, with units: as the source of the training had them."""

    @property
    def source(self) -> DataSource:
        """Where the data come from."""
        return self.space.source

    @property
    def roles(self) -> VariableRoles:
        """Which variables go in and out."""
        return self.space.roles

    @property
    def tendency_scale(self) -> NDArray[np.float32]:
        """The root mean square change over one time step in model space, shape `[output variable]`; 1 where it is 0."""
        output = self.statistics.select(self.roles.output)
        still, moved = (
            self.space.forward(values.astype(np.float32)[:, None], self.roles.output)[:, 0]
            for values in (output.mean, output.mean + output.tendency_std)
        )
        scale = np.abs(moved - still)
        return np.where(scale > 0, scale, np.float32(1))

    def window(self, steps: int) -> Window:
        """The times that a sample of so many forecast steps spans."""
        data = self.config.data
        return Window(data.input_steps, steps, parse_duration(data.timestep))

    def samples(self, period: Period, steps: int) -> SampleSet:
        """The samples of a period of the split, each of `input_steps` + `steps` times.

        Raises:
            DataError: the period is not in the config, or no sample fits into it.
        """
        return SampleSet(self.space, self.window(steps), self.config.data.split.period(period))

    def new_model(self) -> "EncodeProcessDecode":
        """A model with fresh weights, the same ones for the same seed."""
        from wxml.model.assembly import assemble_model

        return assemble_model(self)

    def save(
        self,
        path: Path,
        weights: Mapping[str, "Tensor"],
        training: dict[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        """Write a checkpoint.

        Args:
            path: where to.
            weights: the state of a model that `new_model` made.
            training: what the trainer wants to be known (steps, losses): JSON values, the same on every run.
            overwrite: replace a checkpoint that is there.

        Raises:
            ArtefactError: `path` exists, or the disk refuses.
        """
        header = {
            "config": self.provenance.config,
            "roles": {
                "prognostic": self.roles.prognostic,
                "forcing": self.roles.forcing,
                "diagnostic": self.roles.diagnostic,
            },
            "variables": [asdict(variable) for variable in self.output_variables],
            "provenance": self.provenance.to_dict(),
            "training": training,
        }
        checkpoint = Checkpoint(header, weights, self.graph, self.source.header.grid, self.statistics)
        save_checkpoint(path, checkpoint, overwrite=overwrite)
        hooks().call("wxml_checkpoint_saved", path=path)


def assemble(loaded: LoadedConfig) -> Experiment:
    """Everything from a config: opens the source, computes the statistics, builds the graph.

    Raises:
        ConfigError, DataError, BrokenPluginError: each names what is wrong and the fix.
    """
    config = loaded.config
    source = open_source(config.data.source)
    roles = assign_roles(config.data, source)
    statistics = _training_statistics(config.data, source, roles)
    graph = built_graph(config.graph, source.header.grid)
    space = _space(config, source, roles, statistics)
    by_name = {variable.name: variable for variable in source.header.variables}
    outputs = tuple(by_name[name] for name in roles.output)
    return Experiment(config, space, graph, statistics, _record(loaded, source, graph), outputs)


def restore(path: Path, *, source: PluginChoice | None = None) -> tuple[Experiment, "EncodeProcessDecode"]:
    """The experiment and the trained model of a checkpoint.

    Args:
        path: the checkpoint.
        source: read other data than those it was trained on; its grid must be the same.

    Raises:
        ArtefactError: no checkpoint, or one that does not fit the installed plugins.
        UnknownPluginError: a plugin that it needs is not installed; says what installs it. A plugin that is not what it
            was is only warned of.
        DataError: the data cannot be read, or are on another grid.
    """
    checkpoint = load_checkpoint(path)
    record = Provenance.from_dict(checkpoint.header["provenance"])
    require_plugins(record.plugins, MODEL if source else FORECAST, str(path))
    config = ExperimentConfig.model_validate(pinned(checkpoint.header["config"], record.plugins))
    if source:
        config = config.model_copy(update={"data": config.data.model_copy(update={"source": source})})
    opened = open_source(config.data.source)
    if opened.header.grid.identity != checkpoint.grid.identity:
        raise DataError(
            f"`{path}` was trained on a grid of shape {checkpoint.grid.shape}, the source has one of shape "
            f"{opened.header.grid.shape} or other places",
            fix="read data on the grid of the training",
        )
    roles = VariableRoles(**{role: tuple(names) for role, names in checkpoint.header["roles"].items()})
    space = _space(config, opened, roles, checkpoint.statistics)
    outputs = tuple(Variable(**variable) for variable in checkpoint.header["variables"])
    experiment = Experiment(config, space, checkpoint.graph, checkpoint.statistics, record, outputs)
    model = experiment.new_model()
    try:
        model.load_state_dict(dict(checkpoint.weights))
    except RuntimeError as error:
        raise ArtefactError(
            f"the weights of `{path}` do not fit the model that its config describes: {error}",
            fix=f"see what it was trained with, and how to install that:  wxml doctor --for {path}",
        ) from error
    return experiment, model


def open_source(choice: PluginChoice) -> DataSource:
    """The data source that a config names."""
    source: DataSource = create("data-source", choice.plugin, choice.options, where="data.source")
    return source


def assign_roles(data: DataConfig, source: DataSource) -> VariableRoles:
    """Roles by name; what is neither forcing nor diagnostic is prognostic unless the config lists the prognostic ones.

    Raises:
        DataError: a name that the source does not have and that cannot be computed either.
    """
    has, chosen = source.header.names, data.variables
    rest = tuple(name for name in has if name not in (*chosen.forcing, *chosen.diagnostic))
    prognostic = rest if chosen.prognostic is None else tuple(chosen.prognostic)
    for role, names, known in (
        ("prognostic", prognostic, has),
        ("diagnostic", chosen.diagnostic, has),
        ("forcing", chosen.forcing, (*has, *COMPUTED_FORCINGS)),
    ):
        for name in names:
            if name not in known:
                raise DataError(f"unknown variable {name!r} (data.variables.{role})", fix=nearest(name, known))
    return VariableRoles(prognostic, tuple(chosen.forcing), tuple(chosen.diagnostic))


def _training_statistics(data: DataConfig, source: DataSource, roles: VariableRoles) -> Statistics:
    first, last = data.split.period("training")
    times = source.header.times
    inside = times[(times >= first) & (times <= last)]
    if not len(inside):
        raise DataError(
            f"the source has no data between {first} and {last} (data.split.training)",
            fix=f"it has {times[0]} to {times[-1]}" if len(times) else "it has no times at all",
        )
    read = tuple(name for name in roles.output + roles.forcing if name in source.header.names)
    return compute_statistics(source, read, inside, parse_duration(data.timestep))


def _space(config: ExperimentConfig, source: DataSource, roles: VariableRoles, statistics: Statistics) -> ModelSpace:
    transforms = [
        create("transform", choice.plugin, choice.options, statistics, where=f"data.transforms.{i}")
        for i, choice in enumerate(config.data.transforms)
    ]
    constants = frozenset(np.array(statistics.variables)[statistics.tendency_std == 0].tolist())
    return ModelSpace(source, roles, tuple(transforms), constants)


def _record(loaded: LoadedConfig, source: DataSource, graph: Graph) -> Provenance:
    """What the checkpoint of this experiment will say of itself."""
    return Provenance(
        artefact="checkpoint",
        config=loaded.config.model_dump(mode="json"),
        origins=loaded.origins,
        plugins=lock(used_plugins(loaded.config, TRAINING)),
        graph=graph.identity,
        data=describe_source(source),
        notes=provenance_notes(),
    )


def describe_source(source: DataSource) -> dict[str, Any]:
    """What a provenance record says of a source."""
    return {"grid": source.header.grid.identity, "source": source.provenance()}
