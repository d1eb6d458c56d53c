"""What is measured: sizes, families and parts of models, the same for wxml and for the peer. Standard library only."""

__all__ = [
    "CASES",
    "FAMILIES",
    "INPUT_STEPS",
    "PARTS",
    "PASSES",
    "SIZES",
    "SMOKE",
    "TRAINABLE",
    "WINDOW",
    "Case",
    "Size",
]

from dataclasses import dataclass

PASSES = ("forward", "forward + backward")
INPUT_STEPS, TRAINABLE, WINDOW = 2, 8, 512
"""Input times of a whole model; learned features of each node and each edge; nodes either side of a window."""


@dataclass(frozen=True)
class Size:
    """How large a workload is."""

    grid: int
    """Number of the octahedral grid: o96 has 40 320 points."""
    refinement: int
    """Of the icosahedral mesh: 10 · 4ʳ + 2 nodes."""
    channels: int
    layers: int
    heads: int
    variables: int
    """All prognostic."""

    @property
    def graph(self) -> str:
        """Names the graph, such as `o96-5`."""
        return f"o{self.grid}-{self.refinement}"


SMOKE = "smoke"
"""The size that shows that all runs, and with which every process warms up."""
SIZES = {
    SMOKE: Size(8, 2, 32, 2, 4, 3),
    "tiny4": Size(32, 4, 64, 4, 16, 20),
    "medium": Size(96, 5, 128, 4, 16, 60),
    "large": Size(96, 6, 128, 1, 16, 60),
}
FAMILIES = ("gnn", "graph-transformer", "transformer")
PARTS = ("processor", "mapper", "model")


@dataclass(frozen=True)
class Case:
    """One row of the table: a part of a model of a family at a size."""

    size: str
    family: str
    part: str
    """`processor`; `mapper`, the encoder; or `model`, all of it."""

    @property
    def name(self) -> str:
        """Such as `medium gnn processor`."""
        return f"{self.size} {self.family} {self.part}"

    @property
    def shape(self) -> Size:
        """The numbers behind the size."""
        return SIZES[self.size]


def _cases() -> list[Case]:
    """Every part of every family in two sizes; the published transformer's mappers are graph transformers."""
    rows = [(family, part) for family in FAMILIES for part in PARTS if (family, part) != ("transformer", "mapper")]
    every = [Case(size, family, part) for size in (SMOKE, "tiny4", "medium") for family, part in rows]
    return [*every, Case("large", "transformer", "processor")]


CASES = _cases()
