"""Ends the making of a model that grows beyond a limit: the weights that are to be loaded into it, or the memory."""

__all__ = ["limited_parameters"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook


@contextmanager
def limited_parameters(most: int, refusal: Callable[[int], Exception]) -> Iterator[None]:
    """Raise the error that `refusal` makes as soon as modules that are made in this context have too many parameters.

    A parameter is counted when a module registers it: torch has reserved its memory by then, but not filled it.

    Args:
        most: the largest number of values; a part may make parameters that it replaces, and they count too.
        refusal: makes the error from the number of values that the model has so far.
    """
    made = 0

    def register(_: nn.Module, name: str, parameter: Any) -> None:
        nonlocal made
        made += parameter.numel() if isinstance(parameter, nn.Parameter) else 0
        if made > most:
            raise refusal(made)

    hook = register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()
