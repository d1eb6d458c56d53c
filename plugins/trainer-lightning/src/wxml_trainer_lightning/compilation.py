"""Compiles a model, so that its operations become fewer and faster ones."""

__all__ = ["as_written", "compile_model"]

import logging
import warnings
from contextlib import AbstractContextManager

import torch
from torch import nn

from wxml_trainer_lightning.options import Compiler

LOG = logging.getLogger("wxml")


def compile_model(model: nn.Module, compiler: Compiler | None, device: str) -> None:
    """Compile the forward and the backward pass of a model at its first call, for each shape that comes.

    The names of its weights stay. A machine without what the compiler needs, such as a C++ compiler for a CPU, gives a
    warning, and the model stays as it is.

    Args:
        model: it is changed in place.
        compiler: the backend of `torch.compile`; None: nothing is compiled.
        device: the type of the device that the model will be on.
    """
    if compiler is None or not _works(compiler, device):
        return
    if torch.is_deterministic_algorithms_warn_only_enabled():
        torch.use_deterministic_algorithms(True, warn_only=True)  # tells the compiler, too
    model.compile(backend=compiler.replace("-", "_"), dynamic=False)


def as_written() -> AbstractContextManager[object]:
    """A context in which compiled models run operation by operation, so that hooks are called."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def _works(compiler: Compiler, device: str) -> bool:
    """Whether the compiler compiles a sum here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # torch imports parts of its own that it advises against
            double = torch.compile(lambda x: x + x, backend=compiler.replace("-", "_"), dynamic=False)
            double(torch.ones(2, device=device))
    except Exception as error:  # noqa: BLE001  # compilers fail in many ways; none of them stops a training
        reason = next((line for line in f"{error}".splitlines() if line.strip()), type(error).__name__)
        LOG.warning("the model is not compiled, since `%s` does not work on this machine: %s", compiler, reason)
        return False
    return True
