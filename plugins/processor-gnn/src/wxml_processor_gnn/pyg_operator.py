"""Find an operator of `torch_geometric.nn` by its class name, make it, and list the inputs that it reads.

The signatures of the constructor and of the forward pass tell their arguments, which are passed by name. A few
operators need networks of their own or a value that a config cannot write (`_given`). A name is looked up among the
convolutions of that one module and is never an import path.
"""

__all__ = ["Place", "Value", "make_operator", "operators", "what_it_reads"]

import inspect
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor, nn
from wxml import ConfigError
from wxml.errors import Fault, nearest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it scripts some of its pooling, of which nothing is used here
    from torch_geometric import nn as geometric

Value = bool | int | float | str

READABLE = ("x", "x_0", "edge_index", "edge_attr", "edge_weight", "pos", "normal", "edge_type", "node_type")
"""The inputs that an operator may read, by the names of torch_geometric: node states now and before the first layer;
edges, their features and weights; places of nodes and the direction up from there; the kind of each edge and node, of
which there is one."""
UNFIT = {
    "DNAConv": "it reads the states after all layers before it",
    "MFConv": "it has weights for every number of neighbours, most of which no node of a mesh uses",
    "MeshCNNConv": "it works on the edges of triangles",
    "PANConv": "it pools nodes",
    "RGATConv": "it has weights that it does not use",
    "SplineConv": "it takes no edge features but those between 0 and 1",
    "SuperGATConv": "it draws random edges for a loss of its own",
}
"""Operators that ask for more than their signatures say."""
REFUSED = ("cached", "node_dim", "flow")
"""Arguments that are wrong here: `cached`, for example, keeps the edges of the first batch for batches of any size."""
DEFAULTS: dict[str, dict[str, Value]] = {"ARMAConv": {"num_layers": 2}, "GENConv": {"norm": "layer"}}
"""In place of the operator's own: with one layer ARMA has weights that it does not use, and a batch norm lets the items
of a batch depend on one another."""


class Place(NamedTuple):
    """The widths and the mesh that an operator is made for."""

    channels: int
    edge_channels: int
    in_degrees: Tensor
    """The number of nodes with 0, 1, 2, … edges into them."""


@cache
def operators() -> tuple[str, ...]:
    """The names of all operators that read nothing but node states, edges, their features and places."""
    found = []
    for name in geometric.conv.__all__:
        made: Any = getattr(geometric, name)
        passes_messages = inspect.isclass(made) and issubclass(made, geometric.MessagePassing)
        if passes_messages and name not in UNFIT:
            parameters = _named(made.forward)
            if {"x", "edge_index"} <= parameters.keys() and _required(parameters) <= {*READABLE}:
                found.append(name)
    return tuple(sorted(found))


def what_it_reads(operator: nn.Module) -> list[str]:
    """The names in `READABLE` that the forward pass has as parameters."""
    parameters = inspect.signature(operator.forward).parameters
    weights_itself = type(operator).__name__ == "FAConv"
    return [name for name in READABLE if name in parameters and not (weights_itself and name == "edge_weight")]


def make_operator(name: str, place: Place, arguments: Mapping[str, Value]) -> nn.Module:
    """A fresh operator from `channels` to `channels`.

    Args:
        name: the name of a class in `torch_geometric.nn`, such as `GATv2Conv`.
        place: the widths and the mesh that it is made for.
        arguments: arguments of its constructor, beyond those that follow from `place`.

    Raises:
        ConfigError: there is no such operator, or it cannot take the arguments.
    """
    if name not in operators():
        problem = f"`operator` must be the name of a convolution in torch_geometric.nn, got {name!r}"
        if name in geometric.conv.__all__:
            reason = UNFIT.get(name, "it reads more than node states and edge features")
            problem = f"{name!r} cannot be a processor: {reason}"
        raise ConfigError([Fault("operator", problem)], fix=nearest(name, operators()))
    made: Any = getattr(geometric, name)
    given = _given(name, place)
    faults = list(_faults(name, given, arguments))
    if faults:
        raise ConfigError(faults, fix=f"see {name} in the documentation of torch_geometric")
    chosen = {**DEFAULTS.get(name, {}), **arguments}
    if "concat" in inspect.signature(made).parameters:
        side_by_side = chosen.get("concat", True)  # otherwise the operator takes the mean of its heads
        heads: Any = chosen.get("heads", 1)
        given["out_channels"] = _share(place.channels, heads, "heads") if side_by_side else place.channels
    try:
        operator: nn.Module = made(**given, **chosen)
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        fault = Fault("arguments", f"{name} cannot be made with {dict(chosen)}: {error}")
        raise ConfigError([fault], fix=f"see {name} in the documentation of torch_geometric") from error
    return operator


# Signatures


def _named(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters that have a name of their own, but for `self`."""
    found = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {one.name: one for one in found if one.kind not in kinds and one.name != "self"}


def _required(parameters: Mapping[str, inspect.Parameter]) -> set[str]:
    """The names of the parameters that have no default."""
    return {name for name, one in parameters.items() if one.default is one.empty}


# Arguments that follow from the place


def _given(name: str, place: Place) -> dict[str, Any]:
    """The arguments that follow from the place: common ones that the constructor has, and those of this operator."""
    channels, edges = place.channels, place.edge_channels
    common = {
        **dict.fromkeys(("in_channels", "out_channels", "channels"), channels),
        **dict.fromkeys(("edge_dim", "in_edge_channels"), edges),
        **dict.fromkeys(("num_relations", "num_node_types", "num_edge_types"), 1),
    }
    parameters = _named(getattr(geometric, name).__init__)
    given: dict[str, Any] = {key: value for key, value in common.items() if key in parameters}
    match name:
        case "CGConv" | "GMMConv":
            given |= {"dim": edges}
        case "EdgeConv":
            given |= {"nn": _network(2 * channels, channels)}
        case "FAConv":
            given |= {"normalize": True}
        case "GINConv" | "GINEConv":
            given |= {"nn": _network(channels, channels)}
        case "MixHopConv":
            given |= {"powers": [0, 1, 2, 3], "out_channels": _share(channels, 4, "powers")}
        case "NNConv":
            given |= {"nn": nn.Linear(edges, channels * channels)}
        case "PNAConv":
            scalers = ["identity", "amplification", "attenuation"]
            given |= {"aggregators": ["mean", "min", "max", "std"], "scalers": scalers, "deg": place.in_degrees}
        case "PointGNNConv":
            shift, message, update = (
                _network(channels, 3),
                _network(channels + 3, channels),
                _network(channels, channels),
            )
            given |= {"mlp_h": shift, "mlp_f": message, "mlp_g": update}
        case "PointNetConv":
            given |= {"local_nn": _network(channels + 3, channels)}
        case "PPFConv":
            given |= {"local_nn": _network(channels + 4, channels)}
    return given


def _network(inputs: int, outputs: int) -> nn.Module:
    """The inner network of an operator: two linear layers with a SiLU between them."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.SiLU(), nn.Linear(outputs, outputs))


def _share(channels: int, parts: int, what: str) -> int:
    """The channels of each part; a ConfigError if `parts` (heads or powers, as `what` says) does not divide them."""
    if parts < 1 or channels % parts:
        fault = Fault("arguments", f"the model's {channels} channels cannot be shared by {parts} {what}")
        multiple = f"make `model.channels` a multiple of {parts}"
        raise ConfigError([fault], fix="change `heads` or `model.channels`" if what == "heads" else multiple)
    return channels // parts


# Arguments from the config


def _faults(name: str, given: Mapping[str, Any], arguments: Mapping[str, Value]) -> Iterator[Fault]:
    """The faults of the user's arguments: missing, unknown, or of the wrong type."""
    made: Any = getattr(geometric, name)
    parameters = _named(made.__init__)
    if len(parameters) + 1 < len(inspect.signature(made.__init__).parameters):  # it passes keywords to its base class
        aggr = inspect.Parameter("aggr", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str)
        parameters.setdefault("aggr", aggr)
    parameters = {key: one for key, one in parameters.items() if key not in (*given, *REFUSED)}
    missing = sorted(_required(parameters) - arguments.keys())
    if missing:
        yield Fault("arguments", f"{name} needs {', '.join(f'`{one}`' for one in missing)}")
    for key, value in arguments.items():
        if key not in parameters:
            yield Fault(f"arguments.{key}", f"{name} has no argument {key!r} to choose: {nearest(key, parameters)}")
        elif problem := _problem(parameters[key].annotation, value):
            yield Fault(f"arguments.{key}", f"`{key}` of {name} cannot be {value!r}: {problem}")


def _problem(annotation: Any, value: Value) -> str:
    """The reason why `value` does not fit the declared type of an argument; empty if it fits or no type is declared."""
    if annotation is inspect.Parameter.empty:
        return ""
    try:
        TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""
