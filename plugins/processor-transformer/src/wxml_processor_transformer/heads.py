"""How the channels of a model fall into heads."""

__all__ = ["channels_of_head"]

from wxml.errors import ConfigError, Fault


def channels_of_head(channels: int, heads: int) -> int:
    """How many channels each head has.

    Raises:
        ConfigError: the heads do not divide the channels; names those that do.
    """
    if channels % heads:
        fault = Fault("num_heads", f"it must divide the {channels} channels of the model, got {heads}")
        divisors = ", ".join(str(number) for number in range(1, channels + 1) if not channels % number)
        raise ConfigError([fault], fix=f"use one of {divisors}")
    return channels // heads
