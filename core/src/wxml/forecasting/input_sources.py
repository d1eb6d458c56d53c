"""What a forecast starts from and reads: initial states, constants and forcings, each held against the training."""

__all__ = ["input_choices", "inputs_record", "watched", "with_inputs"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from wxml.config.opened_source import open_source
from wxml.config.schema import ExperimentConfig
from wxml.data.forcing_reader import ForcingReader
from wxml.data.gaps import HeldGaps
from wxml.data.source import DataSource
from wxml.data.source_fit import Sides, check_variables, in_units_of, on_grid
from wxml.data.watched import Watched
from wxml.errors import DataError, nearest
from wxml.experiment.parts import Experiment
from wxml.plugins.options.choices import PluginChoice

logger = logging.getLogger("wxml")

WITHIN: Final = 1e-3
"""Degrees by which nodes may differ from those of the training."""
Names = Sequence[str]


def with_inputs(experiment: Experiment) -> Experiment:
    """Let an experiment read what `forecast.inputs` names, and tell of values beyond the range of the training.

    Constants and forcings come from the data of the initial states unless they have sources of their own.

    Raises:
        DataError: a source lacks a variable, or has other nodes, members, units of another quantity, other levels, step
            types or periods than the training.
    """
    chosen, preprocessing = experiment.config.forecast.inputs, experiment.preprocessing
    initial = _held(watched(preprocessing.source, experiment, "the initial states"), experiment, "the initial states")
    _require(initial, experiment.roles.prognostic, "the initial states")
    changing, constant = preprocessing.read_forcings
    reader = ForcingReader(
        _source(chosen.forcings, changing, experiment, initial, "forcings"),
        _source(chosen.constants, constant, experiment, initial, "constants"),
        initial.header.members,
        chosen.missing_forcings,
    )
    _hint_at_constants(changing, experiment)
    return replace(experiment, preprocessing=replace(preprocessing, source=initial, reader=reader))


def input_choices(config: ExperimentConfig) -> list[PluginChoice]:
    """The sources that a forecast reads; that of the initial states comes first."""
    chosen = config.forecast.inputs
    return [config.data.source, *(one for one in (chosen.constants, chosen.forcings, chosen.boundary) if one)]


def inputs_record(experiment: Experiment) -> dict[str, Any]:
    """What the provenance of a forecast tells of sources beside that of the initial states."""
    reader, chosen = experiment.preprocessing.reader, experiment.config.forecast.inputs
    if reader is None:
        return {}
    own = {"forcings": (chosen.forcings, reader.changing), "constants": (chosen.constants, reader.constant)}
    record: dict[str, Any] = {name: source.provenance() for name, (choice, source) in own.items() if choice is not None}
    return record if reader.where_missing == "error" else {**record, "missing_forcings": reader.where_missing}


def _source(
    choice: PluginChoice | None, names: Names, experiment: Experiment, initial: DataSource, what: str
) -> DataSource:
    """The source of some forcings, at the nodes of the model and in the units of the training."""
    called = f"the {what}"
    if choice is None:
        _require(initial, names, called)
        return initial
    sides = Sides(
        "the training",
        "the model was trained on",
        called,
        "interpolate it: {plugin: regrid, source: {…}, to: {like: {…}}} with data on the nodes of the training",
    )
    source = open_source(choice, names, where=f"forecast.inputs.{what}")
    source = on_grid(source, experiment.preprocessing.places, sides, WITHIN)
    _require(source, names, called)
    wanted = [variable for variable in experiment.forcing_variables if variable.name in names]
    source = in_units_of(source, wanted, sides)
    for sentence in check_variables(source.header, wanted, sides):
        logger.warning("%s", sentence)
    if source.header.members not in (1, initial.header.members):
        raise DataError(
            f"{called} have {source.header.members} members, and the initial states have {initial.header.members}",
            fix=f"give a source of one member, or of as many, in `forecast.inputs.{what}`",
        )
    return _held(watched(source, experiment, called), experiment, called)


def _held(source: DataSource, experiment: Experiment, called: str) -> DataSource:
    """A source whose gaps are held against those of the training, where the checkpoint knows them."""
    if experiment.gaps is None:
        return source
    fills_all = experiment.preprocessing.missing_inputs == "impute"  # a choice of the training
    where_other = "accept" if fills_all else experiment.config.forecast.inputs.other_gaps
    places, passed = experiment.preprocessing.places, _unfilled(experiment)
    return HeldGaps(source, experiment.gaps, places, called, where_other, passed)


def _unfilled(experiment: Experiment) -> list[str]:
    """The variables for whose missing values nothing stands: a model that reads one refuses it."""
    names, preprocessing = experiment.statistics.variables, experiment.preprocessing
    nothing = np.full((len(names), len(preprocessing.places)), np.nan, np.float32)
    left = np.asarray(np.isnan(preprocessing.inputs(nothing, names)).any(axis=-1))
    return [name for name, is_left in zip(names, left, strict=True) if is_left]


def _require(source: DataSource, names: Names, called: str) -> None:
    """Raise a DataError if a source lacks one of its variables."""
    lacking = [name for name in names if name not in source.header.names]
    if lacking:
        raise DataError(
            f"the source has no variable {', '.join(map(repr, lacking))}, which the model reads among {called}",
            fix=f"{nearest(lacking[0], source.header.names)}; `rename` gives variables other names, "
            "`forecast.inputs` takes other sources, and wxml forecast CHECKPOINT --requirements says what is needed",
        )


def watched(source: DataSource, experiment: Experiment, called: str) -> DataSource:
    """A source that tells of values beyond the range of the training."""
    found = experiment.statistics
    ends = zip(found.minimum.tolist(), found.maximum.tolist(), strict=True)
    return Watched(source, dict(zip(found.variables, ends, strict=True)), called)


def _hint_at_constants(changing: Names, experiment: Experiment) -> None:
    """Say which forcings did not change in the training, and are read at every time all the same."""
    found = experiment.statistics
    still = dict(zip(found.variables, np.asarray(found.tendency_std == 0).tolist(), strict=True))
    same = [name for name in changing if still.get(name, False)]
    if same:
        logger.info(
            "%s did not change in the training and are no declared constants, so they are read at every time; name "
            "what never changes in `data.variables.constant` of the training",
            ", ".join(map(repr, same)),
        )
