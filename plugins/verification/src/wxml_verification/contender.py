"""A contender: one forecast of a file of statistics, whose scores are compared with those of others."""

__all__ = ["Contender", "contenders_of", "names_of", "opened"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml import PluginChoice, VerificationMetric, VerificationSpace
from wxml.errors import DataError
from wxml.verification.metric_choice import made_metrics

from wxml_verification.arrays import Array
from wxml_verification.statistics_file import StatisticsFile
from wxml_verification.stored_space import read_space
from wxml_verification.truth_means import read_means

STATISTICS = "statistics.zarr"


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A forecast with statistics of its cases."""

    name: str
    file: StatisticsFile
    place: int
    """Its place among the forecasts of the file."""
    metrics: Mapping[str, VerificationMetric]
    space: VerificationSpace
    truths: Array | None = None
    """Sums of `TruthMeans`; None where they are not known."""

    def statistics(self, metric: str, subject: str) -> Array | None:
        """Shape `[statistic, time, lead_time, region]`; None where it has none, as a baseline has of members."""
        if metric not in self.metrics or not self.file.has(metric):
            return None
        if subject not in {one.name for one in self.file.header.subjects[metric]}:
            return None
        found = self.file.statistics(metric, subject)
        return found[:, :, :, self.place] if self.place < found.shape[3] else None


def contenders_of(
    file: StatisticsFile, metrics: Mapping[str, VerificationMetric], space: VerificationSpace
) -> list[Contender]:
    """The forecast of a file, then its baselines."""
    return [Contender(name, file, place, metrics, space) for place, name in enumerate(file.header.forecasts)]


def opened(path: Path, name: str) -> Contender:
    """The forecast behind the statistics at `path`: them, or a folder of scores that holds them.

    Raises:
        DataError: there are no statistics.
        WxmlError: a metric of theirs is not installed.
    """
    place = path if path.name == STATISTICS else path / STATISTICS
    if not place.is_dir():
        raise DataError(
            f"`{path}` is no folder of scores with `{STATISTICS}` in it",
            fix="name folders that `wxml verify` wrote; it compares forecasts, too: wxml verify A.zarr B.zarr",
        )
    file = StatisticsFile.open(place)
    space = read_space(place, file.header)
    choices = [PluginChoice(plugin=one["plugin"], **one["options"]) for one in file.header.choices.values()]
    metrics = dict(zip(file.header.choices, made_metrics(choices, space).values(), strict=True))
    return Contender(name, file, 0, metrics, space, read_means(place))


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each path: the last part of it, or more parts where these are the same."""
    whole = [path.resolve() for path in paths]
    for count in range(1, max(len(path.parts) for path in whole) + 1):
        names = ["/".join(path.parts[-count:]) for path in whole]
        if len(set(names)) == len(names):
            break
    return names
