"""Ends the making of a model that grows beyond the weights that are to be loaded into it."""

__all__ = ["limited_parameters"]

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

TIMES, SPARE = 2, 10_000
"""A part may replace parameters that it made, so it may make so many times the values that it keeps, and some more."""


@contextmanager
def limited_parameters(count: int) -> Iterator[None]:
    """Raise a RuntimeError as soon as modules that are made in this context have more parameters than weights allow.

    A parameter is counted when a module registers it: torch has reserved its memory by then, but not filled it.

    Args:
        count: the number of values of all weights that are to be loaded.
    """
    made = 0

    def register(_: nn.Module, name: str, parameter: Any) -> None:
        nonlocal made
        made += parameter.numel() if isinstance(parameter, nn.Parameter) else 0
        if made > TIMES * count + SPARE:
            raise RuntimeError(f"the model would have {made:,} parameters or more, the file has {count:,} weights")

    hook = register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()
