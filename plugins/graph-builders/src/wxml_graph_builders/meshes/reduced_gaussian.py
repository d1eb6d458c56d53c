"""The MeshBuilder `reduced-gaussian`: rows of Gaussian latitudes with fewer nodes towards the poles."""

__all__ = ["ReducedGaussian"]

import json
import re
from importlib.resources import files
from typing import Annotated

from pydantic import Field
from wxml import Grid, NodeSet
from wxml.errors import DataError, nearest

from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes

NAME = re.compile(r"([on])([1-9][0-9]{0,3})", re.IGNORECASE)


class ReducedGaussian(MeshBuilder):
    """A reduced Gaussian grid by its name, or by the number of nodes in each row from north to south.

    It says no levels; `nearest` and `radius` join it.
    """

    def __init__(
        self,
        *,
        grid: Annotated[
            str | None, Field(description="`o96` and the like (octahedral, any number), or `n320` and the like")
        ] = None,
        rows: Annotated[
            list[Annotated[int, Field(ge=1, le=100_000)]] | None,
            Field(min_length=2, max_length=8192, description="nodes in each row, in place of `grid`"),
        ] = None,
    ) -> None:
        if (grid is None) == (rows is None):
            raise DataError(
                f"a reduced Gaussian mesh needs one of `grid` and `rows`, got {'both' if grid else 'neither'}",
                fix="give one of them, such as `grid: o96`",
            )
        self.rows: list[int] = _rows(grid) if grid is not None else rows or []

    def _build(self, context: BuildContext) -> MeshNodes:
        return MeshNodes(NodeSet.of_grid(Grid.reduced_gaussian(self.rows)))


def _rows(name: str) -> list[int]:
    """The nodes in each row from north to south."""
    match = NAME.fullmatch(name)
    known = json.loads(files("wxml_graph_builders").joinpath("meshes/row_lengths.json").read_text(encoding="utf-8"))
    if match and match[1] in "oO":
        half = [20 + 4 * row for row in range(int(match[2]))]
    elif match and match[2] in known:
        half = known[match[2]]
    else:
        names = [f"n{number}" for number in known]
        raise DataError(
            f"`grid` must be an octahedral grid such as `o96`, or a reduced one, got {name!r}: {nearest(name, names)}",
            fix="give one of these, or its `rows`",
        )
    return [*half, *half[::-1]]
