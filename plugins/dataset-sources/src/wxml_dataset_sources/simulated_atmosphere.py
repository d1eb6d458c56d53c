"""A simulated atmosphere: weather for demonstrations and tests, without files or a network."""

__all__ = ["SimulatedAtmosphere"]

import hashlib
import itertools
import json
import logging
from importlib import resources
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Grid, SourceHeader, Variable
from wxml.data.times import format_time, parse_time
from wxml.errors import DataError
from wxml.files.folders import cache_folder
from wxml.files.lock import locked

from wxml_dataset_sources.simulation import field_cache
from wxml_dataset_sources.simulation.atmosphere import FIELDS, OUTPUT_INTERVAL, Atmosphere
from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.surface import Surface

LOG = logging.getLogger("wxml")

UNITS = {"u": "m s-1", "v": "m s-1", "z": "m2 s-2", "t": "K", "q": "kg kg-1", "tp": "mm", "orog": "m", "lsm": "1"}
LOWEST_TRUNCATION, HIGHEST_TRUNCATION = 5, 106
Fields = NDArray[np.float32]


class SimulatedAtmosphere(DataSource):
    """Six-hourly weather on a Gaussian grid from a barotropic model with temperature and humidity.

    `u`, `v`, `z`, `t`, `q` are instantaneous; `tp` is the rain of the six hours before; `orog` and `lsm` do not change.
    The next state depends on the state, the ground, the time of day and the season alone. The first read integrates the
    model and keeps the fields in the folder `$WXML_CACHE`, else in the cache folder that platformdirs names for wxml
    (on Linux `~/.cache/wxml`); later reads and runs take them from there.
    """

    def __init__(
        self,
        *,
        truncation: Annotated[
            int, Field(ge=LOWEST_TRUNCATION, le=HIGHEST_TRUNCATION, description="highest wavenumber; 21: 32 × 64 nodes")
        ] = 21,
        start: Annotated[str, Field(description="first time")] = "2000-01-01",
        end: Annotated[str, Field(description="last time; a date without an hour is the whole day")] = "2001-12-31",
        seed: Annotated[int, Field(ge=0, description="draws continents, mountains and the first state")] = 0,
        spin_up_days: Annotated[int, Field(ge=0, description="simulated before `start` and thrown away")] = 60,
    ) -> None:
        if not LOWEST_TRUNCATION <= truncation <= HIGHEST_TRUNCATION:
            raise DataError(
                f"`truncation` must be from {LOWEST_TRUNCATION} to {HIGHEST_TRUNCATION}, got {truncation}", fix="try 21"
            )
        for name, value in (("seed", seed), ("spin_up_days", spin_up_days)):
            if value < 0:
                raise DataError(f"`{name}` must not be negative, got {value}", fix="choose 0 or more")
        self._options: dict[str, Any] = {
            "truncation": truncation,
            "start": str(start),
            "end": str(end),
            "seed": seed,
            "spin_up_days": spin_up_days,
        }
        harmonics = SphericalHarmonics(truncation)
        self._surface = Surface.from_seed(harmonics, seed)
        self._fields: Fields | None = None
        self.header = SourceHeader(
            grid=Grid.regular(harmonics.latitudes, harmonics.longitudes),
            variables=tuple(Variable(name, units=units) for name, units in UNITS.items()),
            times=_times(start, end),
        )

    def provenance(self) -> dict[str, Any]:
        """The options, and a hash of them and of the code of the simulation."""
        return {"options": dict(self._options), "content_hash": self._content_hash()}

    def fingerprint(self) -> str:
        """A hash of the options and of the code of the simulation."""
        return self._content_hash()

    def _read(self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: Fields) -> None:
        fields = self._all_fields()
        static = (self._surface.orography, self._surface.land)
        for position, variable in enumerate(variable_indices):
            if variable < len(FIELDS):
                out[:, 0, position] = fields[time_indices, variable]
            else:
                out[:, 0, position] = static[variable - len(FIELDS)].ravel()

    def _all_fields(self) -> Fields:
        """All `FIELDS` at all times, `[time, field, node]`: from memory, from the cache, or simulated now.

        If several processes need the same fields, one simulates them and the others wait.
        """
        if self._fields is None:
            path = cache_folder() / f"simulated-atmosphere-{self._content_hash()}.npy"
            shape = (len(self.header.times), len(FIELDS), len(self.header.grid))
            with locked(path.with_suffix(".lock")):
                self._fields = field_cache.load(path, shape)
                if self._fields is None:
                    self._fields = self._simulate(shape)
                    field_cache.store(path, self._fields)
        return self._fields

    def _simulate(self, shape: tuple[int, ...]) -> Fields:
        """Integrate the model from `spin_up_days` before the first time, and return the fields."""
        seed, spin_up = self._options["seed"], 86400 * self._options["spin_up_days"]
        begin = float(self.header.times[0].astype(np.int64)) - spin_up
        atmosphere = Atmosphere(SphericalHarmonics(self._options["truncation"]), self._surface)
        run = atmosphere.integrate(atmosphere.initial_state(seed, begin), begin)
        fields = np.empty(shape, np.float32)
        first = spin_up // OUTPUT_INTERVAL
        for index, (_, values) in enumerate(itertools.islice(run, first, first + len(fields))):
            fields[index] = values.reshape(shape[1:])
            done, total = index + 1, len(fields)
            if 10 * done // total > 10 * index // total:  # another tenth is complete
                LOG.info("simulated atmosphere: %d of %d times (%d %%)", done, total, 100 * done // total)
        return fields

    def _content_hash(self) -> str:
        """A hash of the options and of the code of the simulation; it is part of the name of the cache file."""
        digest = hashlib.sha256(json.dumps(self._options, sort_keys=True).encode())
        for file in sorted(resources.files("wxml_dataset_sources.simulation").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
        return digest.hexdigest()[:16]

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the fields; a data-loader worker maps them from the cache."""
        return {**self.__dict__, "_fields": None}


def _times(start: str, end: str) -> NDArray[np.datetime64]:
    """Times every six hours from `start` to `end`, both included; an `end` without an hour means its whole day."""
    first, last = parse_time(start), parse_time(end)
    if "T" not in str(end) and " " not in str(end):
        last += np.timedelta64(86399, "s")
    if last < first:
        raise DataError(
            f"`end` must not be before `start`, got {format_time(last)} before {format_time(first)}",
            fix="swap the two",
        )
    return np.arange(first, last + np.timedelta64(1, "s"), np.timedelta64(OUTPUT_INTERVAL, "s"))
