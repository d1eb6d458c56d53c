"""The callback `weights-histogram`."""

__all__ = ["WeightsHistogram"]

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Callback, Notes, TrainingView

BINS = 100


class WeightsHistogram(Callback):
    """Draws how the weights of each part of the model are distributed; needs matplotlib."""

    def __init__(self, *, every: Annotated[int, Field(gt=0, description="validations between two looks")] = 1) -> None:
        self.every = every

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Count the weights of each part."""
        if len(view.validations) % self.every:
            return None
        parts: dict[str, list[NDArray[np.float32]]] = {}
        for name, weight in view.weights().items():
            parts.setdefault(name.partition(".")[0], []).append(weight.ravel())
        arrays: dict[str, NDArray[np.generic]] = {"step": np.asarray(view.step)}
        for part, each in parts.items():
            counts, edges = np.histogram(np.concatenate(each), BINS)
            arrays |= {f"counts/{part}": counts, f"edges/{part}": edges}
        return Notes(arrays=arrays)

    def draw(self, arrays: Mapping[str, NDArray[np.generic]], folder: Path) -> None:
        """Draw a panel for each part."""
        import matplotlib.pyplot as plt

        parts = [name.removeprefix("counts/") for name in arrays if name.startswith("counts/")]
        figure, axes = plt.subplots(1, len(parts), figsize=(3.4 * len(parts), 2.8), squeeze=False, layout="constrained")
        for axis, part in zip(axes[0], parts, strict=True):
            axis.stairs(arrays[f"counts/{part}"], arrays[f"edges/{part}"], fill=True, color="#3b6ea5")
            axis.set(title=part, yscale="log", xlabel="weight")
        axes[0][0].set_ylabel("number")
        figure.suptitle(f"weights after step {int(arrays['step'])}")
        figure.savefig(folder / "weights-histogram.png", dpi=110)
