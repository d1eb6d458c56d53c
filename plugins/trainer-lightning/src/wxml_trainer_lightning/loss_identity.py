"""The losses of a training and their weights, as its identity has them."""

__all__ = ["DEFAULT_LOSS", "loss_identity", "loss_of_today"]

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wxml import LossChoice, PluginChoice

EARLIER_FACTORS = "training.variable_weights"
"""The key of the factors of variables in an identity of version 0.1."""


def loss_identity(
    losses: LossChoice | Sequence[LossChoice], weights: Mapping[str, PluginChoice]
) -> dict[str, list[Any] | dict[str, Any]]:
    """The options `loss` and `loss_weights` as JSON values; one loss and a list of one are the same."""
    every = [losses] if isinstance(losses, LossChoice) else losses
    return {
        "loss": [_of_floats(loss.model_dump(mode="json")) for loss in every],
        "loss_weights": {name: _of_floats(choice.model_dump(mode="json")) for name, choice in weights.items()},
    }


def _of_floats(value: Any) -> Any:
    """JSON values in which every number is a float: 2 and 2.0 are the same option."""
    if isinstance(value, dict):
        return {key: _of_floats(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_of_floats(inside) for inside in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(*weights: str) -> str:
    """A squared error with these weights, as the text in an identity."""
    return json.dumps(loss_identity(LossChoice(plugin="squared", weights=weights), {})["loss"], sort_keys=True)


DEFAULT_LOSS = _text("*")
"""The only loss of version 0.1, in an identity."""
EARLIER_WEIGHTINGS = {'"tendency"': {}, '"uniform"': {"training.loss": _text("*", "!tendency")}}


def loss_of_today(identity: Mapping[str, str]) -> dict[str, str]:
    """The identity of a training, whose losses version 0.1 may have called otherwise.

    >>> loss_of_today({"training.variable_weighting": '"tendency"', "training.variable_weights.q": "3.0"})
    {'training.loss_weights.by-variable.plugin': '"by-variable"', 'training.loss_weights.by-variable.weights.q': '3.0'}
    """
    new: dict[str, str] = {}
    for key, text in identity.items():
        if key == "training.variable_weighting":
            new |= EARLIER_WEIGHTINGS.get(text, {key: text})
        elif key.startswith(f"{EARLIER_FACTORS}."):
            by_variable = "training.loss_weights.by-variable"
            new |= {f"{by_variable}.plugin": '"by-variable"'}
            new |= {f"{by_variable}.weights{key.removeprefix(EARLIER_FACTORS)}": text}
        elif (key, text) != (EARLIER_FACTORS, "{}"):
            new[key] = text
    return new
