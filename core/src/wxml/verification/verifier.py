"""Verifier: scores a file of forecasts against the truth."""

__all__ = ["Better", "ScoreNames", "Scores", "VerificationTask", "VerificationWorkers", "Verifier"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.data.forecast_series import ForecastSeries
from wxml.data.source import DataSource
from wxml.data.task import Task
from wxml.errors import DataError, nearest

Better = Literal["smaller", "larger", "nearer to zero", "nearer to one", "neither"]
"""The direction in which a score is better: `smaller` for an error, `larger` for a correlation, `nearer to zero` for a
bias, `nearer to one` for a ratio; `neither` for a number that tells nothing of better or worse."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreNames:
    """The names that scores have, which are known before the first case is read."""

    metrics: tuple[str, ...]
    """See `Scores`, like all that follow."""
    forecasts: tuple[str, ...]
    variables: tuple[str, ...]
    lead_times: NDArray[np.timedelta64]
    subsets: tuple[str, ...] = ()
    """Regions, grids and groups of cases."""


def _anything(names: ScoreNames) -> None:
    """Refuse no names."""


@dataclass(frozen=True, slots=True, eq=False)
class VerificationTask:
    """The forecast to verify, the truth, and the folder for the results."""

    forecast: Path
    """A file that a ForecastWriter wrote, or the name of `series`."""
    truth: DataSource
    """The source of the verifying values and of the persistence baseline."""
    climatology_times: NDArray[np.datetime64]
    """The times of the truth in the period of the training, from which the climatology is made; `datetime64[s]`."""
    directory: Path
    """An empty folder for what the verifier writes; core moves it to its place afterwards."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """JSON values, stored as JSON text in the attribute `wxml_provenance` of `scores.nc`."""
    task: Task | None = None
    """What the model was for, and with it the baseline that is made of known states; None: forecasts."""
    training: Callable[[], tuple[DataSource, NDArray[np.datetime64]]] | None = None
    """Opens the data of the training, and gives its times with them; None: `truth` is these data. It raises a WxmlError
    where they cannot be opened."""
    series: ForecastSeries | None = None
    """The forecast, by the names of the truth, where it is no file of wxml's; None: `forecast` is to be opened."""
    check: Callable[[ScoreNames], None] = _anything
    """A verifier calls it before the first case with the names that its scores will have; it raises a DataError if one
    that the user asks for is not among them."""
    workers: "VerificationWorkers | None" = None
    """Who scores the cases; None: this process. Only a verifier that `takes_workers` gets some."""


@dataclass(frozen=True, slots=True)
class VerificationWorkers:
    """A cluster of dask whose workers score the cases."""

    scheduler: str
    """The address of its scheduler, like `tcp://host:8786`."""
    again: Callable[[], VerificationTask]
    """Makes the task anew in the process of a worker, to which it can be sent; its `directory` is not to be used. It
    raises a WxmlError where the worker cannot read the same data."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of a forecast and of its baselines."""

    metrics: tuple[str, ...]
    """The names of the metrics, such as `rmse`, `bias`, `mae`, `acc`."""
    forecasts: tuple[str, ...]
    """`forecast` first, then the baselines, such as `persistence` and `climatology`."""
    variables: tuple[str, ...]
    """The variables, and what else has scores of its own, such as a pair of components of the wind."""
    lead_times: NDArray[np.timedelta64]
    values: NDArray[np.float64]
    """Shape `[metric, forecast, variable, lead_time]`; NaN where a score does not exist."""
    units: tuple[str, ...]
    """The units of each variable."""
    cases: int
    """The number of initial times that were verified."""
    better: tuple[Better, ...]
    """The direction of each metric."""
    parts: tuple[str, ...] = ()
    """The names of the grids whose nodes the forecast has, each of which is scored alone, too; empty for one grid."""
    part_values: NDArray[np.float64] | None = None
    """Shape `[part, metric, forecast, variable, lead_time]`; None without `parts`."""
    notes: tuple[str, ...] = ()
    """Sentences on what is missing, and how to get it, for the reader of a table."""
    further: Mapping[str, "Scores"] = field(default_factory=dict)
    """The scores against further truths, by their names."""
    subsets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Region, grid or group of cases, such as `europe` or `DJF` → the scores there, in the shape of `values`."""

    def __post_init__(self) -> None:
        shape = (len(self.metrics), len(self.forecasts), len(self.variables), len(self.lead_times))
        if self.values.shape != shape:
            raise DataError(
                f"`values` of scores must have shape {shape}, got {self.values.shape}",
                fix="give one value for each metric, forecast, variable and lead time, in this order",
            )
        if len(self.better) != len(self.metrics):
            raise DataError(
                f"`better` of scores must have {len(self.metrics)} entries, got {len(self.better)}",
                fix="write the direction of each of `metrics`",
            )
        found = None if self.part_values is None else self.part_values.shape
        if found != (len(self.parts), *shape) and (self.parts or found is not None):
            raise DataError(
                f"`part_values` of scores must have shape {(len(self.parts), *shape)}, got {found}",
                fix="give the scores of each of `parts`, in the order of `values`",
            )

    @property
    def names(self) -> ScoreNames:
        """What there are scores of."""
        return ScoreNames(self.metrics, self.forecasts, self.variables, self.lead_times, tuple(self.subsets))

    def get(self, metric: str, forecast: str, variable: str) -> NDArray[np.float64]:
        """One curve: the score at every lead time."""
        where = self.metrics.index(metric), self.forecasts.index(forecast), self.variables.index(variable)
        return np.asarray(self.values[where])

    def has(self, metric: str, variable: str) -> bool:
        """Whether a metric has any number of a variable, or is as empty as all others of it are."""
        own = self.values[:, :, self.variables.index(variable)]
        known = [bool(np.isfinite(values).any()) for values in own]
        return known[self.metrics.index(metric)] or not any(known)

    def of_part(self, name: str) -> "Scores":
        """The scores on the nodes of one of the `parts`, of the variables that are scored there.

        Raises:
            DataError: there is no such part.
        """
        if self.part_values is None or name not in self.parts:
            raise DataError(f"the scores have no part {name!r}", fix=nearest(name, self.parts))
        values = self.part_values[self.parts.index(name)]
        there = np.flatnonzero(np.isfinite(values).any(axis=(0, 1, 3)))
        return replace(
            self,
            variables=tuple(self.variables[number] for number in there),
            units=tuple(self.units[number] for number in there),
            values=values[:, :, there],
            parts=(),
            part_values=None,
            subsets={},
        )


class Verifier(ABC):
    """Scores a file of forecasts. All options are keyword-only."""

    metrics: ClassVar[Mapping[str, Better]] = {}
    """The metrics of the scores in their order, and the direction of each; the first one is shown if none is asked."""
    takes_workers: ClassVar[bool] = False
    """Whether it can have cases scored by the workers of a cluster."""

    @property
    def known_metrics(self) -> Mapping[str, Better]:
        """The metrics that scores may have: `metrics`, unless options choose them.

        Those that need members may be left out of the scores of a forecast without any.
        """
        return self.metrics

    @abstractmethod
    def verify(self, task: VerificationTask) -> Scores:
        """Score the forecasts and write `scores.nc` and `report.html` into `task.directory`.

        Raises:
            DataError: the forecast file cannot be read, or the truth lacks what it needs.
        """

    def score_names(self, task: VerificationTask) -> ScoreNames | None:
        """The names with which `verify` calls `task.check`, without a score being made or a file being written.

        Of several forecasts each is looked at before the first one is scored.

        Args:
            task: as for `verify`; its `directory` is not to be used.

        Returns:
            The names; None from a verifier that knows them only while it scores.

        Raises:
            DataError: see `verify`.
        """
        return None

    def compare(self, folders: Sequence[Path], directory: Path, *, overwrite: bool = False) -> str:
        """Compare the forecast behind the first folder that `verify` wrote with those behind the others.

        Args:
            folders: two or more, whose names stand for the forecasts.
            directory: a new folder for what is found.
            overwrite: replace `directory` if it holds a comparison and nothing else.

        Returns:
            The result for a terminal; nothing from a verifier that compares no forecasts.

        Raises:
            WxmlError: they cannot be compared, such as with different truths.
        """
        return ""
