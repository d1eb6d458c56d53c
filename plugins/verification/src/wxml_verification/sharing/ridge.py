"""The baseline `ridge`, which workers fit together: each the laws of some nodes."""

__all__ = ["SharedRidge"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wxml_verification.ridge import Fitting, RidgeBaseline
from wxml_verification.sharing.work import Part

WEIGHTS, OFFSETS = "weights.npy", "offsets.npy"


@dataclass(frozen=True, slots=True, eq=False)
class SharedRidge:
    """The law of a variable, as `RidgeBaseline` fits it in one process: in the same blocks of nodes."""

    name: str
    baseline: RidgeBaseline
    fitting: Fitting

    def parts(self, workers: int) -> Sequence[Part]:
        """Some nodes in a row each."""
        return self.fitting.blocks()

    def do(self, part: Part, folder: Path) -> None:
        """Fit the law at some nodes."""
        weights, offsets = self.fitting.at(part)
        np.save(folder / WEIGHTS, weights)
        np.save(folder / OFFSETS, offsets)

    def put_together(self, parts: Mapping[Part, Path], folder: Path) -> None:
        """Join all nodes."""
        law = self.fitting.law
        for file, shape in ((WEIGHTS, law.weights.shape), (OFFSETS, law.offsets.shape)):
            whole = np.lib.format.open_memmap(folder / file, "w+", np.float64, shape)
            for (first, last), place in parts.items():
                whole[:, first:last] = np.load(place / file)
            whole.flush()

    def use(self, folder: Path) -> None:
        """Take the law, which stays in the file."""
        weights, offsets = (np.load(folder / file, mmap_mode="r") for file in (WEIGHTS, OFFSETS))
        law = replace(self.fitting.law, weights=weights, offsets=offsets)
        self.baseline.fitted[self.fitting.name] = self.fitting.leads, law
