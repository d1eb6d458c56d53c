"""Which parameter of a model takes which weights of an Anemoi model (anemoi-models 0.19)."""

__all__ = ["COORDINATES", "Claim", "claims_of", "unused_names"]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from wxml import EdgeFeatures, Mapper, Processor
from wxml.model.encode_process_decode import EncodeProcessDecode

from wxml_anemoi.names import PARTS, AnemoiNames
from wxml_anemoi.order import GEOMETRY, AnemoiLayout, FeatureOrder

COORDINATES = "node_attributes.latlons_"
SAME_FEATURES = 1e-5
"""Places whose sines and cosines agree so far are one place: 60 m on the Earth, and the rounding of float32."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One of our parameters, and where its values are."""

    ours: str
    names: tuple[str, ...]
    """Of several, the rows are stacked."""
    rows: Tensor | None = None
    columns: Tensor | None = None

    def values(self, state: Mapping[str, Tensor]) -> Tensor:
        """In our order."""
        values = torch.cat([state[name] for name in self.names])
        values = values if self.rows is None else values[self.rows]
        return values if self.columns is None else values[:, self.columns]

    def fault(self, state: Mapping[str, Tensor], shape: torch.Size) -> str:
        """What keeps a parameter of that shape from taking the values; empty if nothing does."""
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
    """A claim for every parameter, or a sentence that says why there is none; `names` are those of each part."""
    places = _places(model, state)
    yield from _node_claims(model, places)
    for name in PARTS:
        yield from _edge_claims(model, name, layout, places.get("grid", "data"))
        yield from _weight_claims(model, name, _prefix(name, state), order, names[name])


def unused_names(state: Mapping[str, Tensor], names: Mapping[str, AnemoiNames | None]) -> set[str]:
    """The names in `state` that no part reads: coordinates, versions, and the weights that a part leaves idle."""
    kept = {name for name in state if name.startswith(COORDINATES) or name.endswith(".trainable_layout_version")}
    for part, found in names.items():
        kept |= {_prefix(part, state) + unused for unused in (found.unused if found else ())}
    return kept


def _part(model: EncodeProcessDecode, name: str) -> Mapper | Processor:
    part: Mapper | Processor = getattr(model, name)
    return part


def _prefix(part: str, state: Mapping[str, Tensor]) -> str:
    """What stands before the names of a part; encoders and decoders have names, of which a model here has one each."""
    keys = sorted(key for name in state for start, key, *_ in [name.split(".")] if start == part)
    return "processor." if part == "processor" else f"{part}.{keys[0] if keys else 0}."


def _places(model: EncodeProcessDecode, state: Mapping[str, Tensor]) -> dict[str, str]:
    """The names in Anemoi of our node sets, known by where their nodes lie; a mesh is called `hidden` if it can be."""
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
    return ours.shape == theirs.shape and torch.allclose(theirs.to(ours), ours, rtol=0, atol=SAME_FEATURES)


def _node_claims(model: EncodeProcessDecode, places: Mapping[str, str]) -> Iterator[Claim | str]:
    for name, path, features in (
        ("grid", "grid_features.nodes.trainable", model.grid_features.nodes),
        ("mesh", "mesh_features.trainable", model.mesh_features),
    ):
        if name not in places:
            yield f"no node set of the Anemoi model lies where our {name} does"
        elif features.trainable is not None:
            yield Claim(path, (f"node_attributes.trainable_tensors.{places[name]}.trainable",))


def _edge_claims(model: EncodeProcessDecode, part: str, layout: AnemoiLayout, data: str) -> Iterator[Claim | str]:
    """What is learned about the edges of a part, which must be the edges of the Anemoi model."""
    pair = PARTS[part]
    provider = f"{part}_graph_provider." + ("" if part == "processor" else f"{data}.")
    edges = layout.edges.get(pair)
    for name, features in _part(model, part).named_modules():
        if not isinstance(features, EdgeFeatures):
            continue
        if edges is not None and not _same(features.geometry, torch.from_numpy(edges.features[edges.order])):
            yield f"the edges {pair[0]} → {pair[1]} are not those of `layout.edges`: use `graph_from_anemoi`"
        if features.trainable is not None:
            yield from () if edges else (f"`layout.edges` lacks {pair}, whose learned features are in another order",)
            rows = torch.from_numpy(edges.rows) if edges else None
            yield Claim(f"{part}.{name}.trainable", (f"{provider}trainable.trainable",), rows)


def _weight_claims(
    model: EncodeProcessDecode, part: str, prefix: str, order: FeatureOrder, names: AnemoiNames | None
) -> Iterator[Claim | str]:
    """A claim for every weight that `names` has; they stand in the state with `prefix` in front."""
    if names is None:
        yield f"no plugin of the kind weight-name names the weights of the {part} {type(_part(model, part)).__name__}"
        return
    columns = _raw_columns(model, part, order)
    for name, weight in names.weights.items():
        yield Claim(
            f"{part}.{name}",
            tuple(prefix + theirs for theirs in weight.names),
            order.output if weight.is_output else None,
            columns.get(weight.reads),
        )


def _raw_columns(model: EncodeProcessDecode, part: str, order: FeatureOrder) -> dict[str | None, Tensor]:
    """The order of the columns of what reads raw features: of a decoder, where the encoder hands on what it read."""
    if part == "encoder":
        return {"source": order.grid, "target": order.mesh}
    hands_on = type(model.encoder).source_out is not Mapper.source_out
    return {"target": order.grid} if part == "decoder" and hands_on else {}
