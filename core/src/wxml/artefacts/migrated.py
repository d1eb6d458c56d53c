"""Brings a checkpoint, or the config behind a forecast, to the installed versions of its plugins."""

__all__ = ["accepted", "migrate_file", "migrated", "recorded_today"]

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from wxml.artefacts.header import recorded_config
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.replacement import check_target
from wxml.config.migrated import MigratedPlugin, migrate_config
from wxml.config.plugin_use import FORECAST, pinned, used_plugins
from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, leaves, tree_of
from wxml.files.yaml_loader import path_text
from wxml.plugins.hooks import hooks
from wxml.plugins.lock import in_order, lock

logger = logging.getLogger("wxml")


def migrated(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Apply the migrations of its plugins to a checkpoint; without any, it is returned as it is.

    What is returned was made from the checkpoint: its record has the migrations, and the old record as its parent.

    Args:
        checkpoint: the checkpoint, as it was read.
        name: the name of its file in messages.

    Raises:
        ArtefactError: its config is wrong.
        BrokenPluginError: migrations cannot be used, or one of them fails.
        UnknownPluginError: they lead to a plugin that is not installed.
    """
    record = Provenance.from_dict(checkpoint.header["provenance"])
    config = _config(checkpoint.header["config"], name)
    done = migrate_config(config, record.plugins, checkpoint.weights)
    if done.values == config:
        return checkpoint
    _tell(done.applied, name)
    new = replace(
        record,
        config=done.values,
        origins=_origins(record.origins, config, done.values, done.applied),
        plugins=done.entries,
        migrations=[one for plugin in done.applied for one in plugin.record()],
        parents=[record.to_dict()],
        wxml_core=version("wxml-core"),
    )
    header = {**checkpoint.header, "config": done.values, "provenance": new.to_dict()}
    return replace(checkpoint, header=header, weights=done.weights)


def accepted(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Return a checkpoint, migrated where its plugins say so, whose lock has what is installed; its parent the old one.

    The packages that only its training needed stay as they were recorded.

    Raises:
        ArtefactError, BrokenPluginError, UnknownPluginError: as `migrated`.
    """
    old = Provenance.from_dict(checkpoint.header["provenance"])
    new = migrated(checkpoint, name)
    record = Provenance.from_dict(new.header["provenance"])
    config = recorded_config(pinned(record.config, record.plugins), name)
    kept = [entry for entry in record.plugins if entry.get("kind") not in FORECAST]
    plugins = in_order([*kept, *lock(used_plugins(config, FORECAST))])
    record = replace(record, plugins=plugins, parents=[old.to_dict()], wxml_core=version("wxml-core"))
    return replace(new, header={**new.header, "provenance": record.to_dict()})


def migrate_file(source: Path, target: Path, *, overwrite: bool = False, accept: bool = False) -> bool:
    """Write a checkpoint as the installed versions of its plugins have it, with new checksums.

    The keys of the config have today's names, too.

    Args:
        source: the checkpoint; it may be `target` if `overwrite` is set, since all of it is read first.
        target: the file to write.
        overwrite: replace `target` if it is a checkpoint that wxml wrote.
        accept: write the installed packages into the lock, also without migrations.

    Returns:
        Whether there was something to change.

    Raises:
        ArtefactError: `source` cannot be read, or `target` exists and may not be replaced.
        BrokenPluginError, UnknownPluginError: as `migrated`.
    """
    check_target(target, "checkpoint", (), overwrite=overwrite)
    old = load_checkpoint(source)
    new = accepted(old, str(source)) if accept else migrated(old, str(source))
    save_checkpoint(target, new, overwrite=overwrite)
    hooks().call("wxml_checkpoint_saved", path=target)
    return new is not old


def recorded_today(record: Provenance, name: str) -> ExperimentConfig:
    """Return the config that an artefact was made with, with the names and options of the installed plugins.

    Raises:
        ArtefactError, BrokenPluginError, UnknownPluginError: as `migrated`.
    """
    maker = record if record.config or not record.parents else Provenance.from_dict(record.parents[0])
    done = migrate_config(_config(maker.config, name), maker.plugins)
    _tell(done.applied, name)
    return recorded_config(done.values, name)


def _config(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return recorded_config(values, name).model_dump(mode="json")


def _tell(applied: Sequence[MigratedPlugin], name: str) -> None:
    for plugin in applied:
        _tell_once(f"`{name}` is migrated: {plugin.sentence}")


@cache
def _tell_once(sentence: str) -> None:
    """Log a sentence, unless this process has: a forecast with changes reads the config of its checkpoint twice."""
    logger.info("%s", sentence)


def _origins(
    old: Mapping[str, str], before: Mapping[str, Any], after: Mapping[str, Any], applied: Sequence[MigratedPlugin]
) -> dict[str, str]:
    """The origins of a migrated config: what a migration has changed or added comes from it, all else from before."""
    known = {path_text(path): leaf.plain() for path, leaf in leaves(tree_of(before, DEFAULT))}
    origins: dict[str, str] = {}
    for path, leaf in leaves(tree_of(after, DEFAULT)):
        text = path_text(path)
        if text in known and known[text] == leaf.plain():
            origins |= {text: old[text]} if text in old else {}
            continue
        by = next((one.chain for one in reversed(applied) if path[: len(one.path)] == one.path), None)
        origins[text] = f"migration to {by.distribution} {by.steps[-1].version}" if by else str(DEFAULT)
    return origins
