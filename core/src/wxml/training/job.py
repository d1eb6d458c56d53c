"""Train a model: from a config to a checkpoint."""

__all__ = ["train"]

import logging
import shutil
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from wxml.config.load import load_config
from wxml.environment.launch import launch, silenced
from wxml.errors import ArtefactError, WxmlError
from wxml.experiment.assembling import assemble
from wxml.files.lock import locked
from wxml.files.staging import is_leftover, staged
from wxml.files.yaml_loader import yaml_text
from wxml.masking import masked_values
from wxml.plugins.create import create
from wxml.plugins.hooks import hooks
from wxml.training.memory_limit import fitted
from wxml.training.trainer import Trainer

logger = logging.getLogger("wxml")
TURN = 2.0
"""Seconds; most errors are those of all processes, and after rank 0 has told one its launcher ends the others."""


def train(experiment: Path | None, overrides: Sequence[str], run_dir: Path, *, resume: bool = False) -> Path:
    """Assemble the experiment, fit the weights, and return the path of the checkpoint.

    Of the processes that a launcher has started (`wxml.environment.launch`), rank 0 alone locks the folder, writes, and
    calls the hooks; the others train with it.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: `key=value` changes to it, in Hydra's grammar.
        run_dir: a new or empty folder for everything that the run writes, or the folder of the run to resume.
        resume: go on from the last state in `run_dir`; if it holds none yet, begin.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    started = launch()
    if started is not None and started.rank:
        return _train_beside(experiment, overrides, run_dir, resume=resume)
    with _run_folder(run_dir, resume=resume):
        loaded = load_config(experiment, overrides)
        hooks().call("wxml_config_resolved", config=loaded.config.model_dump(mode="json"))
        choice = loaded.config.training
        trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
        assembled = fitted(assemble(loaded), trainer)
        with staged(run_dir / "config.yaml", overwrite=True) as temporary:  # for people: the config as it was used
            temporary.write_text(yaml_text(masked_values(assembled.config.model_dump(mode="json"))) + "\n")
        hooks().call("wxml_run_started", run_dir=run_dir)
        checkpoint = trainer.fit(assembled, run_dir, resume=resume)
    hooks().call("wxml_run_finished", run_dir=run_dir, checkpoint=checkpoint)
    return checkpoint


def _train_beside(experiment: Path | None, overrides: Sequence[str], run_dir: Path, *, resume: bool) -> Path:
    """Train as one of several processes that is not the first."""
    try:
        with silenced():
            loaded = load_config(experiment, overrides)
            choice = loaded.config.training
            trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
            return trainer.fit(fitted(assemble(loaded), trainer), run_dir, resume=resume)
    except WxmlError:
        time.sleep(TURN)
        raise


@contextmanager
def _run_folder(run_dir: Path, *, resume: bool) -> Iterator[None]:
    """Lock the folder of a run, and make it if need be.

    If a new run fails before it has written a state to resume from, remove what it made: the folder, too, unless it was
    there before.
    """
    _check_folder(run_dir, resume=resume)
    is_new = not run_dir.exists()
    try:
        with locked(run_dir / ".lock", seconds=0):
            run_dir.mkdir(parents=True, exist_ok=True)  # where there are no locks
            before = {path.name for path in run_dir.iterdir()}
            is_begun = not all(map(is_leftover, before))
            if is_begun and not resume:
                raise ArtefactError(
                    f"`{run_dir}` holds a run already", fix="pass --resume to go on, or choose another --run-dir"
                )
            with _cleared(run_dir, before) if not is_begun else nullcontext():
                yield
    finally:
        if is_new:
            with suppress(OSError):  # something is in it
                run_dir.rmdir()


def _check_folder(run_dir: Path, *, resume: bool) -> None:
    if run_dir.exists() and not run_dir.is_dir():
        raise ArtefactError(f"`{run_dir}` is a file, not a folder", fix="choose another --run-dir")
    if resume and not run_dir.exists():
        raise ArtefactError(f"`{run_dir}` holds no run to resume", fix="leave --resume out to start one")


@contextmanager
def _cleared(run_dir: Path, before: Set[str]) -> Iterator[None]:
    """After an error without a state to resume from, remove what is in the folder and not named in `before`."""
    try:
        yield
    except (WxmlError, OSError):
        has_state = any(run_dir.glob("*.safetensors"))
        made = [path for path in run_dir.iterdir() if path.name not in before]
        for path in [] if has_state else made:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        raise
