"""The callback `spectra`: how much variance a forecast has at each scale, beside the truth."""

__all__ = ["Spectra", "zonal_spectrum"]

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Callback, Notes, TrainingView
from wxml.data.times import format_offset

from wxml_trainer_lightning.seeing.callbacks.samples import chosen

Array = NDArray[np.float64]


class Spectra(Callback):
    """Draws the power of a forecast and of the truth by wavenumber along the rows of the grid; needs matplotlib.

    The grid must have rows and columns.
    """

    def __init__(
        self,
        *,
        variables: Annotated[
            list[str] | None, Field(min_length=1, description="what to draw; null: the first four")
        ] = None,
        steps: Annotated[int, Field(gt=0, description="forecast steps; the last one is drawn")] = 1,
        samples: Annotated[int, Field(gt=0, description="samples of the validation period to average over")] = 4,
        every: Annotated[int, Field(gt=0, description="validations between two looks")] = 1,
    ) -> None:
        self.variables, self.steps, self.samples, self.every = variables, steps, samples, every

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Forecast some samples, and add up their spectra.

        Raises:
            ValueError: one of `variables` is not forecast, or the grid has no rows and columns.
        """
        if len(view.validations) % self.every:
            return None
        if len(view.grid.shape) != 2:
            raise ValueError("spectra need a grid with rows and columns")
        places, shape = chosen(view, self.variables), (view.grid.shape[0], view.grid.shape[1])
        means: dict[str, Array] = {}
        for sample in range(self.samples):
            found = view.forecast(self.steps, sample)
            fields = {"forecast": found.forecast[0, -1], "truth": found.truth[-1]}
            for name, field in fields.items():
                spectra = [zonal_spectrum(field[:, place].reshape(shape), view.grid.is_global) for place in places]
                means[name] = means.get(name, 0.0) + np.stack(spectra) / self.samples
        lead = format_offset(view.lead_time(self.steps))
        title = np.asarray(f"after step {view.step}, {lead} ahead, mean of {self.samples} samples")
        names = np.asarray([view.variables[place].name for place in places])
        return Notes(arrays={**means, "names": names, "title": title})

    def draw(self, arrays: Mapping[str, NDArray[np.generic]], folder: Path) -> None:
        """Draw a panel for each variable."""
        import matplotlib.pyplot as plt

        names = [str(name) for name in arrays["names"]]
        figure, axes = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3), squeeze=False, layout="constrained")
        for axis, name, forecast, truth in zip(axes[0], names, arrays["forecast"], arrays["truth"], strict=True):
            waves = np.arange(1, len(truth))
            axis.loglog(waves, truth[1:], color="black", label="truth")
            axis.loglog(waves, forecast[1:], color="#c23b22", label="forecast")
            highest = float(max(truth[1:].max(), forecast[1:].max(), 1e-300))
            lowest = float(min(truth[1:].min(), forecast[1:].min()))
            axis.set(title=name, xlabel="wavenumber along a row", ylim=(max(lowest, 1e-8 * highest), 2 * highest))
        axes[0][0].set_ylabel("power")
        axes[0][0].legend(frameon=False)
        figure.suptitle(str(arrays["title"]), fontsize=10)
        figure.savefig(folder / "spectra.png", dpi=110)


def zonal_spectrum(field: NDArray[np.float32], is_global: bool) -> Array:
    """The mean over rows of the power at each wavenumber k = 0 … N/2, whose sum is the mean square of the field.

    Rows that do not go around the globe are detrended by the straight line between their ends, as of Errico 1985,
    doi:10.1175/1520-0493(1985)113<1554:SCFADO>2.0.CO;2. A missing value counts as the mean of the field.

    Args:
        field: shape `[row, column]`.
        is_global: whether rows go around the globe.
    """
    values = np.asarray(field, np.float64)
    present = np.isfinite(values)
    values = np.where(present, values, values[present].mean() if present.any() else 0.0)
    length = values.shape[1]
    if not is_global and length > 1:
        slope = (values[:, -1:] - values[:, :1]) / (length - 1)
        values = values - slope * (np.arange(length) - (length - 1) / 2)
    power = np.abs(np.fft.rfft(values, axis=1) / length) ** 2
    twice = np.full(power.shape[1], 2.0)  # each wave but the constant and the shortest one stands for its mirror, too
    twice[0] = 1.0
    if length % 2 == 0:
        twice[-1] = 1.0
    return np.asarray((power * twice).mean(axis=0))
