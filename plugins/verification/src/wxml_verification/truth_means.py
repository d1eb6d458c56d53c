"""What the truth of each case was, in two numbers: whether two files of scores were made against the same."""

__all__ = ["TruthMeans", "read_means", "write_means"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from wxml_verification.arrays import Array
from wxml_verification.one_pass import Case

NAME = "truth"


class TruthMeans:
    """Sums over nodes of the weight, of the truth and of its square, for each case and variable."""

    def __init__(self, cases: int, lead_times: int, variables: Sequence[str], weights: Array) -> None:
        self._weights = weights
        self.sums = {name: np.zeros((cases, lead_times, 3)) for name in variables}
        """Variable → its sums, shape `[case, lead_time, 3]`."""

    def add(self, number: int, case: Case, share: float) -> None:
        """Take the truth of the case of this number, of the variables in it, as such a share of all its truths."""
        for name, truth in case.truths.items():
            for lead, field in enumerate(truth):  # the arrays beside a case are those of one lead time
                present = np.isfinite(field)
                values = np.where(present, field, 0.0)
                found = [each @ self._weights for each in (present, values, np.square(values))]
                self.sums[name][number, lead] += share * np.array(found)


def write_means(path: Path, sums: Array) -> None:
    """Write sums of all variables, shape `[time, lead_time, variable, 3]`, into the statistics at `path`."""
    group = zarr.open_group(str(path), mode="r+", zarr_format=2).create_group(NAME)
    group.create_array("sums", shape=sums.shape, dtype=np.float64)[...] = sums


def read_means(path: Path) -> NDArray[np.float64] | None:
    """The sums of `TruthMeans`, shape `[time, lead_time, variable, 3]`; None where there are none."""
    group = zarr.open_group(str(path), mode="r", zarr_format=2)
    return np.asarray(group[f"{NAME}/sums"]) if f"{NAME}/sums" in group else None
