"""Which variables each of several grids has."""

__all__ = ["grid_variables"]

from wxml.data.preprocessing import Preprocessing
from wxml.errors import DataError
from wxml.graphs.data_nodes import data_nodes
from wxml.graphs.graph import GRID, Graph
from wxml.model.several_grids import GridVariables


def grid_variables(graph: Graph, preprocessing: Preprocessing, marks: int = 0) -> dict[str, GridVariables]:
    """Return the nodes and the variables of each data node set of `graph`, by its name, in the order of the nodes.

    Args:
        graph: the data nodes.
        preprocessing: the variables of all.
        marks: the number of further numbers that a task has the model read; they come behind the forcings.

    Raises:
        DataError: a node set of several grids lacks a variable on some of them; or a grid has no variable that is
            forecast, and none that is read from the data.
    """
    roles, masks = preprocessing.roles, preprocessing.masks
    given, _ = preprocessing.origins(preprocessing.variables)
    found = {}
    for part in data_nodes(graph, preprocessing.places):
        lacks = {*part.lacks, *(mask for mask, name in masks.items() if name in part.lacks)}
        lacking = [name for name in preprocessing.variables if name in lacks]
        if part.name == GRID and lacking:
            raise DataError(
                f"some of the grids lack {lacking[0]!r}, and the graph has one node set `{GRID}` for all of them",
                fix="choose a graph with a node set for each grid, such as `graph: {plugin: icosahedral}`, or leave "
                "the variable out of `data.variables`",
            )
        prognostic, forcing, output = (
            tuple(place for place, name in enumerate(names) if name not in lacks)
            for names in (roles.prognostic, roles.forcing, roles.output)
        )
        forcing += tuple(len(roles.forcing) + mark for mark in range(marks))
        read = {*given, *masks} & {*roles.prognostic, *roles.forcing} - lacks
        if not read and not output:
            wanted = ", ".join(name for name in preprocessing.variables if name in given)
            raise DataError(
                f"the grid of `{part.name}` has none of the variables {wanted}, so that nothing is read there and "
                "nothing forecast",
                fix="give it one, or leave the grid out of the source",
            )
        found[part.name] = GridVariables(
            part.nodes, prognostic, forcing, output, is_read=bool(read) or part.name == GRID
        )
    return found
