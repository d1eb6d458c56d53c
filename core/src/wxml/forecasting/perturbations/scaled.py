"""Random patterns in units of the typical change of each variable."""

__all__ = ["Amplitude", "Chosen", "amplitudes"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.errors import ConfigError, Fault, nearest
from wxml.forecasting.perturbation import PerturbationSpace

Amplitude = Annotated[
    float, Field(gt=0, le=100, description="The standard deviation, in typical changes over one time step")
]
Chosen = Annotated[
    list[str] | None, Field(min_length=1, description="The prognostic variables that are perturbed; null: all")
]


def amplitudes(space: PerturbationSpace, amplitude: float, chosen: list[str] | None) -> NDArray[np.float64]:
    """The standard deviation of each variable in its units, 0 for one that is not chosen; shape `[variable]`.

    Raises:
        ConfigError: a chosen variable is not prognostic.
    """
    for name in chosen or ():
        if name not in space.names:
            fault = Fault("forecast.perturbations", f"{name!r} is no prognostic variable of the model")
            raise ConfigError([fault], fix=nearest(name, space.names))
    wanted = np.array([chosen is None or name in chosen for name in space.names])
    return np.where(wanted, amplitude * space.changes, 0.0)
