"""Restores the experiment and the model of a checkpoint, over the data of its training or others."""

__all__ = ["ConfigChange", "restore"]

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wxml.artefacts.chain import restored_chain
from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint
from wxml.artefacts.header import recorded_config
from wxml.artefacts.migrated import migrated
from wxml.artefacts.provenance import Provenance
from wxml.config.chosen_data import chosen_forcings, chosen_missing
from wxml.config.opened_source import open_source
from wxml.config.plugin_use import FORECAST, MODEL, pinned
from wxml.config.schema import ExperimentConfig
from wxml.config.state_filters import filtered_source
from wxml.config.task_choice import check_times, task_of
from wxml.data.forcing import MadeField, check_made, forcing_fields
from wxml.data.imputed import mask_names
from wxml.data.preprocessing import Preprocessing
from wxml.data.source import DataSource
from wxml.data.source_fit import check_variables, in_units_of, on_grid
from wxml.data.variables import Variable, VariableRoles
from wxml.errors import ArtefactError
from wxml.experiment.parts import Experiment
from wxml.plugins.comparison import require_plugins
from wxml.plugins.operations import require_same
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.environment import tell_variables
from wxml.plugins.policy import Policy

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.encode_process_decode import EncodeProcessDecode

logger = logging.getLogger("wxml")

ConfigChange = Callable[[ExperimentConfig], ExperimentConfig]
OtherSource = PluginChoice | DataSource | None


def restore(
    path: Path, *, source: OtherSource = None, change: ConfigChange | None = None
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
    checkpoint, record = _usable(path, MODEL if source else FORECAST)
    config = _changed(_config_of(checkpoint, record, str(path), replaced=bool(source)), source, change)
    roles = VariableRoles(**{role: tuple(names) for role, names in checkpoint.header["roles"].items()})
    opened = _opened(config, roles, checkpoint, source)
    made = _made(config, checkpoint, str(path))
    outputs = _variables(checkpoint, "variables")
    forcings = _variables(checkpoint, "forcings")  # version 0.1 wrote none
    opened = _in_units_of_training(opened, (*(one for one in outputs if one.name in roles.prognostic), *forcings))
    preprocessing = Preprocessing(
        opened,
        roles,
        *restored_chain(config, checkpoint),
        _constants(config, roles, checkpoint),
        made,
        checkpoint.grid,
        mask_names(config.data.variables.imputed),
        chosen_missing(config.data),
        missing_inputs=config.data.missing_inputs,
    )
    parts = checkpoint.graph, checkpoint.statistics, record, outputs
    experiment = Experiment(config, preprocessing, *parts, forcing_variables=forcings, gaps=checkpoint.gaps)
    return experiment, _fitting_model(experiment, checkpoint.weights, str(path))


def _usable(path: Path, kinds: frozenset[str]) -> tuple[Checkpoint, Provenance]:
    """Read a checkpoint and its record, migrated; raise an error unless the installed plugins of `kinds` serve it."""
    stored = load_checkpoint(path)
    if Policy.from_environment().is_operations:
        require_same(stored.header["provenance"]["plugins"], kinds, str(path))
    checkpoint = migrated(stored, str(path))
    record = Provenance.from_dict(checkpoint.header["provenance"])
    require_plugins(record.plugins, kinds, str(path))
    return checkpoint, record


def _config_of(checkpoint: Checkpoint, record: Provenance, name: str, *, replaced: bool) -> ExperimentConfig:
    """The config of a checkpoint with the plugins of its lock; the log names the variables that it reads.

    Those of its data source are not named if that is replaced.
    """
    recorded = recorded_config(checkpoint.header["config"], name).model_dump(mode="json")
    config = recorded_config(pinned(recorded, record.plugins), name)
    unread = {"data": {"source"}} if replaced else None
    tell_variables(config.model_dump(mode="json", include={"data", "model", "forecast"}, exclude=unread), name)
    return config


def _changed(config: ExperimentConfig, source: OtherSource, change: ConfigChange | None) -> ExperimentConfig:
    """The config with the other source, the changes of the command, and `forecast.inputs.initial` as its data."""
    if isinstance(source, PluginChoice):
        config = _with_source(config, source)
    config = change(config) if change else config
    initial = config.forecast.inputs.initial
    return config if initial is None or isinstance(source, DataSource) else _with_source(config, initial)


def _with_source(config: ExperimentConfig, source: PluginChoice) -> ExperimentConfig:
    return config.model_copy(update={"data": config.data.model_copy(update={"source": source})})


def _opened(config: ExperimentConfig, roles: VariableRoles, checkpoint: Checkpoint, source: OtherSource) -> DataSource:
    """Open the data, or take those that are open, through the filters of inputs and on the nodes of the checkpoint."""
    if not isinstance(source, DataSource):
        where = "forecast.inputs.initial" if config.forecast.inputs.initial else "data.source"
        source = open_source(config.data.source, _asked(config, roles, checkpoint), where=where)
    return on_grid(filtered_source(source, config.forecast.filters, config.data.timestep), checkpoint.grid)


def _asked(config: ExperimentConfig, roles: VariableRoles, checkpoint: Checkpoint) -> list[str] | None:
    """The variables that are asked for of the data; None, all of them, where filters make others of them."""
    if any(one.where == "input" for one in config.forecast.filters):
        return None
    return [name for name in roles.input + roles.diagnostic if name in checkpoint.statistics.variables]


def _made(config: ExperimentConfig, checkpoint: Checkpoint, name: str) -> dict[str, MadeField]:
    """The fields that forcing plugins make; raise an error unless they are those of the training."""
    made = forcing_fields(chosen_forcings(config.data), ())
    check_made(made, _variables(checkpoint, "made"), name)
    check_times(task_of(config.data), checkpoint.header.get("task"), name)
    return made


def _variables(checkpoint: Checkpoint, key: str) -> tuple[Variable, ...]:
    return tuple(Variable(**variable) for variable in checkpoint.header.get(key, ()))


def _in_units_of_training(source: DataSource, read: tuple[Variable, ...]) -> DataSource:
    """The source in the units of the training; what cannot be checked is told in the log."""
    converted = in_units_of(source, read)
    for sentence in check_variables(converted.header, read):
        logger.warning("%s", sentence)
    return converted


def _constants(config: ExperimentConfig, roles: VariableRoles, checkpoint: Checkpoint) -> frozenset[str]:
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


def _fitting_model(experiment: Experiment, weights: Mapping[str, "Tensor"], name: str) -> "EncodeProcessDecode":
    """Make the model that `weights` belong to; raise an ArtefactError before it takes much more memory than they do."""
    from wxml.model.limit import limited_parameters

    count = sum(tensor.numel() for tensor in weights.values())

    def refusal(parameters: int) -> RuntimeError:
        return RuntimeError(f"the model would have {parameters:,} parameters or more, the file has {count:,} weights")

    try:
        with limited_parameters(2 * count + 10_000, refusal):  # a part may replace parameters that it made
            model = experiment.new_model()
        model.load_state_dict(dict(weights))
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise ArtefactError(
            f"the weights of `{name}` do not fit the model that its config describes: {error}",
            fix=f"see what it was trained with, and how to install that:  wxml doctor --for {name}",
        ) from error
    return model
