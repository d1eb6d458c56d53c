"""Verification in other processes: the same task is made again there, of the same data."""

__all__ = ["Origin", "check_takes_workers"]

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wxml.data.source import DataSource
from wxml.errors import ConfigError, DataError, Fault
from wxml.plugins.options.choices import PluginChoice
from wxml.verification.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a command runs, and what it reads there."""

    folder: str
    """From there relative paths begin."""
    said: str
    """What the truth says of itself there."""

    @classmethod
    def of(cls, truth: DataSource) -> Self:
        """That of this process."""
        return cls(str(Path.cwd()), _said(truth))

    def check(self, truth: DataSource) -> None:
        """Raise a DataError if this process runs in another folder and finds another truth."""
        if str(Path.cwd()) != self.folder and _said(truth) != self.said:
            raise DataError(
                f"a worker in `{Path.cwd()}` reads another truth than the command in `{self.folder}`",
                fix="start the workers in the folder of the command, or write absolute paths",
            )


def check_takes_workers(verifier: Verifier, choice: PluginChoice, scheduler: str | None) -> None:
    """Raise a ConfigError if cases are to be scored on a cluster, and the verifier cannot."""
    if scheduler is not None and not verifier.takes_workers:
        raise ConfigError(
            [Fault(("verification", "plugin"), f"{choice.plugin!r} scores in one process")],
            fix="leave --scheduler out",
        )


def _said(source: DataSource) -> str:
    return json.dumps(source.provenance(), sort_keys=True, default=str)
