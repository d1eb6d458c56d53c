"""The spelling of the names of plugins, distributions and kinds, in which they are compared."""

__all__ = ["CORE", "canonical_name", "kind_name", "same_plugin"]

from packaging.utils import canonicalize_name

CORE = "wxml-core"
"""The distribution of this package."""


def canonical_name(name: str) -> str:
    """A name as it is compared: lower case, and runs of `-`, `_` and `.` are one dash (PEP 503).

    >>> canonical_name("Graph_Transformer")
    'graph-transformer'
    """
    return canonicalize_name(name.strip())


def same_plugin(lower: str, upper: str) -> str:
    """Compare two names of plugins, bare or full, and return the name to keep; empty if they mean two plugins.

    A bare name and a full name mean the same plugin if their bare parts are equal. The name to keep is `upper`, unless
    `lower` is full and `upper` is bare.

    >>> same_plugin("wxml-processor-gnn:gnn", "GNN"), same_plugin("gnn", "transformer")
    ('wxml-processor-gnn:gnn', '')
    """
    (below, _, old), (above, _, new) = lower.rpartition(":"), upper.rpartition(":")
    other_distribution = below and above and canonical_name(below) != canonical_name(above)
    if other_distribution or canonical_name(old) != canonical_name(new):
        return ""
    return upper if above or not below else lower


def kind_name(name: str) -> str:
    """The singular, dashed name of a kind, from any way of writing it.

    >>> [kind_name(name) for name in ("data_sources", "data-source", "losses", "loss")]
    ['data-source', 'data-source', 'loss', 'loss']
    """
    dashed = canonical_name(name)
    if dashed.endswith("sses"):
        return dashed[:-2]
    return dashed[:-1] if dashed.endswith("s") and not dashed.endswith("ss") else dashed
