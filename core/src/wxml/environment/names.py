"""How the names of plugins, distributions and kinds are written and compared."""

__all__ = ["CORE", "fold", "kind_name"]

import re

CORE = "wxml-core"
"""The distribution of this package."""


def fold(name: str) -> str:
    """A name as it is compared: lower case, and `-`, `_` and `.` are the same (PEP 503).

    >>> fold("Graph_Transformer")
    'graph-transformer'
    """
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def kind_name(name: str) -> str:
    """The singular, dashed name of a kind, from any way of writing it.

    >>> [kind_name(name) for name in ("data_sources", "data-source", "losses", "loss")]
    ['data-source', 'data-source', 'loss', 'loss']
    """
    folded = fold(name)
    if folded.endswith("sses"):
        return folded[:-2]
    return folded[:-1] if folded.endswith("s") and not folded.endswith("ss") else folded
