"""Assembles the parts that a config describes: the source is opened, the statistics computed, the graph built."""

__all__ = ["assemble", "check_boundary"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wxml.artefacts.chain import transform_makers
from wxml.artefacts.provenance import Provenance
from wxml.config.chosen_data import chosen_forcings, chosen_missing
from wxml.config.data_schema import DataConfig
from wxml.config.load import LoadedConfig
from wxml.config.opened_source import asked_for, open_source
from wxml.config.plugin_use import TRAINING, used_plugins
from wxml.config.schema import ExperimentConfig
from wxml.config.split_overlaps import warn_of_overlaps
from wxml.config.task_choice import check_settings, task_of
from wxml.data.absent import missing_rules
from wxml.data.angles import warn_of_angles
from wxml.data.chain import make_chain, warn_of_scales
from wxml.data.file_names import check_file_names, coordinate_names
from wxml.data.forcing import MadeField, forcing_fields
from wxml.data.holes import HoleFinder
from wxml.data.imputed import mask_names
from wxml.data.periods import warn_of_periods
from wxml.data.preprocessing import Preprocessing
from wxml.data.source import DataSource
from wxml.data.statistics import Statistics
from wxml.data.times import parse_duration
from wxml.data.variables import Variable, VariableRoles, assign_roles
from wxml.errors import ConfigError, DataError, Fault
from wxml.experiment.parts import Experiment, describe_source
from wxml.graphs.cache import built_graph
from wxml.plugins.hooks import provenance_notes
from wxml.plugins.lock import lock
from wxml.training_statistics import TrainingStatistics
from wxml.transfer.side import Side


@dataclass(frozen=True, slots=True)
class _ChosenData:
    """What `data` says of a source."""

    source: DataSource
    roles: VariableRoles
    made: Mapping[str, MadeField]
    """The fields that forcing plugins make, by name."""
    masks: Mapping[str, str]
    """The forcings that say where a prognostic variable was imputed: name → variable."""

    @property
    def read(self) -> tuple[Variable, ...]:
        """The variables that are read in the source, the outputs first."""
        by_name = {variable.name: variable for variable in self.source.header.variables}
        return tuple(by_name[name] for name in self.roles.output + self.roles.forcing if name in by_name)

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """The variables that the model forecasts, all of which the source has."""
        return self.read[: len(self.roles.output)]


def assemble(loaded: LoadedConfig) -> Experiment:
    """Assemble an experiment: open the source, compute the statistics, build the graph.

    Raises:
        ConfigError, DataError, BrokenPluginError: each names what is wrong and the fix.
    """
    config = loaded.config
    chosen = _chosen(config)
    plugins = lock(used_plugins(config, TRAINING))
    compute = _training_statistics(config.data, chosen, plugins)
    statistics = compute()
    preprocessing = _preprocessing(config, chosen, statistics, compute)
    warn_of_overlaps(config.data.split)
    graph = built_graph(config.graph, chosen.source.header.grid)
    record = Provenance(
        artefact="checkpoint",
        config=config.model_dump(mode="json"),
        origins=loaded.origins,
        plugins=plugins,
        graph=graph.identity,
        data=describe_source(chosen.source),
        statistics=compute.origin,
        notes=provenance_notes(),
    )
    warn_of_periods(chosen.read, parse_duration(config.data.timestep))
    warn_of_angles(chosen.read, statistics, chosen.source.header.names)
    experiment = Experiment(config, preprocessing, graph, statistics, record, chosen.outputs, gaps=compute.gaps())
    check_boundary(experiment)
    return _forked(experiment)


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


def _chosen(config: ExperimentConfig) -> _ChosenData:
    """Open the source, and give each of its variables a role."""
    asked, task = config.data.variables, task_of(config.data)
    forcings = chosen_forcings(config.data)
    made_names = {field.name for _, forcing in forcings for field in forcing.fields()}
    source = open_source(config.data.source, asked_for(asked, made_names))
    check_settings(config, task)
    made = forcing_fields(forcings, source.header.names, asked.forcing)
    masks = mask_names(asked.imputed, (*source.header.names, *made))
    roles = assign_roles(
        source.header.names,
        prognostic=asked.prognostic,
        forcing=[*asked.forcing, *masks],
        diagnostic=asked.diagnostic,
        made=(*made, *masks),
        imputed=asked.imputed,
        has_states=task.has_states,
    )
    check_file_names(roles.output, coordinate_names(source.header.grid))
    return _ChosenData(source, roles, made, masks)


def _preprocessing(
    config: ExperimentConfig, chosen: _ChosenData, statistics: Statistics, compute: TrainingStatistics
) -> Preprocessing:
    """Make the transforms of the statistics, each from those of the values that it receives."""
    transforms, model_statistics = make_chain(transform_makers(config), statistics, compute)
    warn_of_scales(model_statistics)
    return Preprocessing(
        chosen.source,
        chosen.roles,
        transforms,
        model_statistics,
        _declared_constants(config.data, statistics),
        chosen.made,
        masks=chosen.masks,
        missing=missing_rules(chosen_missing(config.data), chosen.roles, chosen.source.header.names),
        missing_inputs=config.data.missing_inputs,
        holes=HoleFinder(compute.holes),
    )


def _forked(experiment: Experiment) -> Experiment:
    """Let an experiment with `training.from` begin with the weights of that checkpoint, which becomes its parent."""
    fork = experiment.config.training.from_
    if fork is None:
        return experiment
    from wxml.transfer.weights import transferred

    side = Side(experiment.config, experiment.preprocessing, experiment.graph, experiment.statistics)
    initial = transferred(fork, side, experiment.new_model())
    record = replace(experiment.provenance, fork=initial.report.to_dict(), parents=[initial.parent])
    return replace(experiment, initial=initial, provenance=record)


def _training_statistics(
    config: DataConfig, chosen: _ChosenData, plugins: Sequence[Mapping[str, Any]]
) -> TrainingStatistics:
    """Return what computes the statistics over the training times, or finds those of an earlier run."""
    first, last = config.split.period("training")
    times = chosen.source.header.times
    inside = times[(times >= first) & (times <= last)]
    if not len(inside):
        raise DataError(
            f"the source has no data between {first} and {last} (data.split.training)",
            fix=f"choose a period between {times[0]} and {times[-1]}" if len(times) else "choose data that have times",
        )
    return TrainingStatistics(config, chosen.source, tuple(one.name for one in chosen.read), inside, plugins)


def _declared_constants(config: DataConfig, statistics: Statistics) -> frozenset[str]:
    """Return `data.variables.constant`; raise a DataError if one of them changes in the training period."""
    declared = config.variables.constant
    changes = dict(zip(statistics.variables, statistics.tendency_std, strict=True))
    for name in declared:
        if changes.get(name, 0.0) > 0:
            raise DataError(
                f"`data.variables.constant` names {name!r}, which changes by {changes[name]:.3g} over one time step in "
                "the training period (root mean square)",
                fix="take it out of `data.variables.constant`, so that forecasts read it at every time",
            )
    return frozenset(declared)
