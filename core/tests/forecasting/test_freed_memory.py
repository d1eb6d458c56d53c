"""Freed memory serves the next step, unless the user has chosen otherwise."""

import os
import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such limits")
@pytest.mark.parametrize("variables", [{}, {"MALLOC_TRIM_THRESHOLD_": "131072"}])
def test_freed_memory_is_used_again(variables: dict[str, str]) -> None:
    """Ten arrays of 4 MiB have 10 240 pages of 4 KiB, each of which is a fault if the system has taken it back."""
    script = (
        "import resource, numpy as np; from wxml.forecasting.freed_memory import keep_freed_memory\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def step(): return [np.ones(2**19) for _ in range(10)] and None\n"
        "keep_freed_memory()\n"
        "for _ in range(3): step()\n"
        "before = faults(); step(); print(faults() - before)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=True)
    assert (int(done.stdout) < 1000) != bool(variables)  # the user's choice stands
