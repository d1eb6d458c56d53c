"""The GPUs that trainings are given: `--on cuda:0,cuda:1`."""

__all__ = ["parse_devices", "visible_devices"]

import os
import re
from collections.abc import Mapping, Sequence

from wxml.errors import ArtefactError

VARIABLE = "CUDA_VISIBLE_DEVICES"


def parse_devices(text: str) -> tuple[str, ...]:
    """The devices of a list; `cuda` alone stands for every one that there is, so it stays as it is.

    >>> parse_devices("cuda:0, cuda:3"), parse_devices("cuda")
    (('cuda:0', 'cuda:3'), ('cuda',))

    Raises:
        ValueError: it is no such list.
    """
    names = tuple(name.strip() for name in text.split(","))
    if names != ("cuda",) and not all(re.fullmatch(r"cuda:\d+", name) for name in names):
        raise ValueError(f"devices are written as cuda:0,cuda:1, or as cuda for all that there are; got {text!r}")
    return names


def visible_devices(names: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """The name of each device, and the value of CUDA_VISIBLE_DEVICES that shows a process this one alone.

    `cuda:1` is the second of those that this process sees, as for torch: a batch system may show it some of them.

    Args:
        names: as `parse_devices` returns them.
        environment: the variables of this process.

    Raises:
        ArtefactError: a device is not there.
    """
    import torch  # takes 2 s, and names are read without it

    shown = [part.strip() for part in environment.get(VARIABLE, "").split(",") if part.strip()]
    count = torch.cuda.device_count()
    numbers = list(range(count)) if tuple(names) == ("cuda",) else [int(name.partition(":")[2]) for name in names]
    absent = [number for number in numbers if number >= count]
    if absent or not numbers:
        there = ", ".join(f"cuda:{number}" for number in range(count)) or "none"
        wanted = f"got cuda:{absent[0]}" if absent else "got cuda"
        raise ArtefactError(
            f"torch finds these devices on this machine: {there}; {wanted}",
            fix="name devices that are there in --on, or leave it out to train on the processor",
        )
    return [(f"cuda:{number}", shown[number] if shown else str(number)) for number in numbers]
