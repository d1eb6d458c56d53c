"""The callback `samples`: maps of a forecast beside the truth."""

__all__ = ["SampleMaps"]

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Callback, ForecastSample, Notes, TrainingView
from wxml.data.times import format_offset


class SampleMaps(Callback):
    """Draws maps of a forecast, of the truth and of their difference; needs matplotlib."""

    def __init__(
        self,
        *,
        variables: Annotated[
            list[str] | None, Field(min_length=1, description="what to draw; null: the first four")
        ] = None,
        steps: Annotated[int, Field(gt=0, description="forecast steps; the last one is drawn")] = 1,
        sample: Annotated[int, Field(ge=0, description="number of the sample in the validation period")] = 0,
        every: Annotated[int, Field(gt=0, description="validations between two looks")] = 1,
    ) -> None:
        self.variables, self.steps, self.sample, self.every = variables, steps, sample, every

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Forecast the sample.

        Raises:
            ValueError: one of `variables` is not forecast.
        """
        if len(view.validations) % self.every:
            return None
        found, places = view.forecast(self.steps, self.sample), chosen(view, self.variables)
        lead = format_offset(view.lead_time(self.steps))
        return Notes(
            arrays=_arrays(view, found, places) | {"title": np.asarray(f"after step {view.step}, {lead} ahead")}
        )

    def draw(self, arrays: Mapping[str, NDArray[np.generic]], folder: Path) -> None:
        """Draw a row of maps for each variable."""
        import matplotlib.pyplot as plt

        names, values = [str(name) for name in arrays["names"]], {key: arrays[key] for key in ("forecast", "truth")}
        rows = len(names)
        figure, axes = plt.subplots(rows, 3, figsize=(10.5, 2.3 * rows + 0.5), squeeze=False, layout="constrained")
        for row, name in enumerate(names):
            forecast, truth = (np.asarray(values[key][row], np.float64) for key in ("forecast", "truth"))
            low, high = _limits(forecast, truth)
            largest = float(np.nanmax(np.abs(forecast - truth), initial=0.0)) or 1.0
            panels = [("forecast", forecast, low, high, "viridis"), ("truth", truth, low, high, "viridis")]
            panels.append(("forecast − truth", forecast - truth, -largest, largest, "RdBu_r"))
            for axis, (title, field, least, most, colours) in zip(axes[row], panels, strict=True):
                drawn = _map(axis, arrays, field, {"vmin": least, "vmax": most, "cmap": colours})
                axis.set_title(f"{name} {title}", fontsize=9)
                axis.tick_params(labelsize=7)
                figure.colorbar(drawn, ax=axis, label=str(arrays["units"][row]), shrink=0.9)
        figure.suptitle(str(arrays["title"]))
        figure.savefig(folder / "samples.png", dpi=110)


def chosen(view: TrainingView, names: list[str] | None) -> list[int]:
    """The places of some variables; by default of the first four.

    Raises:
        ValueError: one of `names` is not forecast.
    """
    known = [variable.name for variable in view.variables]
    wanted = known[:4] if names is None else names
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"the model does not forecast {', '.join(unknown)}; it forecasts {', '.join(known)}")
    return [known.index(name) for name in wanted]


def _arrays(view: TrainingView, found: ForecastSample, places: list[int]) -> dict[str, NDArray[np.generic]]:
    return {
        "forecast": found.forecast[:, -1].mean(axis=0)[:, places].T,
        "truth": found.truth[-1][:, places].T,
        "names": np.asarray([view.variables[place].name for place in places]),
        "units": np.asarray([view.variables[place].units for place in places]),
        "latitudes": view.grid.latitudes,
        "longitudes": view.grid.longitudes,
        "shape": np.asarray(view.grid.shape),
    }


def _limits(*fields: NDArray[np.float64]) -> tuple[float, float]:
    values = np.concatenate([field[np.isfinite(field)] for field in fields])
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _map(axis: Any, arrays: Mapping[str, NDArray[np.generic]], field: NDArray[np.float64], look: dict[str, Any]) -> Any:
    """Draw one field: as cells where the nodes lie in rows and columns, else as points."""
    longitudes, latitudes = _around(np.asarray(arrays["longitudes"], np.float64)), arrays["latitudes"]
    shape = tuple(int(length) for length in arrays["shape"])
    if len(shape) == 2:
        x, y, z = (np.reshape(values, shape) for values in (longitudes, latitudes, field))
        return axis.pcolormesh(x, y, z, shading="nearest", rasterized=True, **look)
    size = max(0.3, 3e4 / len(field)) if len(field) else 1.0
    return axis.scatter(longitudes, latitudes, c=field, s=min(size, 30.0), linewidths=0, **look)


def _around(longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The longitudes of a region as numbers without a jump inside of it; those of a whole globe as they are."""
    angles = np.exp(1j * np.radians(longitudes)).mean()
    if abs(angles) < 0.1:
        return longitudes
    middle = float(np.degrees(np.angle(angles)))
    return np.asarray((longitudes - middle + 180) % 360 - 180 + middle)
