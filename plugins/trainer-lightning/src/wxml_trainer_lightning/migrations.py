"""What later versions have changed about the options of the trainer."""

__all__ = ["MIGRATIONS"]

from typing import Any

from wxml import Migration


def _losses(options: dict[str, Any]) -> dict[str, Any]:
    """Version 0.1 knew the squared error alone, with factors by variable and with or without the tendency scale."""
    weighting = options.pop("variable_weighting", "tendency")
    factors = options.pop("variable_weights", {})
    if weighting == "uniform":
        options["loss"] = {"plugin": "squared", "weights": ["*", "!tendency"]}
    if factors:
        options["loss_weights"] = {"by-variable": {"weights": factors}}
    return options


MIGRATIONS = (Migration(version="0.2.0", kind="trainer", plugin="lightning", new_options=_losses),)
