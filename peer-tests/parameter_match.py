"""Tensors of the peer by our names: weights, or gradients with respect to them."""

__all__ = ["compare", "matched_parts"]

from collections.abc import Mapping

import torch
from agreement import LIMITS, Agreement, Matched, Side, Tensors, agreement, stir
from torch import Tensor, nn
from wxml.model.anemoi_graph import AnemoiEdges
from wxml.model.features import EdgeFeatures
from wxml.model.mapper import Mapper
from wxml.model.processor import Processor


def matched_parts(part: Mapper | Processor, edges: AnemoiEdges) -> Matched:
    """For a mapper or a processor alone, whose inputs are the same on both sides."""
    names = part.anemoi_names()
    assert names is not None

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
