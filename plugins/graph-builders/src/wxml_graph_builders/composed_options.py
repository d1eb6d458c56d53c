"""The options of the GraphBuilder `composed`: which nodes there are, and how they are joined."""

__all__ = ["AttributeRule", "EdgeRule", "FeatureRule", "FinishOptions", "NodeRule"]

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from wxml import Kind, Options, PluginChoice

from wxml_graph_builders.norms import Norm


def _named_by_key(sections: object) -> object:
    """The key of an attribute names its plugin where none is written."""
    if not isinstance(sections, dict):
        return sections
    written = {key: {} if section is None else section for key, section in sections.items()}
    return {key: {"plugin": key, **each} if isinstance(each, dict) else each for key, each in written.items()}


class AttributeRule(PluginChoice):
    """An attribute of nodes: a plugin, and the norm that its values are divided by."""

    norm: Annotated[Norm, Field(description="what the values are divided by")] = "none"


class NodeRule(PluginChoice):
    """A node set: a plugin that makes the nodes, and what is known of each."""

    attributes: Annotated[
        dict[str, AttributeRule],
        BeforeValidator(_named_by_key),
        Kind("node-attribute", by_key=True),
        Field(description="name → attribute; the name is the plugin unless `plugin` says another"),
    ] = {}  # noqa: RUF012  # pydantic copies it


class FeatureRule(PluginChoice):
    """A feature of edges: a plugin, and the norm that its values are divided by."""

    norm: Annotated[Norm, Field(description="what the values are divided by")] = "none"
    per: Annotated[
        Literal["set", "target"], Field(description="one norm for all edges of the pair, or for those into each target")
    ] = "set"


DEFAULT_FEATURES = (
    FeatureRule(plugin="wxml-graph-builders:length", norm="std"),
    FeatureRule(plugin="wxml-graph-builders:direction", norm="std"),
)


class EdgeRule(PluginChoice):
    """Edges from one node set to another, by a plugin that joins them; several rules for one pair are united."""

    source: Annotated[str, Field(alias="from", description="the node set at which the edges start")]
    target: Annotated[str, Field(alias="to", description="the node set at which they end")]
    source_mask: Annotated[str | None, Field(description="edges start only at nodes with this attribute")] = None
    target_mask: Annotated[str | None, Field(description="edges end only at nodes with this attribute")] = None
    features: Annotated[
        tuple[FeatureRule, ...] | None,
        Kind("edge-feature"),
        Field(
            min_length=1,
            description="what a model reads of each edge; null: length and direction, each with `norm: std`. "
            "One rule for a pair gives them for all",
        ),
    ] = None


class FinishOptions(Options):
    """What is done with the graph in the end, in this order."""

    longest_km: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="longer edges are left out")] = (
        None
    )
    remove_self_edges: Annotated[bool, Field(description="edges from a node to itself are left out")] = False
    remove_unconnected: Annotated[
        tuple[str, ...],
        Field(description="node sets of which nodes without any edge are left out; not those of the data"),
    ] = ()
    order: Annotated[
        dict[str, Literal["space-filling", "north-to-south"]],
        Field(
            description="node set → the order that its nodes are put in: `space-filling` has near ones together; "
            "not those of the data"
        ),
    ] = {}  # noqa: RUF012  # pydantic copies it
    numbers: Annotated[
        str | None, Field(description="the attribute that keeps the numbers that the nodes of these sets had before")
    ] = None
