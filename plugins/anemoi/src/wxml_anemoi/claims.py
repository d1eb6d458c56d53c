"""Matches each parameter of a model with the weights of an Anemoi model (anemoi-models 0.19) that it takes."""

__all__ = ["COORDINATES", "Claim", "claims_of", "unused_names"]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from wxml import EdgeFeatures, EncodeProcessDecode, Mapper

from wxml_anemoi.names import PARTS, AnemoiNames
from wxml_anemoi.order import GEOMETRY, AnemoiLayout, FeatureOrder

COORDINATES = "node_attributes.latlons_"
SAME_FEATURES = 1e-5
"""Two places are one if their sines and cosines agree so far: 60 m on the Earth, and the rounding of float32."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One of our parameters and the weights of the Anemoi model that it takes."""

    ours: str
    """The name of our parameter in the model."""
    names: tuple[str, ...]
    """The names of the weights; if there are several, their rows are stacked in this order."""
    rows: Tensor | None = None
    """For each of our rows, the number of the stacked row that it takes; None: they are in our order."""
    columns: Tensor | None = None
    """The same for the columns."""

    def values(self, state: Mapping[str, Tensor]) -> Tensor:
        """The values of the parameter, taken from `state`."""
        values = torch.cat([state[name] for name in self.names])
        values = values if self.rows is None else values[self.rows]
        return values if self.columns is None else values[:, self.columns]

    def fault(self, state: Mapping[str, Tensor], shape: torch.Size) -> str:
        """A sentence if `state` has no values for a parameter of this shape, else an empty text."""
        missing = [name for name in self.names if name not in state]
        if missing:
            return f"{', '.join(missing)} is missing, which `{self.ours}` needs"
        shapes = [list(state[name].shape) for name in self.names]
        rows = sum(each[0] if each else 0 for each in shapes)
        if any([rows, *each[1:]] != list(shape) for each in shapes):
            found = ", ".join(f"{name} has shape {each}" for name, each in zip(self.names, shapes, strict=True))
            return f"{found}, `{self.ours}` has {list(shape)}"
        return ""


def claims_of(
    model: EncodeProcessDecode,
    state: Mapping[str, Tensor],
    layout: AnemoiLayout,
    order: FeatureOrder,
    names: Mapping[str, AnemoiNames | None],
) -> Iterator[Claim | str]:
    """A claim for every parameter of `model`, or a sentence that says why there is none.

    Args:
        model: whose parameters take the weights.
        state: the weights of the Anemoi model, by its own names.
        layout: its variables and edges.
        order: the order of its features in terms of ours.
        names: the names of the weights of each part; None for a part whose names are not known.
    """
    places = _places(model, state)
    for name, path, features in (
        ("grid", "grid_features.nodes.trainable", model.grid_features.nodes),
        ("mesh", "mesh_features.trainable", model.mesh_features),
    ):
        if name not in places:
            yield f"no node set of the Anemoi model lies where our {name} does"
        elif features.trainable is not None:
            yield Claim(path, (f"node_attributes.trainable_tensors.{places[name]}.trainable",))
    for part, known in names.items():
        yield from _edge_claims(model, part, layout, places.get("grid", "data"))
        if known is not None:
            yield from _weight_claims(model, part, _prefix(part, state), order, known)
        else:
            kind = type(getattr(model, part)).__name__
            yield f"no plugin of the kind weight-name names the weights of the {part} {kind}"


def unused_names(state: Mapping[str, Tensor], names: Mapping[str, AnemoiNames | None]) -> set[str]:
    """The names in `state` that no part reads: coordinates, versions, and the weights that a part leaves idle."""
    kept = {name for name in state if name.startswith(COORDINATES) or name.endswith(".trainable_layout_version")}
    for part, found in names.items():
        kept |= {_prefix(part, state) + unused for unused in (found.unused if found else ())}
    return kept


def _prefix(part: str, state: Mapping[str, Tensor]) -> str:
    """The start of the names of a part. Anemoi may have several encoders, such as `encoder.data.`; wxml has one."""
    keys = sorted(key for name in state for start, key, *_ in [name.split(".")] if start == part)
    return "processor." if part == "processor" else f"{part}.{keys[0] if keys else 0}."


def _places(model: EncodeProcessDecode, state: Mapping[str, Tensor]) -> dict[str, str]:
    """Anemoi's name of our `grid` and of our `mesh`: the node set whose nodes lie at the same places.

    If several do, the mesh is the one called `hidden`.
    """
    known = sorted(name.removeprefix(COORDINATES) for name in state if name.startswith(COORDINATES))
    known.sort(key="hidden".__ne__)
    places: dict[str, str] = {}
    for ours, features in (("mesh", model.mesh_features), ("grid", model.grid_features.nodes)):
        for name in known:
            if ours not in places and _same(features.geometry, state[COORDINATES + name][:, GEOMETRY]):
                places[ours] = name
        known = [name for name in known if name not in places.values()]
    return places


def _same(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two tables of features have the same shape and agree within `SAME_FEATURES`."""
    return ours.shape == theirs.shape and torch.allclose(theirs.to(ours), ours, rtol=0, atol=SAME_FEATURES)


def _edge_claims(model: EncodeProcessDecode, part: str, layout: AnemoiLayout, data: str) -> Iterator[Claim | str]:
    """The claims of the learned features of the edges of `part`, whose edges must be those of the Anemoi model."""
    pair = PARTS[part]
    provider = f"{part}_graph_provider." + ("" if part == "processor" else f"{data}.")
    edges = layout.edges.get(pair)
    for name, features in getattr(model, part).named_modules():
        if not isinstance(features, EdgeFeatures):
            continue
        if edges is not None and not _same(features.geometry, torch.from_numpy(edges.features[edges.order])):
            yield f"the edges {pair[0]} → {pair[1]} are not those of `layout.edges`: use `graph_from_anemoi`"
        if features.trainable is not None:
            if edges is None:
                yield f"`layout.edges` lacks {pair}, whose learned features are in another order"
            rows = torch.from_numpy(edges.rows) if edges else None
            yield Claim(f"{part}.{name}.trainable", (f"{provider}trainable.trainable",), rows)


def _weight_claims(
    model: EncodeProcessDecode, part: str, prefix: str, order: FeatureOrder, names: AnemoiNames
) -> Iterator[Claim]:
    """A claim for every weight that `names` has; the names in the state begin with `prefix`.

    An encoder reads raw features of the grid and the mesh. A decoder reads raw features of the grid if the encoder
    hands on the source as it came in. Only the columns of such weights are in another order.
    """
    columns: dict[str | None, Tensor] = {}
    if part == "encoder":
        columns = {"source": order.grid, "target": order.mesh}
    elif part == "decoder" and type(model.encoder).source_out is not Mapper.source_out:
        columns = {"target": order.grid}
    for name, weight in names.weights.items():
        rows = order.output if weight.is_output else None
        theirs = tuple(prefix + each for each in weight.names)
        yield Claim(f"{part}.{name}", theirs, rows, columns.get(weight.reads))
