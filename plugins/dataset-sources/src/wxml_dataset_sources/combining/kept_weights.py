"""Weights between two grids, kept on disk between runs."""

__all__ = ["kept_partial_weights", "kept_weights"]

from typing import TYPE_CHECKING

from wxml import Grid

from wxml_dataset_sources.combining.kept_matrix import kept_matrix
from wxml_dataset_sources.combining.weights import Method, interpolation_weights, partial_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_array

VERSION = 4  # rises when the same grids get other weights


def kept_weights(source: Grid, target: Grid, method: Method, neighbours: int = 1) -> "csr_array":
    """The weights of `interpolation_weights`: from the cache, or made now and kept there."""
    how = f"{method}-{neighbours}" if method == "inverse-distance" else method
    name = f"regrid-{how}-{_between(source, target, method)}"
    return kept_matrix(
        name, (len(target), len(source)), lambda: interpolation_weights(source, target, method, neighbours)
    )


def kept_partial_weights(source: Grid, target: Grid, method: Method) -> "csr_array":
    """The weights of `partial_weights`: from the cache, or made now and kept there."""
    name = f"regrid-partial-{method}-{_between(source, target, method)}"
    return kept_matrix(name, (len(target), len(source)), lambda: partial_weights(source, target, method))


def _between(source: Grid, target: Grid, method: Method) -> str:
    """What tells the grids, and the version of what is made, apart."""
    kind = "boxes" if source.is_regular else "nodes"  # the same places may be a list of nodes
    between = "-".join(_identity(grid, method) for grid in (source, target))
    return f"{kind}-{between}-{VERSION}"


def _identity(grid: Grid, method: Method) -> str:
    """What tells the weights of a grid apart: its nodes, and its cells where they count and are stated."""
    has_cells = method == "conservative" and grid.bounds is not None
    return f"{grid.identity}.{grid.bounds.identity}" if has_cells and grid.bounds else grid.identity
