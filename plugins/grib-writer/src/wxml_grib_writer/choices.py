"""What a user chooses for the messages."""

__all__ = ["Choices", "Packing"]

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

TYPES = {"ccsds": "grid_ccsds", "simple": "grid_simple", "jpeg": "grid_jpeg", "ieee": "grid_ieee"}


@dataclass(frozen=True, slots=True)
class Packing:
    """How values become bits."""

    kind: str
    bits: int
    precision: Mapping[str, float]
    """The largest error by the name of the variable, in the units of the message."""

    @property
    def type(self) -> str:
        """What ecCodes calls it."""
        return TYPES[self.kind]

    def keys(self, name: str, span: float) -> dict[str, int]:
        """The keys for values of a variable that lie within `span`; the error of n bits is `span` / 2^(n+1)."""
        if self.kind == "ieee":
            return {"precision": 1}
        wanted, bits = self.precision.get(name), self.bits
        if wanted is not None:
            bits = min(ceil(log2(max(span / wanted, 1.0))) + 1, 32)
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
