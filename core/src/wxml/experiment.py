"""Assembles the parts that a config describes, for training and for forecasting."""

__all__ = ["Experiment", "assemble", "check_boundary", "describe_source", "restore"]

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.chain import restored_chain, transform_makers
from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from wxml.artefacts.header import recorded_config
from wxml.artefacts.migrated import migrated
from wxml.artefacts.provenance import Provenance
from wxml.config.fork import ForkConfig
from wxml.config.load import LoadedConfig
from wxml.config.model_schema import RelaxationConfig
from wxml.config.opened_source import asked_for, open_source
from wxml.config.plugin_use import FORECAST, MODEL, TRAINING, pinned, used_plugins
from wxml.config.schema import ExperimentConfig
from wxml.config.split_overlaps import warn_of_overlaps
from wxml.config.state_filters import filtered_source
from wxml.config.task_choice import check_settings, check_times, task_of
from wxml.data.absent import MissingWhere, missing_rules
from wxml.data.angles import warn_of_angles
from wxml.data.call_plan import CallPlan, plan_calls
from wxml.data.chain import make_chain, warn_of_scales
from wxml.data.file_names import check_file_names, coordinate_names
from wxml.data.forcing import Forcing, check_made, forcing_fields
from wxml.data.holes import HoleFinder
from wxml.data.imputed import mask_names
from wxml.data.periods import warn_of_periods
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.source import DataSource
from wxml.data.source_fit import check_variables, in_units_of, on_grid
from wxml.data.statistics import Statistics
from wxml.data.task import Task
from wxml.data.times import parse_duration
from wxml.data.variables import Variable, VariableRoles, assign_roles
from wxml.data.window import Window
from wxml.errors import ArtefactError, ConfigError, DataError, Fault, ResourceError
from wxml.graphs.cache import built_graph
from wxml.graphs.data_nodes import boundary_nodes
from wxml.graphs.graph import Graph
from wxml.graphs.relaxation import given_shares
from wxml.plugins.comparison import require_plugins
from wxml.plugins.create import create
from wxml.plugins.hooks import hooks, provenance_notes
from wxml.plugins.lock import lock
from wxml.plugins.operations import require_same
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.environment import tell_variables
from wxml.plugins.policy import Policy
from wxml.training_statistics import TrainingStatistics
from wxml.transfer.side import Side

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.encode_process_decode import EncodeProcessDecode
    from wxml.transfer.weights import Transferred

logger = logging.getLogger("wxml")

Period = Literal["training", "validation", "test"]
ConfigChange = Callable[[ExperimentConfig], ExperimentConfig]
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
        checkpoint = Checkpoint(header, merged_weights(weights), self.graph, grid, self.statistics, transformed)
        save_checkpoint(path, checkpoint, overwrite=overwrite, shares_graph=shares_graph)
        hooks().call("wxml_checkpoint_saved", path=path)


def assemble(loaded: LoadedConfig) -> Experiment:
    """Assemble an experiment: open the source, compute the statistics, build the graph.

    Raises:
        ConfigError, DataError, BrokenPluginError: each names what is wrong and the fix.
    """
    config = loaded.config
    chosen, task = config.data.variables, task_of(config.data)
    forcings = _forcings(config)
    made_names = {field.name for _, forcing in forcings for field in forcing.fields()}
    source = open_source(config.data.source, asked_for(chosen, made_names))
    check_settings(config, task)
    made = forcing_fields(forcings, source.header.names, chosen.forcing)
    masks = mask_names(chosen.imputed, (*source.header.names, *made))
    roles = assign_roles(
        source.header.names,
        prognostic=chosen.prognostic,
        forcing=[*chosen.forcing, *masks],
        diagnostic=chosen.diagnostic,
        made=(*made, *masks),
        imputed=chosen.imputed,
        has_states=task.has_states,
    )
    check_file_names(roles.output, coordinate_names(source.header.grid))
    plugins = lock(used_plugins(config, TRAINING))
    compute = _training_statistics(config, source, roles, plugins)
    statistics = compute()
    transforms, model_statistics = make_chain(transform_makers(config), statistics, compute)
    warn_of_scales(model_statistics)
    warn_of_overlaps(config.data.split)
    constants = _declared_constants(config, statistics)
    missing = missing_rules(_missing(config), roles, source.header.names)
    preprocessing = Preprocessing(
        source,
        roles,
        transforms,
        model_statistics,
        constants,
        made,
        masks=masks,
        missing=missing,
        missing_inputs=config.data.missing_inputs,
        holes=HoleFinder(compute.holes),
    )
    graph = built_graph(config.graph, source.header.grid)
    record = Provenance(
        artefact="checkpoint",
        config=config.model_dump(mode="json"),
        origins=loaded.origins,
        plugins=plugins,
        graph=graph.identity,
        data=describe_source(source),
        statistics=compute.origin,
        notes=provenance_notes(),
    )
    by_name = {variable.name: variable for variable in source.header.variables}
    used = [by_name[name] for name in roles.output + roles.forcing if name in by_name]
    warn_of_periods(used, parse_duration(config.data.timestep))
    warn_of_angles(used, statistics, source.header.names)
    outputs = tuple(by_name[name] for name in roles.output)
    experiment = Experiment(config, preprocessing, graph, statistics, record, outputs)
    check_boundary(experiment)
    return _forked(experiment, config.training.from_) if config.training.from_ else experiment


def check_boundary(experiment: Experiment) -> None:
    """Raise a ConfigError if a boundary is to be given and there is none, or all of the grid is in it and its zone."""
    if experiment.config.model.boundary is None:
        return
    if not experiment.boundary_shares.any():
        problem = "the boundary is to be given, and the graph has none"
        fix = "write a boundary into the graph, such as graph: {plugin: limited-area, boundary: {nodes: 2}}"
        raise ConfigError([Fault("model.boundary", problem)], fix=fix)
    if experiment.boundary.all():
        problem = "boundary and zone take up all nodes of the grid, so nothing counts"
        raise ConfigError([Fault("model.boundary.relaxation", problem)], fix="write a smaller width")


def _forked(experiment: Experiment, fork: ForkConfig) -> Experiment:
    """Let an experiment begin with the weights of a checkpoint, which becomes its parent."""
    from wxml.transfer.weights import transferred

    side = Side(experiment.config, experiment.preprocessing, experiment.graph, experiment.statistics)
    initial = transferred(fork, side, experiment.new_model())
    record = replace(experiment.provenance, fork=initial.report.to_dict(), parents=[initial.parent])
    return replace(experiment, initial=initial, provenance=record)


def restore(
    path: Path, *, source: PluginChoice | DataSource | None = None, change: ConfigChange | None = None
) -> tuple[Experiment, "EncodeProcessDecode"]:
    """Restore the experiment and the trained model of a checkpoint.

    Args:
        path: the checkpoint.
        source: a source of other data than the model was trained on, or what opens it; it must have the same nodes, in
            any order, units that can be converted, and the same step types and periods. One that is open already is in
            no config.
        change: returns the config of the experiment from that of the checkpoint; it must describe the same weights.

    Raises:
        ArtefactError: `path` is no checkpoint, or does not fit the installed plugins.
        UnknownPluginError: a plugin that it needs is not installed; the error gives the command that installs it. A
            plugin of another version only gives a warning; if it brings migrations, they are applied.
        BrokenPluginError: a plugin or its migrations cannot be used.
        DataError: the data cannot be read, or have other nodes, units of another quantity, other step types or periods.
    """
    stored = load_checkpoint(path)
    if Policy.from_environment().is_operations:
        require_same(stored.header["provenance"]["plugins"], MODEL if source else FORECAST, str(path))
    checkpoint = migrated(stored, str(path))
    record = Provenance.from_dict(checkpoint.header["provenance"])
    require_plugins(record.plugins, MODEL if source else FORECAST, str(path))
    recorded = recorded_config(checkpoint.header["config"], str(path)).model_dump(mode="json")
    config = recorded_config(pinned(recorded, record.plugins), str(path))
    replaced = {"data": {"source"}} if source else None
    tell_variables(config.model_dump(mode="json", include={"data", "model", "forecast"}, exclude=replaced), str(path))
    if isinstance(source, PluginChoice):
        config = config.model_copy(update={"data": config.data.model_copy(update={"source": source})})
    config = change(config) if change else config
    config = config if isinstance(source, DataSource) else _from_initial(config)
    where = "forecast.inputs.initial" if config.forecast.inputs.initial else "data.source"
    roles = VariableRoles(**{role: tuple(names) for role, names in checkpoint.header["roles"].items()})
    asked = [name for name in roles.input + roles.diagnostic if name in checkpoint.statistics.variables]
    given = (
        source
        if isinstance(source, DataSource)
        else open_source(config.data.source, _asked(config, asked), where=where)
    )
    opened = on_grid(filtered_source(given, config.forecast.filters, config.data.timestep), checkpoint.grid)
    constants = _restored_constants(config, roles, checkpoint)
    made = forcing_fields(_forcings(config), ())
    check_made(made, [Variable(**variable) for variable in checkpoint.header.get("made", ())], str(path))
    check_times(task_of(config.data), checkpoint.header.get("task"), str(path))
    outputs = tuple(Variable(**variable) for variable in checkpoint.header["variables"])
    forcings = [Variable(**variable) for variable in checkpoint.header.get("forcings", ())]  # 0.1 wrote none
    read = [*(one for one in outputs if one.name in roles.prognostic), *forcings]
    opened = in_units_of(opened, read)
    for sentence in check_variables(opened.header, read):
        logger.warning("%s", sentence)
    chain = restored_chain(config, checkpoint)
    masks = mask_names(config.data.variables.imputed)
    preprocessing = Preprocessing(
        opened,
        roles,
        *chain,
        constants,
        made,
        checkpoint.grid,
        masks,
        _missing(config),
        missing_inputs=config.data.missing_inputs,
    )
    parts = checkpoint.graph, checkpoint.statistics, record, outputs
    experiment = Experiment(config, preprocessing, *parts, forcing_variables=tuple(forcings))
    try:
        model = _fitting_model(experiment, checkpoint.weights)
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise ArtefactError(
            f"the weights of `{path}` do not fit the model that its config describes: {error}",
            fix=f"see what it was trained with, and how to install that:  wxml doctor --for {path}",
        ) from error
    return experiment, model


def _from_initial(config: ExperimentConfig) -> ExperimentConfig:
    """The config with `forecast.inputs.initial` in place of the data of the training."""
    initial = config.forecast.inputs.initial
    if initial is None:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"source": initial})})


def _asked(config: ExperimentConfig, names: list[str]) -> list[str] | None:
    """The variables that are asked for of the data; None, all of them, where filters make others of them."""
    return None if any(one.where == "input" for one in config.forecast.filters) else names


def _fitting_model(experiment: Experiment, weights: Mapping[str, "Tensor"]) -> "EncodeProcessDecode":
    """Make the model that `weights` belong to; raise a RuntimeError before it takes much more memory than they do."""
    from wxml.model.limit import limited_parameters

    count = sum(tensor.numel() for tensor in weights.values())

    def refusal(parameters: int) -> RuntimeError:
        return RuntimeError(f"the model would have {parameters:,} parameters or more, the file has {count:,} weights")

    with limited_parameters(2 * count + 10_000, refusal):  # a part may replace parameters that it made
        model = experiment.new_model()
    model.load_state_dict(dict(weights))
    return model


def _training_statistics(
    config: ExperimentConfig, source: DataSource, roles: VariableRoles, plugins: Sequence[Mapping[str, Any]]
) -> TrainingStatistics:
    """Return what computes the statistics over the training times, or finds those of an earlier run."""
    first, last = config.data.split.period("training")
    times = source.header.times
    inside = times[(times >= first) & (times <= last)]
    if not len(inside):
        raise DataError(
            f"the source has no data between {first} and {last} (data.split.training)",
            fix=f"choose a period between {times[0]} and {times[-1]}" if len(times) else "choose data that have times",
        )
    read = tuple(name for name in roles.output + roles.forcing if name in source.header.names)
    return TrainingStatistics(config.data, source, read, inside, plugins)


def _forcings(config: ExperimentConfig) -> list[tuple[str, Forcing]]:
    """Return the plugins of `data.forcings`, each with its name."""
    return [
        (choice.plugin, create("forcing", choice.plugin, choice.options, where=f"data.forcings.{number}"))
        for number, choice in enumerate(config.data.forcings)
    ]


def _missing(config: ExperimentConfig) -> Mapping[str, MissingWhere]:
    """Return where forecasts have no value, by variable."""
    return {name: MissingWhere(**rule.model_dump()) for name, rule in config.data.variables.missing.items()}


def _declared_constants(config: ExperimentConfig, statistics: Statistics) -> frozenset[str]:
    """Return `data.variables.constant`; raise a DataError if one of them changes in the training period."""
    declared = config.data.variables.constant
    changes = dict(zip(statistics.variables, statistics.tendency_std, strict=True))
    for name in declared:
        if changes.get(name, 0.0) > 0:
            raise DataError(
                f"`data.variables.constant` names {name!r}, which changes by {changes[name]:.3g} over one time step in "
                "the training period (root mean square)",
                fix="take it out of `data.variables.constant`, so that forecasts read it at every time",
            )
    return frozenset(declared)


def _restored_constants(config: ExperimentConfig, roles: VariableRoles, checkpoint: Checkpoint) -> frozenset[str]:
    """Return the constants of a checkpoint; in one of version 0.1, the forcings that did not change in the training."""
    if checkpoint.transformed is not None:
        return frozenset(config.data.variables.constant)
    statistics = checkpoint.statistics
    still = zip(statistics.variables, statistics.tendency_std == 0, strict=True)
    guessed = frozenset(name for name, is_still in still if is_still and name in roles.forcing)
    if guessed:
        logger.warning(
            "the checkpoint is of version 0.1: %s did not change in its training period, and every forecast takes it "
            "as constant; if that is wrong, train again",
            ", ".join(map(repr, sorted(guessed))),
        )
    return guessed


def describe_source(source: DataSource) -> dict[str, Any]:
    """Return the entry of `source` in a provenance record."""
    return {"grid": source.header.grid.identity, "source": source.provenance()}
