"""Compiles a model, so that its operations become fewer and faster ones."""

__all__ = ["as_written", "compile_model"]

import logging
from contextlib import AbstractContextManager

import torch
from torch import nn
from wxml.model.compiler import why_not_compiled

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
    if compiler is None:
        return
    reason = why_not_compiled(compiler, device)
    if reason is not None:
        LOG.warning("the model is not compiled, since `%s` does not work on this machine: %s", compiler, reason)
        return
    if torch.is_deterministic_algorithms_warn_only_enabled():
        torch.use_deterministic_algorithms(True, warn_only=True)  # tells the compiler, too
    model.compile(backend=compiler.replace("-", "_"), dynamic=False)


def as_written() -> AbstractContextManager[object]:
    """A context in which compiled models run operation by operation, so that hooks are called."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance
