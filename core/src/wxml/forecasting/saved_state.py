"""The state of forecasts in the midst of their steps: a file beside them, from which `--resume` goes on."""

__all__ = ["Moment", "SavedState", "StateFile", "read_state"]

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time, parse_time
from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, has_checksums, sealed, unsealed
from wxml.files.leftovers import state_path, unfinished_path
from wxml.files.staging import remove

logger = logging.getLogger("wxml")

KEY = "wxml_forecast_state"
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, slots=True)
class Moment:
    """Initial times that are under way together, and the lead time that all of them have reached."""

    times: tuple[np.datetime64, ...]
    lead_time: np.timedelta64

    @property
    def record(self) -> list[Any]:
        """It as JSON values."""
        return [[format_time(time) for time in self.times], int(self.lead_time / SECOND)]

    @classmethod
    def of(cls, record: Any) -> Self:
        """That of a record; raise a ValueError or TypeError if it is none."""
        times, seconds = record
        return cls(tuple(parse_time(time) for time in times), np.timedelta64(seconds, "s"))


@dataclass(frozen=True, slots=True, eq=False)
class SavedState:
    """All that the next step of some forecasts needs and that cannot be read or drawn again."""

    moment: Moment
    calls: int
    """So often the model was called."""
    steps: int
    """So many steps are made."""
    arrays: Mapping[str, NDArray[Any]]
    """`states`, what the next call of the model gets, and what filters remember."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file with the latest state of the forecasts of one command."""

    path: Path
    fingerprint: str
    """Of everything that the forecasts are made of: a state of others is not used."""

    @classmethod
    def beside(cls, target: Path, settings: Sequence[object]) -> Self:
        """That of a command.

        Args:
            target: its first output.
            settings: those of all outputs, see `settings_of`.
        """
        text = json.dumps(list(settings), sort_keys=True)
        return cls(state_path(target), hashlib.sha256(text.encode()).hexdigest())

    def write(self, state: SavedState) -> None:
        """Replace what is there; a disk that refuses is told in the log, and ends no forecast."""
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        arrays = {name: np.asarray(array, order="C") for name, array in state.arrays.items()}
        header = {"fingerprint": self.fingerprint, "moment": state.moment.record}
        text = sealed({**header, "calls": state.calls, "steps": state.steps}, arrays)
        try:
            save_file(arrays, self._partial, {KEY: text})
            self._partial.replace(self.path)
        except (OSError, SafetensorError) as error:
            logger.warning("the state of the forecast could not be saved in `%s`: %s", self.path, error)

    def remove_unless_needed(self, targets: Sequence[Path]) -> None:
        """Remove the file if no forecast is there to be gone on with."""
        if not any(unfinished_path(target).exists() for target in targets):
            for path in (self.path, self._partial):
                with suppress(OSError):  # --clean removes it
                    remove(path)

    @property
    def _partial(self) -> Path:
        return self.path.with_name(self.path.stem + ".partial" + self.path.suffix)


def read_state(file: StateFile) -> SavedState | None:
    """The state in a file; None of no file, and, with a warning, of one that is damaged or of other forecasts."""
    from safetensors import SafetensorError

    if not file.path.is_file():
        return None
    try:
        return _read(file)
    except (SafetensorError, ArtefactError, OSError, KeyError, TypeError, ValueError) as error:
        why = error.message if isinstance(error, ArtefactError) else str(error)
        logger.warning("`%s` is not used, and steps are made again: %s", file.path, why)
        return None


def _read(file: StateFile) -> SavedState:
    from safetensors import safe_open

    with safe_open(file.path, framework="np") as opened:
        header = unsealed((opened.metadata() or {})[KEY], str(file.path))
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # no mapping
    if not has_checksums(header):
        raise ValueError("it has no checksums")
    check_tensors(header, arrays, str(file.path))
    if header["fingerprint"] != file.fingerprint:
        raise ValueError("it belongs to another model, or to other settings")
    return SavedState(Moment.of(header["moment"]), int(header["calls"]), int(header["steps"]), arrays)
