"""Forecasts as pictures: a folder with a map of each variable, step and member."""

__all__ = ["MapsWriter"]

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Fields, ForecastHeader, ForecastWriter, Grid, Variable
from wxml.data.times import format_duration, format_time
from wxml.errors import ArtefactError, ContractError
from wxml.extras import libraries_of_extra
from wxml.files.failures import damage_errors
from wxml.files.staging import check_absent
from wxml.forecasting.layout import PROVENANCE, ForecastLayout, provenance_from_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORD = "wxml.json"
"""The file in the folder with the provenance."""
PICTURE = r"\d{4}-\d\d-\d\dT[\d-]+/[^/]+\.(png|svg)"
LIMITS = Field(
    description="The values at the ends of the colours, by variable; else those of its first map",
    examples=[{"t_850": [230, 300]}],
)
AROUND = 300.0
"""Degrees of longitude from which on a map shows the earth from 180°W to 180°E."""


class MapsWriter(ForecastWriter):
    """Draws a map of each variable, step and member: `f.maps/2020-01-01T00/t_850_24h.png`.

    The colours of a variable mean the same in all maps. They are meant to be looked at: values do not read back.
    """

    suffixes = (".maps",)
    keeps_values = False

    def __init__(
        self,
        target: str,
        *,
        picture: Annotated[Literal["png", "svg"], Field(description="The format of the maps")] = "png",
        dots: Annotated[int, Field(ge=30, le=600, description="Dots per inch; a map is 7 inches wide")] = 100,
        colours: Annotated[
            Literal["viridis", "cividis", "coolwarm", "Greys"], Field(description="A colour map of matplotlib")
        ] = "viridis",
        limits: Annotated[dict[str, tuple[float, float]], LIMITS] = {},  # noqa: B006  # pydantic copies
    ) -> None:
        super().__init__(target)
        self._picture, self._dots, self._colours = picture, dots, colours
        self._limits = dict(limits)
        self._header: ForecastHeader | None = None

    def open(self, header: ForecastHeader) -> None:
        """Make the folder, with the provenance.

        Raises:
            ArtefactError: the folder exists already, or the one that it is in does not.
            ContractError: the writer is open.
            DataError: a name cannot be that of a file, or the provenance is not JSON; or matplotlib is not installed.
            OSError: the disk refuses.
        """
        if self._header is not None:
            raise ContractError("`open` was called twice", fix="call `close` first, or use a second writer")
        with libraries_of_extra("maps", "wxml-forecast-writers", what="the forecast writer `maps`"):
            import matplotlib as mpl  # noqa: F401  # told here, not at the first step
        layout = ForecastLayout.of(header)
        check_absent(Path(self.target))
        Path(self.target).mkdir()
        record = json.dumps({PROVENANCE: layout.attributes[PROVENANCE]})
        Path(self.target, RECORD).write_text(record, encoding="utf-8")
        self._header = header

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Draw one step; a step that comes twice replaces the first.

        Raises:
            ContractError: the writer is not open.
            DataError: the header does not announce this step, or not with these variables, members and nodes.
            OSError: the disk refuses.
        """
        if self._header is None:
            raise ContractError(
                "`write` was called on a writer that is not open", fix="call `open` with a header first"
            )
        self._header.place(fields, lead_time)
        initial, members = fields.valid_time - lead_time, self._header.members
        folder = Path(self.target, format_time(initial).replace(":", "-"))
        folder.mkdir(exist_ok=True)
        for variable in self._header.variables:
            for member, values in enumerate(fields[variable.name]):
                number = f"_m{member}" if members > 1 else ""
                name = f"{variable.name}_{format_duration(lead_time)}{number}.{self._picture}"
                title = f"{variable.name}, {format_time(initial)} + {format_duration(lead_time)}{number}"
                self._drawn(variable, values, title).savefig(folder / name, dpi=self._dots)

    def _drawn(self, variable: Variable, values: NDArray[np.float32], title: str) -> "Figure":
        from matplotlib.figure import Figure

        assert self._header is not None  # noqa: S101  # `write` has looked
        figure = Figure(figsize=(7, 4))
        axes, bar = figure.add_axes((0.1, 0.13, 0.73, 0.77)), figure.add_axes((0.86, 0.13, 0.02, 0.77))
        low, high = self._limits.setdefault(variable.name, _span(values))
        shown = _shown(axes, self._header.grid, values, {"cmap": self._colours, "vmin": low, "vmax": high})
        axes.set(title=title, xlabel="longitude (°E)", ylabel="latitude (°N)")
        figure.colorbar(shown, cax=bar, label=variable.units or variable.name)
        return figure

    def close(self) -> None:
        """Let go of the folder."""
        self._header = None

    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance in the folder.

        Raises:
            ArtefactError: there is none, or it is damaged.
        """
        with damage_errors(partial(_damaged, target)):
            text = json.loads(Path(target, RECORD).read_text(encoding="utf-8"))[PROVENANCE]
        return provenance_from_text(target, text)

    @classmethod
    def foreign_files(cls, target: str) -> list[str]:
        """The files that are neither maps nor the provenance, see `ForecastWriter`."""
        return [
            name
            for name in super().foreign_files(target)
            if name != RECORD and not re.fullmatch(PICTURE, name, re.ASCII)
        ]


def _span(values: NDArray[np.float32]) -> tuple[float, float]:
    """The least and the largest value; 0 and 1 where there is none."""
    there = values[np.isfinite(values)]
    return (float(there.min()), float(there.max())) if there.size else (0.0, 1.0)


def _shown(axes: Any, grid: Grid, values: NDArray[np.float32], style: dict[str, Any]) -> Any:
    """The field in the axes: cells of a regular grid, else a dot for each node."""
    longitudes = _eastward(grid.longitudes)
    if grid.is_regular and min(grid.shape) > 1:
        rows, columns = grid.latitudes.reshape(grid.shape)[:, 0], longitudes.reshape(grid.shape)[0]
        order = np.argsort(columns, kind="stable")
        return axes.pcolormesh(columns[order], rows, values.reshape(grid.shape)[:, order], shading="nearest", **style)
    size = float(np.clip(40_000 / len(grid), 0.5, 60))
    return axes.scatter(longitudes, grid.latitudes, c=values, s=size, linewidths=0, **style)


def _eastward(longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes without a jump inside of a region; from -180 to 180 around the earth."""
    ordered = np.sort(longitudes % 360.0)
    gaps = np.diff(ordered, append=ordered[0] + 360.0)
    if gaps.max() < 360.0 - AROUND:
        return np.asarray((longitudes + 180.0) % 360.0 - 180.0)
    west = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
    start = west if west < 180.0 else west - 360.0
    return np.asarray((longitudes - start) % 360.0 + start)


def _damaged(target: str, error: Exception) -> ArtefactError:
    return ArtefactError(
        f"`{target}` has no record of its maps that can be read: {error}",
        fix="name a folder of maps that `wxml forecast` wrote",
    )
