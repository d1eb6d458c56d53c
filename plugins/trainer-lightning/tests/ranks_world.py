"""The world of `conftest.py` for trainings in several processes, which import this module by its name.

Each experiment fails in its own way; `rank()` says in which process.
"""

import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from wxml.errors import DataError

SPEC = importlib.util.spec_from_file_location("world_of_trainings", Path(__file__).with_name("conftest.py"))
assert SPEC is not None
world = importlib.util.module_from_spec(SPEC)
sys.modules["world_of_trainings"] = world
assert SPEC.loader is not None
SPEC.loader.exec_module(world)


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


class Plain(world.Advection):
    """The model has a weight that is never used."""

    def new_model(self) -> Any:
        model = super().new_model()
        model.spare = torch.nn.Parameter(torch.ones(3, 2))
        return model


class Gappy(Plain):
    """Most of the truth is missing in the first half of the period, as in data that begin late."""

    def samples(self, period: Any, steps: int) -> Any:
        return Gaps(super().samples(period, steps))


class Gentle(Gappy):
    """Its gradients are a thousandth of what they should be, so that none overflows in half precision."""

    def new_model(self) -> Any:
        model = super().new_model()

        def shrink(_: Any, __: Any, output: torch.Tensor) -> None:
            if output.requires_grad:
                output.register_hook(lambda gradient: gradient / 1000)

        model.register_forward_hook(shrink)
        return model


class Gaps:
    """Samples without most of their truth if their number is even."""

    def __init__(self, samples: Any) -> None:
        self.samples = samples
        self.sample_size = samples.sample_size

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, indices: Any) -> Any:
        batch = self.samples.batch(indices)
        for place, index in enumerate(indices):
            if index % 2 == 0:
                batch.values[place, 2:, :1, 3:] = np.nan
        return batch


class Dying(Plain):
    """The second process is killed in its seventh step."""

    step = 7

    def new_model(self) -> Any:
        model = super().new_model()
        calls = []

        def count(*_: Any) -> None:
            calls.append(1)
            if rank() == 1 and len(calls) == self.step:
                self.fail()

        model.register_forward_pre_hook(count)
        return model

    def fail(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Refusing(Dying):
    """The second process meets an error in its data."""

    def fail(self) -> None:
        raise DataError("the third file has a hole", fix="mend it")


class Overflowing(Plain):
    """From its third step on the forecasts of the second process are not finite."""

    def new_model(self) -> Any:
        model = super().new_model()
        calls = []

        def spoil(_: Any, __: Any, output: Any) -> Any:
            calls.append(1)
            return output * torch.nan if rank() == 1 and len(calls) > 2 else None

        model.register_forward_hook(spoil)
        return model


class Broken(Dying):
    """The second process meets a fault in the code."""

    def fail(self) -> None:
        raise KeyError("heart")


PAUSE = 0.1


class SecondIsSlow(world.Advection):
    """The second process takes its time in the forward pass, and again in the backward pass."""

    def new_model(self) -> Any:
        model = super().new_model()

        def pause(*_: Any) -> None:
            time.sleep(PAUSE if rank() == 1 else 0)

        model.register_forward_pre_hook(pause)
        model.layer.weight.register_hook(pause)
        return model


def experiment(kind: type = Plain) -> Any:
    return world.make_experiment(kind)


fit = world.fit_short
