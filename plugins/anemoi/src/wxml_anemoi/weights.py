"""Fills a model with the weights of an encode–process–decode model of Anemoi (anemoi-models 0.19).

Anemoi need not be installed: its weights are names and tensors.
"""

__all__ = ["fill_from_anemoi"]

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from wxml import EncodeProcessDecode, VariableRoles
from wxml.errors import ArtefactError

from wxml_anemoi.claims import COORDINATES, Claim, claims_of, unused_names
from wxml_anemoi.names import PARTS, AnemoiNames
from wxml_anemoi.order import AnemoiLayout, FeatureOrder


def fill_from_anemoi(
    model: EncodeProcessDecode,
    state: Mapping[str, Tensor],
    layout: AnemoiLayout,
    roles: VariableRoles,
    names: Mapping[str, AnemoiNames | None],
) -> None:
    """Give a model the weights of an Anemoi model: all of them, or an error and none.

    The model must be of the same family and size, on the same graph (`graph_from_anemoi`), and be built with
    `model.increment_scale: unit` and `model.input_tendencies: false`.

    Args:
        model: its parameters are overwritten.
        state: a `state_dict` of the Anemoi model or of what wraps it, such as `read_anemoi_weights` gives.
        layout: the variables and edges of the Anemoi model.
        roles: our variables, in our order.
        names: the names of the weights of `encoder`, `processor` and `decoder`, such as `names_of_parts` gives.

    Raises:
        ArtefactError: lists every weight that is missing, left over or of another shape, and all else that differs.
        DataError: the variables are not the same.
    """
    weights = _unwrapped(state)
    found = list(claims_of(model, weights, layout, FeatureOrder.between(model, layout, roles), names))
    claims = [claim for claim in found if isinstance(claim, Claim)]
    faults = [*(fault for fault in found if isinstance(fault, str)), *_faults(model, weights, claims, names)]
    if faults:
        raise ArtefactError(
            "\n  ".join(["the weights of the Anemoi model do not fit, nothing was changed:", *faults]),
            fix="build the model with the options that the Anemoi model was built with",
        )
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for claim in claims:
            parameters[claim.ours].copy_(claim.values(weights))


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the model alone, without the `model.` that a module around it puts before its names."""
    for name in state:
        prefix, found, _ = name.partition(COORDINATES)
        if found:
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    raise ArtefactError(
        f"no name of the weights has `{COORDINATES}` in it, got {sorted(state)[:3]}, …",
        fix="give the state of an AnemoiModelEncProcDec or of the interface around it",
    )


def _faults(
    model: EncodeProcessDecode,
    state: Mapping[str, Tensor],
    claims: Sequence[Claim],
    names: Mapping[str, AnemoiNames | None],
) -> Iterator[str]:
    """A sentence for each weight that does not fit or is left over on either side, and for each option that differs."""
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    for claim in claims:
        fault = claim.fault(state, shapes.pop(claim.ours))
        if fault:
            yield fault
    foreign = tuple(f"{part}." for part in PARTS if names[part] is None)
    yield from (f"`{name}` has no counterpart" for name in shapes if not name.startswith(foreign))
    read = {name for claim in claims for name in claim.names} | unused_names(state, names)
    yield from (f"{name} is left over" for name in state if name not in read)
    if not bool((model.increment_scale == 1).all()):
        yield "`model.increment_scale` must be `unit`, since an Anemoi model does not scale what it adds"
    if model.grid_features.tendency_scale is not None:
        yield "`model.input_tendencies` must be false, since an Anemoi model reads the states as they are"
