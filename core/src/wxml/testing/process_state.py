"""Compares the state of the process that a plugin must leave as it found it."""

__all__ = ["changes", "process_state"]

import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np


def process_state() -> dict[str, Any]:
    """Collect the state that is compared: its name in words → value; torch is asked only if it is imported."""
    state: dict[str, Any] = {
        "the working directory": str(Path.cwd()),
        "Python's random numbers (use those of torch, which core seeds)": random.getstate(),
        "NumPy's global random numbers (use a Generator)": repr(np.random.get_state()),
        "NumPy's handling of errors": np.geterr(),
    }
    state |= {f"the environment variable {name}": value for name, value in os.environ.items()}
    torch = sys.modules.get("torch")
    if torch is None:
        return state
    return state | {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "whether torch records gradients": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "whether torch insists on deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Name what differs; if torch was imported in between, its state does not count as new."""
    names = {*before, *(name for name in after if "torch" not in name)}
    changed = sorted(name for name in names if before.get(name) != after.get(name))
    dtype = str(after.get("torch's default dtype", "torch.float32"))
    if dtype != "torch.float32" and "torch's default dtype" not in changed:
        changed.append(f"torch's default dtype when it was imported: it is {dtype}, core counts on float32")
    return changed
