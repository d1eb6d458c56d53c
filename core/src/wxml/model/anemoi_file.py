"""Reads the weights of an Anemoi model from a file, and nothing but weights."""

__all__ = ["read_anemoi_weights"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from wxml.errors import ArtefactError

CONVERT = (
    "where Anemoi is installed, save the weights alone: "
    '`safetensors.torch.save_model(model, "weights.safetensors")`, or `torch.save(model.state_dict(), "weights.pt")`'
)


def read_anemoi_weights(path: Path) -> dict[str, Tensor]:
    """The state of a model by name, from a `.safetensors` file or from one that `torch.save` wrote; runs no code.

    Raises:
        ArtefactError: there is no such file, it holds no weights, or it is a pickled model, which only code can read.
    """
    if not path.is_file():
        raise ArtefactError(f"there is no file `{path}`", fix=CONVERT)
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    weights = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not weights:
        raise ArtefactError(f"`{path}` holds no weights, got {sorted(map(str, state))[:5]}", fix=CONVERT)
    return weights


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        state: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ArtefactError(f"`{path}` is no safetensors file, or was cut short: {error}", fix=CONVERT) from error
    return state


def _read_torch(path: Path) -> Mapping[str, Any]:
    """A state that `torch.save` wrote; of a training's checkpoint, its `state_dict`."""
    try:
        code = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError) as error:
        raise ArtefactError(
            f"`{path}` is neither a safetensors file nor one that `torch.save` wrote", fix=CONVERT
        ) from error
    if code:
        raise ArtefactError(
            f"`{path}` is a pickled model rather than weights: to read it is to run {', '.join(sorted(code)[:3])}, …",
            fix=CONVERT,
        )
    read = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 weights alone, checked above
    state = read.get("state_dict", read) if isinstance(read, dict) else {}
    return state if isinstance(state, dict) else {}
