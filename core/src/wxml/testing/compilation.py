"""Modules as torch.compile makes them."""

__all__ = ["generated", "traced"]

import os
import shutil
import sys
import sysconfig
import unittest
from pathlib import Path
from typing import Any

import torch
from torch import nn

CHEAP = {"compile_threads": 1, "cpp.vec_isa_ok": False}
"""Code without vector instructions compiles in half of the time; a pool of compilers would outlive the check."""


def traced(module: nn.Module) -> Any:
    """Traced, with the backward pass, but run as torch runs what is not compiled: needs no C++ compiler."""
    return _compiled(module, backend="aot_eager")


def generated(module: nn.Module) -> Any:
    """Turned into C++ and machine code.

    Raises:
        unittest.SkipTest: there is no C++ compiler, or no header files of Python.
    """
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise unittest.SkipTest(f"there is no C++ compiler here ({compiler}; CXX names another)")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise unittest.SkipTest("there are no header files of Python here")
    return _compiled(module, backend="inductor", dynamic=False, options=CHEAP)


def _compiled(module: nn.Module, **how: Any) -> Any:
    """From a clean slate."""
    torch.compiler.reset()
    try:
        return torch.compile(module, **how)
    except RuntimeError as error:
        raise unittest.SkipTest(f"torch cannot compile here: {error}") from error
