"""Makes the metrics of a validation from the options."""

__all__ = ["new_scoring"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Experiment, Metric, MetricSpace, PluginChoice, create
from wxml.data.times import parse_duration

from wxml_trainer_lightning.batches import evenly_spaced
from wxml_trainer_lightning.metrics.regions import Region, region_weights
from wxml_trainer_lightning.metrics.scoring import Scoring

CLIMATE_TIMES = 100
"""The times of the training period whose mean stands for the climate."""


def new_scoring(
    experiment: Experiment, metrics: Sequence[PluginChoice], regions: Mapping[str, Region], members: int, steps: int
) -> Scoring:
    """The metrics with nothing added up; those of an ensemble are left out where there is one member.

    Those of a spread are left out where the model has none.

    Args:
        experiment: the assembled parts.
        metrics: the sections that choose them.
        regions: by name, beside the whole grid.
        members: the number of ensemble members.
        steps: the number of forecast steps.

    Raises:
        ConfigError: a region holds no node or has an unknown mask, or a plugin refuses its options.
    """
    grid, names = experiment.preprocessing.places, experiment.roles.output
    by_name = {variable.name: variable for variable in experiment.output_variables}
    space = MetricSpace(
        variables=tuple(by_name[name] for name in names),
        grid=grid,
        weights=region_weights(grid, ~experiment.boundary, regions, _values_of_nodes(experiment)),
        timestep=parse_duration(experiment.config.data.timestep),
        members=members,
        climate=lambda: _climate(experiment),
        lead_times=experiment.window(steps).lead_times,
    )
    made: dict[str, Metric] = {}
    for number, choice in enumerate(metrics):
        name = choice.plugin.rpartition(":")[2]
        name = f"{name}-{number}" if name in made else name
        made[name] = create("metric", choice.plugin, choice.options, space, where=f"training.metrics.{number}")
    has_spread = experiment.config.model.spread is not None
    fitting = {
        name: metric
        for name, metric in made.items()
        if (members > 1 or not metric.takes_members) and (has_spread or not metric.takes_spread)
    }
    inverse = experiment.preprocessing.inverse
    prognostic, beside = len(experiment.roles.prognostic), experiment.task.baseline
    return Scoring(fitting, space, lambda values: inverse(values, names), prognostic, steps, beside)


def _values_of_nodes(experiment: Experiment) -> dict[str, Callable[[], NDArray[Any]]]:
    """What a mask may be: the variables of the source at its first time, and above them the attributes of the nodes."""
    source, nodes = experiment.source, experiment.graph.nodes
    parts = ["grid"] if "grid" in nodes else [f"data:{part.name}" for part in experiment.preprocessing.places.parts]

    def field(name: str) -> NDArray[Any]:
        found: NDArray[Any] = source.read(source.header.times[:1], (name,))[0, 0, 0]
        return found

    def attribute(name: str) -> NDArray[Any]:
        return np.concatenate([nodes[part].attributes[name] for part in parts])

    shared = set.intersection(*(set(nodes[part].attributes) for part in parts))
    fields: dict[str, Callable[[], NDArray[Any]]] = {name: partial(field, name) for name in source.header.names}
    return fields | {name: partial(attribute, name) for name in shared}


def _climate(experiment: Experiment) -> NDArray[np.float64]:
    """The mean over evenly spaced times of the training period, shape `[node, variable]`; NaN where none is known."""
    source, names = experiment.source, experiment.roles.output
    first, last = experiment.config.data.split.period("training")
    times = source.header.times
    inside = times[(times >= first) & (times <= last)]
    chosen = inside[evenly_spaced(len(inside), CLIMATE_TIMES)]
    total = np.zeros((len(names), len(source.header.grid)))
    count = np.zeros_like(total)
    for time in chosen:
        values = source.read(np.asarray([time]), names)[0, 0].astype(np.float64)
        total += np.nan_to_num(values)
        count += np.isfinite(values)
    return np.asarray((total / np.where(count > 0, count, np.nan)).T)
