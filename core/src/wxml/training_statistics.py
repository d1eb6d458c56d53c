"""The statistics of the training times: computed once, and kept for the next run."""

__all__ = ["TrainingStatistics"]

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from wxml.config.data_schema import DataConfig
from wxml.data.fingerprint import fingerprint_of
from wxml.data.gaps import MOST_TIMES, Gaps, find_gaps, no_gaps
from wxml.data.holes import Holes, find_holes, holes_of_counts
from wxml.data.one_pass import ValueMap
from wxml.data.source import DataSource
from wxml.data.statistics import Statistics, own_statistics, statistics_and_missing
from wxml.data.times import format_time, parse_duration
from wxml.environment.distributions import version_of
from wxml.environment.names import CORE
from wxml.errors import ArtefactError
from wxml.files.cache_bound import keep_newest
from wxml.files.folders import cache_folder
from wxml.files.kept_arrays import keep_arrays, kept_arrays, kept_name
from wxml.files.lock import locked
from wxml.plugins.lock import whole_entry
from wxml.plugins.options.environment import option_values

logger = logging.getLogger("wxml")

VERSION = 2
"""Of the formulas and of what is kept: another one, where the same values have other statistics."""
MOST_KEPT = 4096
"""So many files of statistics stay in the cache folder, of a few kilobytes each."""
HOLES, GAPS = "holes", "gaps"
Arrays = dict[str, NDArray[Any]]
ARRAYS = tuple(field.name for field in fields(Statistics))[1:]


class TrainingStatistics:
    """Computes the statistics of a source over the training times, or reads those that an earlier run has kept.

    The file is named by a hash of what the statistics are made of: the fingerprint, the options and the code of the
    source and of the transforms before, the nodes and their areas, the variables, the times and the time step; the
    file itself says the same. A source without a fingerprint has no file. Damaged files and folders that cannot be
    written give a warning, and the statistics are computed. Nothing is kept of a source that has its own moments.
    """

    def __init__(
        self,
        config: DataConfig,
        source: DataSource,
        variables: tuple[str, ...],
        times: NDArray[np.datetime64],
        plugins: Sequence[Mapping[str, Any]],
    ) -> None:
        """Compute nothing yet.

        Args:
            config: the section `data` of a config.
            source: the source of `data.source`; another one that it names (`statistics_source`) counts in its place.
            variables: names that it has.
            times: the training times, `datetime64[s]`, rising; of another source, all times count.
            plugins: the lock of the config.
        """
        self._source = source.statistics_source()
        self._times = times if self._source is source else self._source.header.times
        self._config, self._plugins, self._variables = config, plugins, variables
        self._timestep = parse_duration(config.timestep)
        self._own_times = times
        self._own_source, self._is_other = source, self._source is not source
        self._is_stored = False
        self._holes: Holes | None = None

    @property
    def origin(self) -> str:
        """What the physical ones are of, once they were asked for; the same for the first run and for later ones."""
        period = f"{format_time(self._times[0])} to {format_time(self._times[-1])}"
        whose = "other data (`statistics-of`)" if self._is_other else "the data"
        return f"{period}, {'stored with' if self._is_stored else 'computed from'} {whose}"

    def __call__(self, forward: ValueMap | None = None, transforms: int = 0) -> Statistics:
        """Return the statistics of the values that `forward` maps; None: of the physical ones.

        Args:
            forward: maps the values before they count.
            transforms: the number of the transforms of `data.transforms` that `forward` stands for, the first ones.

        Raises:
            DataError: a variable has no value at any of the times, or the data cannot be read.
        """
        own = None if forward else own_statistics(self._source, self._variables, self._times, self._timestep)
        if own is not None:
            self._is_stored = True
            return own
        if self._fingerprint is None:
            return self._computed(forward)[0]
        made_of = self._made_of(self._fingerprint, transforms)
        path = cache_folder() / kept_name("statistics", made_of)
        with locked(path.with_suffix(".lock")):
            found = self._kept(path, made_of, forward)
            if found is not None:
                with suppress(OSError):
                    path.touch()  # the longest unused go first
                return found
            computed, holes = self._computed(forward)
            if self._source.fingerprint() == self._fingerprint:  # else the data changed while they were read
                arrays = {name: getattr(computed, name) for name in ARRAYS} | {HOLES: np.packbits(holes, axis=None)}
                keep_arrays(path, arrays, made_of, "statistics")
                keep_newest(path.parent, "statistics-*.safetensors", MOST_KEPT)
            return computed

    def holes(self, times: NDArray[np.datetime64], variables: tuple[str, ...]) -> Holes:
        """The holes of the source of the training at any of its times, rising, shape `[time, variable]`.

        Those of the training times were found when the statistics were computed, if they are of that source. Others are
        read once, and kept likewise.

        Raises:
            DataError: the data cannot be read.
        """
        if self._holes is not None and not self._is_other:
            is_known = np.isin(times, self._times)
            columns = [self._variables.index(name) for name in variables]
            found = np.zeros((len(times), len(variables)), bool)
            found[is_known] = self._holes[np.searchsorted(self._times, times[is_known])][:, columns]
            if not is_known.all():
                found[~is_known] = self._holes_read(times[~is_known], variables)
            return found
        return self._holes_read(times, variables)

    def gaps(self) -> Gaps:
        """Where the source of the training has no values at the training times.

        Where other data have the statistics (`statistics-of`), some of the times alone tell which variables have gaps.

        Raises:
            DataError: the data cannot be read.
        """
        times = self._own_times
        if self._is_other:
            times = times[np.unique(np.linspace(0, len(times) - 1, MOST_TIMES).round().astype(np.intp))]
        source, holes = self._own_source, self.holes(times, self._variables)
        lacking = tuple(np.array(self._variables)[holes.any(axis=0)].tolist())
        if not lacking:
            return no_gaps(len(source.header.grid))

        def read() -> Arrays:
            return find_gaps(source, self._variables, times, holes).arrays()

        return Gaps.of_arrays(lacking, len(source.header.grid), self._kept_or_read(GAPS, times, lacking, read))

    def _holes_read(self, times: NDArray[np.datetime64], variables: tuple[str, ...]) -> Holes:
        """Find holes, or read those that an earlier run has found."""
        source = self._own_source
        if source.moments(times[:1], variables) is not None:
            return find_holes(source, variables, times)

        def read() -> Arrays:
            return {HOLES: np.packbits(find_holes(source, variables, times), axis=None)}

        return _unpacked(self._kept_or_read(HOLES, times, variables, read)[HOLES], (len(times), len(variables)))

    def _kept_or_read(
        self, what: str, times: NDArray[np.datetime64], variables: tuple[str, ...], read: Callable[[], Arrays]
    ) -> Arrays:
        """Arrays that an earlier run has kept, else those that are read."""
        source, fingerprint = self._own_source, self._own_source.fingerprint()
        if fingerprint is None:
            return read()
        made_of = self._made_of(fingerprint, 0) | {
            "what": what,
            "variables": list(variables),
            "times": _digest(times.astype("datetime64[s]").astype(np.int64)),
        }
        path = cache_folder() / kept_name(what, made_of)
        with locked(path.with_suffix(".lock")):
            if path.is_file():
                with suppress(SafetensorError, OSError, ValueError, KeyError, ArtefactError):
                    return kept_arrays(path, made_of)
            found = read()
            if source.fingerprint() == fingerprint:
                keep_arrays(path, found, made_of, what)
                keep_newest(path.parent, f"{what}-*.safetensors", MOST_KEPT)
            return found

    def _computed(self, forward: ValueMap | None) -> tuple[Statistics, Holes]:
        statistics, missing = statistics_and_missing(
            self._source, self._variables, self._times, self._timestep, forward
        )
        holes = holes_of_counts(self._source, self._variables, missing)
        if forward is None:
            self._holes = holes
        return statistics, holes

    def _kept(self, path: Path, made_of: Mapping[str, Any], forward: ValueMap | None) -> Statistics | None:
        """The statistics in a file; None if there is none, or if it is damaged or holds others."""
        if not path.is_file():
            return None
        try:
            arrays = kept_arrays(path, made_of)
            found = Statistics(self._variables, **{name: arrays[name].astype(np.float64) for name in ARRAYS})
            if forward is None:
                self._holes = _unpacked(arrays[HOLES], (len(self._times), len(self._variables)))
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            reason = error.message if isinstance(error, ArtefactError) else error
            logger.warning("cache file %s is damaged (%s); the statistics are computed again", path, reason)
            return None
        first, last = format_time(self._times[0]), format_time(self._times[-1])
        logger.info("statistics: %s to %s, computed by an earlier run (%s)", first, last, path)
        return found

    @cached_property
    def _fingerprint(self) -> str | None:
        return self._source.fingerprint()

    def _made_of(self, fingerprint: str, transforms: int) -> dict[str, Any]:
        """What the statistics are made of, as JSON values; values of options may be secrets, so only their hash is."""
        grid = self._source.header.grid
        return {
            "version": [VERSION, version_of(CORE)],
            "source": fingerprint_of(fingerprint, option_values(self._config.source.options, ("data", "source"))),
            "code": self._code({"data-source"}),
            "transforms": self._transforms(transforms),
            "grid": [grid.identity, _digest(grid.area_weights)],
            "members": self._source.header.members,
            "variables": list(self._variables),
            "times": _digest(self._times.astype("datetime64[s]").astype(np.int64)),
            "timestep": int(self._timestep.astype("timedelta64[s]").astype(np.int64)),
        }

    def _transforms(self, count: int) -> list[Any]:
        """The transforms before, with a hash of their options, and the code of all; nothing if there are none."""
        if not count:
            return []
        chosen = self._config.transforms[:count]
        options = [
            fingerprint_of(option_values(choice.options, ("data", "transforms", number)))
            for number, choice in enumerate(chosen)
        ]
        return [[choice.plugin for choice in chosen], options, self._code({"core", "transform"})]

    def _code(self, kinds: set[str]) -> list[Any]:
        """Name, version and code of the plugins of some kinds, and of the packages that these depend on."""
        entries = [whole_entry(entry) for entry in self._plugins if entry["kind"] in kinds]
        return [
            [
                entry["plugin"],
                entry["version"],
                entry["code"],
                *([part["version"], part["code"]] for part in entry["depends"]),
            ]
            for entry in entries
        ]


def _unpacked(bits: NDArray[np.uint8], shape: tuple[int, int]) -> Holes:
    """What `numpy.packbits` packed."""
    count = shape[0] * shape[1]
    if bits.dtype != np.uint8 or bits.size != -(-count // 8):
        raise ValueError(f"{bits.size} bytes of {bits.dtype} are not the holes of {shape}")
    return np.unpackbits(bits, count=count).reshape(shape).astype(bool)


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
