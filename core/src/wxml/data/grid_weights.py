"""SparseWeights: what brings values from the nodes of one grid to those of another."""

__all__ = ["SparseWeights"]

from typing import Any, Protocol

from numpy.typing import NDArray


class SparseWeights(Protocol):
    """A sparse matrix `[target node, source node]`, such as scipy's; a row without entries has no value."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of nodes of the target, and of the source."""

    @property
    def indices(self) -> NDArray[Any]:
        """The node of the source of each entry, as in the format CSR."""

    @property
    def indptr(self) -> NDArray[Any]:
        """Where the entries of each node of the target begin, and behind them where they end, as in the format CSR."""

    def __getitem__(self, key: Any, /) -> Any:
        """Some rows and columns, such as `weights[:, columns]`."""

    def __matmul__(self, other: NDArray[Any], /) -> Any:
        """The values `[target node, any]` of those `[source node, any]`."""
