"""The spelling of the names of plugins, distributions and kinds, in which they are compared."""

__all__ = ["CORE", "canonical_name", "kind_name"]

from packaging.utils import canonicalize_name

CORE = "wxml-core"
"""The distribution of this package."""


def canonical_name(name: str) -> str:
    """A name as it is compared: lower case, and runs of `-`, `_` and `.` are one dash (PEP 503).

    >>> canonical_name("Graph_Transformer")
    'graph-transformer'
    """
    return canonicalize_name(name.strip())


def kind_name(name: str) -> str:
    """The singular, dashed name of a kind, from any way of writing it.

    >>> [kind_name(name) for name in ("data_sources", "data-source", "losses", "loss")]
    ['data-source', 'data-source', 'loss', 'loss']
    """
    dashed = canonical_name(name)
    if dashed.endswith("sses"):
        return dashed[:-2]
    return dashed[:-1] if dashed.endswith("s") and not dashed.endswith("ss") else dashed
