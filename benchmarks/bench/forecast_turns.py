"""The writer of wxml by which a forecast stops after every step."""

__all__ = ["TurnWriter"]

from pathlib import Path
from typing import Any

import numpy as np
from wxml import Fields, ForecastHeader, ForecastWriter

from bench.step_turns import stop


class TurnWriter(ForecastWriter):
    """Stops the forecast after every step, and writes nothing; see `bench.step_turns`."""

    def open(self, header: ForecastHeader) -> None:
        """Count from here."""
        self._step = 0
        Path(self.target).touch()

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Stop."""
        self._step += 1
        stop(self._step)

    def close(self) -> None:
        """Nothing is open."""

    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """Nothing is written."""
        return {}
