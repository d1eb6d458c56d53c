"""The graph and the grid on which `wxml check-plugin` checks a plugin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wxml.data.grid import Grid
    from wxml.graphs.graph import Graph

GRID = re.compile(r"([1-9]\d*)x([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Place:
    """What the options `--graph`, `--graph-option` and `--grid` say."""

    builder: str | None
    options: Mapping[str, Any]
    grid: str | None

    def attributes(self, contract: type) -> dict[str, Any]:
        """What the class of the checks gets: the graph for a network, the grid for a graph builder.

        Raises:
            UsageError: the contract has no use for a graph or a grid.
            WxmlError: the graph cannot be built.
        """
        from wxml.testing import tiny_graph

        for_network, for_builder = hasattr(contract, "graphs"), hasattr(contract, "grids")
        if self.builder is None and self.options:
            raise click.UsageError("--graph-option is an option of a graph builder: name one with --graph")
        self.refuse_unless(for_network or (for_builder and self.builder is None))
        grid = self._grid()
        if self.builder is not None:
            graphs = {f"graph of {self.builder}": self._graph(self.builder, grid)}
            return {"graphs": lambda _: graphs}
        if grid is None:
            return {}
        if for_builder:
            return {"grids": lambda _: {f"grid {self.grid}": grid}}
        return {"graphs": lambda _: {f"tiny graph for {self.grid}": tiny_graph(grid)}}

    def refuse_unless(self, useful: bool) -> None:
        """Fail if a graph or a grid is given although it is of no use."""
        if (self.builder is not None or self.grid is not None) and not useful:
            raise click.UsageError("--graph is for processors and mappers, --grid for these and for graph builders")

    def _grid(self) -> "Grid | None":
        from wxml.testing import tiny_grid

        if self.grid is None:
            return None
        sides = GRID.fullmatch(self.grid)
        if sides is None:
            raise click.UsageError(f"--grid must be LATITUDESxLONGITUDES, such as 32x64, got {self.grid!r}")
        return tiny_grid(int(sides[1]), int(sides[2]))

    def _graph(self, builder: str, grid: "Grid | None") -> "Graph":
        from wxml.errors import ConfigError
        from wxml.testing.built_graph import built_graph

        try:
            return built_graph(builder, self.options, grid)
        except ConfigError as error:
            fix = f"say it with --graph-option KEY=VALUE; all options: wxml show-plugin graph-builder {builder}"
            raise ConfigError(error.faults, fix=fix) from error
