"""What a user chooses for the messages."""

__all__ = ["Choices", "Packing"]

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

from wxml.errors import ConfigError, DataError, Fault

TYPES = {"ccsds": "grid_ccsds", "simple": "grid_simple", "jpeg": "grid_jpeg", "ieee": "grid_ieee"}
MOST_BITS = 32
MOST_BITS_OF_JPEG = 24
"""With 28 bits OpenJPEG gives other values back, and with 32 it ends the process."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How values become bits."""

    kind: str
    bits: int
    precision: Mapping[str, float]
    """The largest error by the name of the variable, in the units of the message."""

    def __post_init__(self) -> None:
        if self.kind == "jpeg" and self.bits > MOST_BITS_OF_JPEG:
            problem = f"jpeg packs values into at most {MOST_BITS_OF_JPEG} bits, got {self.bits}"
            raise ConfigError([Fault("bits", problem)], fix="write fewer bits, or another packing, such as ccsds")

    @property
    def type(self) -> str:
        """What ecCodes calls it."""
        return TYPES[self.kind]

    def keys(self, name: str, span: float) -> dict[str, int]:
        """The keys for values of a variable that lie within `span`; the error of n bits is `span` / 2^(n+1).

        Raises:
            DataError: the precision takes more bits than jpeg has.
        """
        if self.kind == "ieee":
            return {"precision": 1}
        wanted, bits = self.precision.get(name), self.bits
        if wanted is not None:
            bits = min(ceil(log2(max(span / wanted, 1.0))) + 1, MOST_BITS)
        if self.kind == "jpeg" and bits > MOST_BITS_OF_JPEG:
            raise DataError(
                f"`{name}` takes {bits} bits for its precision of {wanted:g}, and jpeg has {MOST_BITS_OF_JPEG}",
                fix="choose another packing, such as ccsds, or a larger error as its precision",
            )
        return {"bitsPerValue": bits}


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of the writer."""

    packing: Packing
    parameters: Mapping[str, str]
    periods: Mapping[str, str]
    grid: Mapping[str, int | float | str]
    identity: Mapping[str, int | float | str]
    """The keys of the centre and of its model."""
