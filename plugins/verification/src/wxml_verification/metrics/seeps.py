"""SEEPS: an error of precipitation that is as large where it rains often as where it rains seldom."""

__all__ = ["Seeps"]

import tempfile
import weakref
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from wxml import Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.data.sphere import unit_vectors
from wxml.data.units import conversion, have_same_meaning
from wxml.errors import ConfigError, DataError, Fault, nearest
from wxml.verification.metric import PastFields, mean_statistics, weighted_sums

from wxml_verification.arrays import Array
from wxml_verification.given_rain import GivenRain, has_rain
from wxml_verification.rain_climatology import RainClimatology, make_rain_climatology

DRY = {"6h": 0.25, "24h": 0.2}  # mm: accumulation → the greatest amount that is dry
LEAST, MOST = 0.10, 0.85  # shares of dry times between which a node counts
ALONE = np.radians(0.75)  # the distance at which a station counts as less near by the factor e
PLACE = ("verification", "metrics")


class Seeps(VerificationMetric):
    """Stable equitable error in probability space: mean w S of the categories of forecast and truth.

    Dry is up to 0.25 mm in 6 hours or 0.2 mm in 24; two thirds of the wet amounts of the climatology of the day of the
    year and hour are light, the others heavy. With the share p₁ of dry times, S = ½ [[0, 1/(1−p₁), 4/(1−p₁)], [1/p₁, 0,
    3/(1−p₁)], [1/p₁ + 3/(2+p₁), 3/(2+p₁), 0]] (rows: forecast dry, light, heavy; columns: truth). Always the same
    forecast has the expectation 1. Nodes with p₁ below 0.10 or above 0.85 do not count (Rodwell et al. 2010,
    doi:10.1002/qj.656). Of an ensemble it is the mean over its members. With `density` a node counts by 1 / Σ exp(−(α /
    0.75°)²) over the nodes at the distances α, in place of its area, as for stations.
    """

    has_units = False
    adds_over_nodes = True

    def __init__(
        self,
        space: VerificationSpace,
        *,
        variables: Annotated[
            list[str],
            Field(min_length=1, description="precipitation over the time, in m, mm or kg m-2", examples=[["tp"]]),
        ],
        accumulation: Annotated[Literal["6h", "24h"], Field(description="the time that the amounts are of")] = "6h",
        climatology: Annotated[
            Path | None,
            Field(
                description="a zarr store with the climatology, as of WeatherBench 2, made there if it is not there; "
                "null: that of `climatology.means`, or one that is made and kept nowhere"
            ),
        ] = None,
        window: Annotated[int, Field(ge=0, le=182, description="days on either side of a day of the climatology")] = 15,
        density: Annotated[bool, Field(description="weigh nodes by how alone they are, not by area")] = False,
    ) -> None:
        super().__init__(space)
        known = {one.name: one for one in space.variables}
        faults = [
            Fault((*PLACE, "variables"), f"{name!r} is not scored: {nearest(name, known)}")
            for name in variables
            if name not in known
        ]
        self._millimetre = {name: _millimetre(known[name].units) for name in variables if name in known}
        faults += [
            Fault((*PLACE, "variables"), f"{name!r} must be in m, mm or kg m-2, got {known[name].units!r}")
            for name, factor in self._millimetre.items()
            if factor is None
        ]
        faults += [
            Fault((*PLACE, "accumulation"), f"{name!r} is of {known[name].period}, got {accumulation!r}")
            for name in self._millimetre
            if known[name].period and not known[name].period.startswith(accumulation)
        ]
        if faults:
            raise ConfigError(faults)
        self._units = {name: known[name].units for name in variables}
        self._dry, self._window, self._path = DRY[accumulation], window, climatology
        self._density = _loneliness(space) if density else None
        self._climatologies: dict[str, RainClimatology | GivenRain] = {}

    def check(self) -> None:
        """Look whether there is a climatology, or what one is made of.

        Raises:
            DataError: there is neither, or the climatology that is there does not fit.
        """
        for name in self._units:
            if self._path is not None and self._file(name).exists():
                self._climatology(name)
            elif not self._has_given(name):
                self._past()

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The variables."""
        return tuple(Subject(name, units, (name,)) for name, units in self._units.items())

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, and Σ w S."""
        nodes = slice(fields.first_node, fields.first_node + fields.weights.shape[1])
        weights = fields.weights
        if self._density is not None:
            weights = (weights > 0) * self._density[nodes]
        return weighted_sums(self._scores(subject.name, fields, nodes)[None], weights)

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])

    def _scores(self, name: str, fields: VerifiedFields, nodes: slice) -> Array:
        """S of each node, shape `[lead_time, node]`; NaN where it does not count."""
        known = self._climatology(name)
        share = known.dry_share[nodes]
        share = np.where((share >= LEAST) & (share <= MOST), share, np.nan)
        matrix = _matrix(share)
        dry = self._dry * (self._millimetre[name] or 1.0)
        truth, members = fields.truths[name], fields.forecasts[name]
        out, places = np.empty(truth.shape), np.arange(truth.shape[1])
        for lead, after in enumerate(fields.lead_times):
            heavy = known.threshold(fields.initial_time + after)[nodes]
            column = _category(truth[lead], dry, heavy)
            scores = [matrix[_category(member[lead], dry, heavy), column, places] for member in members]
            there = np.isfinite(truth[lead]) & np.isfinite(members[:, lead].sum(axis=0)) & np.isfinite(heavy)
            out[lead] = np.where(there, np.mean(scores, axis=0), np.nan)
        return out

    def _climatology(self, name: str) -> RainClimatology | GivenRain:
        """That of a variable, made if it is not there."""
        if name not in self._climatologies:
            self._climatologies[name] = self._given(name) or self._opened(name)
        return self._climatologies[name]

    def _given(self, name: str) -> GivenRain | None:
        """That of the given climatology, unless an option names another one."""
        yearly = self.space.yearly
        if yearly is None or not self._has_given(name):
            return None
        return GivenRain(yearly, name, _length(self._units[name]))

    def _has_given(self, name: str) -> bool:
        return self._path is None and self.space.yearly is not None and has_rain(self.space.yearly, name)

    def _opened(self, name: str) -> RainClimatology:
        """That of a file, which is made of the past if it is not there."""
        path, units = self._file(name), self._units[name]
        if not path.exists():
            dry = self._dry * (self._millimetre[name] or 1.0)
            make_rain_climatology(self._past(), name, _length(units), path, dry=dry, window=self._window)
        return RainClimatology(path, name, self.space.grid, _length(units))

    def _past(self) -> PastFields:
        """What a climatology is made of."""
        if self.space.past is None:
            raise DataError(
                "`seeps` has neither past data nor a `climatology` that is there",
                fix="name past data in `verification.climatology.source`, or a `climatology` of `seeps`",
            )
        return self.space.past

    def _file(self, name: str) -> Path:
        """Where the climatology of a variable is, or will be."""
        if self._path is None:
            folder = tempfile.mkdtemp(prefix="wxml-seeps-")
            weakref.finalize(self, _removed, folder)
            return Path(folder) / "rain.zarr"
        several = len(self._units) > 1
        return self._path.with_name(f"{self._path.stem}-{name}{self._path.suffix}") if several else self._path


def _removed(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _length(units: str) -> str:
    """The same as a depth of water: 1 kg m-2 is 1 mm."""
    return "mm" if have_same_meaning(units, "kg m-2") else units


def _millimetre(units: str) -> float | None:
    """A millimetre in some units; None if these measure something else."""
    line = conversion("mm", _length(units)) if units else None
    return None if line is None or line.offset else line.scale


def _category(values: Array, dry: float, heavy: Array) -> Array:
    """0 dry, 1 light, 2 heavy, shape `[node]`."""
    return np.where(values <= dry, 0, np.where(values < heavy, 1, 2))


def _matrix(p: Array) -> Array:
    """S, shape `[3, 3, node]`."""
    zero = np.zeros_like(p)
    rows = [
        [zero, 1 / (1 - p), 4 / (1 - p)],
        [1 / p, zero, 3 / (1 - p)],
        [1 / p + 3 / (2 + p), 3 / (2 + p), zero],
    ]
    return np.asarray(0.5 * np.array(rows) + 0 * p)


def _loneliness(space: VerificationSpace) -> Array:
    """1 / Σ exp(−(α / 0.75°)²) over the nodes, itself included; beyond 4 · 0.75° nothing is left."""
    from scipy.spatial import cKDTree

    points = unit_vectors(space.grid.latitudes, space.grid.longitudes)
    tree = cKDTree(points)
    near = tree.sparse_distance_matrix(tree, 2 * np.sin(2 * ALONE), output_type="coo_matrix")
    angles = 2 * np.arcsin(near.data / 2)
    total = np.bincount(near.row, np.exp(-np.square(angles / ALONE)), minlength=len(points))
    return np.asarray(1 / total)
