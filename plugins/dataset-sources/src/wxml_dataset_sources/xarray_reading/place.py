"""The option `place`: where a series is whose file does not say it."""

__all__ = ["Place"]

from typing import Annotated

from pydantic import Field
from wxml import Options


class Place(Options):
    """Where the only node is, in degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=360)]
