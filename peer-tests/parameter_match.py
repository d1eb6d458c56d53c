"""Tensors of the peer by our names: weights, or gradients with respect to them."""

__all__ = ["compare", "matched_parts", "names_of", "names_of_model"]

from collections.abc import Mapping

import torch
from agreement import LIMITS, Agreement, Matched, Side, Tensors, agreement, stir
from torch import Tensor, nn
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import EdgeFeatures
from wxml.model.mapper import Mapper
from wxml.model.processor import Processor
from wxml_anemoi.graph import AnemoiEdges
from wxml_anemoi.names import PARTS, AnemoiNames, WeightNames
from wxml_anemoi.tables import GnnNames, GraphTransformerNames, PointWiseNames, TransformerNames

TABLES: dict[str, WeightNames] = {
    "Gnn": GnnNames(),
    "GraphTransformer": GraphTransformerNames(),
    "PointWise": PointWiseNames(),
    "Transformer": TransformerNames(),
}
"""The table of each family, by the first letters of its class names."""


def names_of(part: Mapper | Processor) -> AnemoiNames:
    """The names of the weights of a processor or a mapper."""
    names = next(table for start, table in TABLES.items() if type(part).__name__.startswith(start)).of_part(part)
    assert names is not None
    return names


def names_of_model(model: EncodeProcessDecode) -> dict[str, AnemoiNames]:
    """The names of the weights of each part."""
    return {part: names_of(getattr(model, part)) for part in PARTS}


def matched_parts(part: Mapper | Processor, edges: AnemoiEdges) -> Matched:
    """The matching of a mapper or a processor alone; its inputs are the same on both sides."""
    names = names_of(part)

    def matched(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {
            ours: torch.cat([theirs[f"part.{name}"] for name in weight.names]) for ours, weight in names.weights.items()
        }
        for name, module in part.named_modules():
            if isinstance(module, EdgeFeatures) and module.trainable is not None:
                found[f"{name}.trainable"] = theirs["edges.trainable.trainable"][torch.from_numpy(edges.rows)]
        return found

    return matched


def compare(ours: Side, theirs: nn.Module, inputs: Tensors, matched: Matched) -> dict[torch.dtype, Agreement]:
    """Stirs the peer's weights, gives them to ours, and measures in each precision."""
    stir(theirs)
    with torch.no_grad():
        weights = matched(dict(theirs.named_parameters(remove_duplicate=False)))
        for name, parameter in ours[0].named_parameters():
            parameter.copy_(weights[name])
    return {dtype: agreement(ours, (theirs, theirs), inputs, matched, dtype) for dtype in LIMITS}
