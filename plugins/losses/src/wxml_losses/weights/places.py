"""Values of each node, by name."""

__all__ = ["values_of_nodes"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import LossSpace
from wxml.errors import ConfigError, DataError, Fault, nearest


def values_of_nodes(space: LossSpace, name: str, option: str) -> NDArray[np.float64]:
    """Return an attribute of the graph's nodes of the data, else the first field of a variable of the data source.

    Args:
        space: the space.
        name: the name of the attribute or of the variable.
        option: the option of the plugin that holds the name.

    Returns:
        One finite number for each node, shape `[node]`.

    Raises:
        ConfigError: there is neither, or it has no single finite number for each node.
    """
    parts = [space.graph.nodes[part].attributes for part in _node_sets(space)]
    found = np.concatenate([part[name] for part in parts]) if all(name in part for part in parts) else None
    values = np.asarray(_field(space, name, option) if found is None else found, np.float64)
    if values.shape != (len(space.grid),) or not np.isfinite(values).all():
        at_fault = int((~np.isfinite(values)).sum())
        problem = f"{name!r} must have one finite number for each node, got shape {values.shape} with {at_fault} others"
        raise ConfigError([Fault(option, problem)], fix="name another attribute or variable")
    return values


def _node_sets(space: LossSpace) -> tuple[str, ...]:
    """The names of the node sets of the data, in the order of the nodes."""
    return ("grid",) if "grid" in space.graph.nodes else tuple(f"data:{part.name}" for part in space.grid.parts)


def _field(space: LossSpace, name: str, option: str) -> NDArray[Any]:
    try:
        return space.field(name)
    except DataError as error:
        known = sorted({key for part in _node_sets(space) for key in space.graph.nodes[part].attributes})
        there = nearest(name, known) if known else "the nodes of the graph have no attributes"
        problem = f"{error.message}, and the nodes of the graph have no attribute of this name; {there}"
        raise ConfigError([Fault(option, problem)], fix="write the name of an attribute or of a variable") from error
