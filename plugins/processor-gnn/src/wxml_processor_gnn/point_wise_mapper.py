"""PointWiseMapper: every target node reads one source node, the nearest."""

__all__ = ["PointWiseMapper"]

import numpy as np
from torch import Tensor, nn
from wxml import EdgeSet, Mapper, MapperChannels, Route
from wxml.anemoi_names import AnemoiNames, AnemoiWeight
from wxml.data.sphere import angular_distance
from wxml_kernels.edges import EdgeIndex, gather_sources, segment_sum


class PointWiseMapper(Mapper):
    """Hands every target node what its nearest source node has, among those that an edge joins to it.

    Between two equal node sets this maps node i to node i, and nothing is ever mixed between nodes: what a model can do
    without neighbours, for ablations. The encoder embeds with one linear layer; the decoder reads its output off with a
    layer norm and a linear layer. What the target nodes bring along is not read, so features that the model learns for
    mesh nodes have no effect. A target without edges reads zeros.
    """

    def __init__(self, route: Route, channels: MapperChannels) -> None:
        super().__init__(route, channels)
        self.nearest = EdgeIndex(_nearest_edges(route))
        width, out = channels.source, channels.out
        layers = [nn.LayerNorm(width), nn.Linear(width, out)] if channels.decode else [nn.Linear(width, out)]
        self.layers = nn.Sequential(*layers)

    @property
    def source_out(self) -> int:
        """Channels of the source, which goes out as it came in."""
        return self.channels.source

    def anemoi_names(self) -> AnemoiNames:
        """The names in a PointWiseForwardMapper or a PointWiseBackwardMapper."""
        if not self.channels.decode:
            weight = AnemoiWeight(("emb_nodes_src.weight",), reads="source")
            return AnemoiNames({"layers.0.weight": weight, "layers.0.bias": AnemoiWeight(("emb_nodes_src.bias",))})
        names = [name for name, _ in self.named_parameters()]
        return AnemoiNames({name: _read_off(name.removeprefix("layers.")) for name in names})

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The source as it is, and the mapped target, shape `[batch, target_node, channels.out]`."""
        if self.channels.decode:
            return source, self._read_nearest(self.layers(source))  # there are fewer mesh nodes than grid nodes
        return source, self.layers(self._read_nearest(source))

    def _read_nearest(self, source: Tensor) -> Tensor:
        """`[batch, source_node, channel]` to `[batch, target_node, channel]`: the sum over one edge is its source."""
        return segment_sum(gather_sources(source, self.nearest), self.nearest)


def _read_off(name: str) -> AnemoiWeight:
    """Of the layer norm, 0, and of the linear layer behind it, 1, whose rows are variables."""
    return AnemoiWeight((f"node_data_extractor.{name}",), is_output=name.startswith("1."))


def _nearest_edges(route: Route) -> EdgeSet:
    """The shortest edge into each target; of equally short ones, that from the source with the lowest number."""
    edges = route.edges
    length = angular_distance(route.source.points[edges.source], route.target.points[edges.target])
    shortest_first = np.lexsort((edges.source, length, edges.target))
    kept = shortest_first[edges.pointers[:-1][np.diff(edges.pointers) > 0]]
    return EdgeSet(edges.source[kept], edges.target[kept], edges.source_count, edges.target_count, edges.features[kept])
