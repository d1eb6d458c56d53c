"""Train a model: from a config to a checkpoint."""

__all__ = ["train"]

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wxml.config.load import load_config
from wxml.errors import ArtefactError, WxmlError
from wxml.experiment import assemble
from wxml.files.lock import locked
from wxml.files.staging import staged
from wxml.files.yaml_loader import yaml_text
from wxml.plugins.create import create
from wxml.plugins.hooks import hooks
from wxml.training.memory_limit import fitted
from wxml.training.trainer import Trainer

logger = logging.getLogger("wxml")


def train(experiment: Path | None, overrides: Sequence[str], run_dir: Path, *, resume: bool = False) -> Path:
    """Assemble the experiment, fit the weights, and return the path of the checkpoint.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: `key=value` changes to it, in Hydra's grammar.
        run_dir: a new or empty folder for everything that the run writes, or the folder of the run to resume.
        resume: go on from the last state in `run_dir`.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    if run_dir.exists() and not run_dir.is_dir():
        raise ArtefactError(f"`{run_dir}` is a file, not a folder", fix="choose another --run-dir")
    is_begun = run_dir.is_dir() and any(run_dir.iterdir())
    if is_begun and not resume:
        raise ArtefactError(
            f"`{run_dir}` holds a run already", fix="pass --resume to go on, or choose another --run-dir"
        )
    if resume and not is_begun:
        raise ArtefactError(f"`{run_dir}` holds no run to resume", fix="leave --resume out to start one")
    loaded = load_config(experiment, overrides)
    hooks().call("wxml_config_resolved", config=loaded.config.model_dump(mode="json"))
    choice = loaded.config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    assembled = fitted(assemble(loaded), trainer)
    with locked(run_dir / ".lock", seconds=0), _run_folder(run_dir, keep=resume):
        with staged(run_dir / "config.yaml", overwrite=True) as temporary:  # for people: the config as it was used
            temporary.write_text(yaml_text(assembled.config.model_dump(mode="json")) + "\n")
        hooks().call("wxml_run_started", run_dir=run_dir)
        checkpoint = trainer.fit(assembled, run_dir, resume=resume)
    hooks().call("wxml_run_finished", run_dir=run_dir, checkpoint=checkpoint)
    return checkpoint


@contextmanager
def _run_folder(run_dir: Path, *, keep: bool) -> Iterator[None]:
    """Make the folder of a run; delete it again if the run fails before it has written a state to resume from.

    A folder that was there before with something in it is always kept: it may hold more than the run.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except (WxmlError, OSError):
        if not keep and not any(run_dir.glob("*.safetensors")):
            shutil.rmtree(run_dir)
        raise
