"""The loop over the steps of a training."""

__all__ = ["run_loop"]

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from wxml import CombinedSums, LossSums

from wxml_trainer_lightning.accumulation import Accumulation, pieces_of
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.loop_callback import LoopCallback, MadeStep
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.options import Strategy
from wxml_trainer_lightning.profile.phases import Phases


def run_loop(
    module: ForecastModule,
    batches: Iterable[Batch],
    callbacks: Sequence[LoopCallback],
    device: Device,
    strategy: Strategy,
    phases: Phases | None = None,
) -> None:
    """Make a step with every batch, until there is none or a callback is over.

    Args:
        module: the model with its loss; gets its optimizer here, once its weights are where they stay.
        batches: one for each step.
        callbacks: called in this order.
        device: the device to train on.
        strategy: how several devices share the work.
        phases: is told what begins and ends.
    """
    with _quiet():
        loop = _Loop(module, _shared(module, device, strategy), phases)
        module.make_optimizer()
        try:
            _all_steps(loop, batches, callbacks)
        except BaseException as error:
            for callback in callbacks:
                callback.failed(module, error)
            raise


def _all_steps(loop: "_Loop", batches: Iterable[Batch], callbacks: Sequence[LoopCallback]) -> None:
    module = loop.module
    for callback in callbacks:
        callback.began(module)
    for batch in loop.each(batches):
        for callback in callbacks:
            callback.before_step(module, batch)
        made = loop.gradients(batch)
        with loop.phase("optimiser"):
            loop.move(callbacks)
            for callback in callbacks:
                callback.after_step(module, batch, made)
        if any(callback.is_over for callback in callbacks):
            break
    for callback in callbacks:
        callback.ended(module)


class _Loop:
    """Makes the parts of a step."""

    def __init__(self, module: ForecastModule, shared: nn.Module, phases: Phases | None) -> None:
        """`shared` is the module, or what the processes share it by."""
        self.module = module
        self._shared = shared
        self._phases = phases

    def phase(self, name: str) -> AbstractContextManager[Any]:
        """The context of a phase of a step."""
        return nullcontext() if self._phases is None else self._phases.under_way(name)

    def each(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Every batch, on the device."""
        remaining = iter(batches)
        while True:
            with self.phase("data"):
                batch = next(remaining, None)
                if batch is None:
                    return
                batch = batch.to(self.module.device)
            yield batch

    def gradients(self, batch: Batch) -> MadeStep:
        """Make the gradients of a step."""
        module = self.module
        with self.phase("optimiser"):
            module.optimizer.zero_grad()
        if module.pieces > 1:
            sums = self._in_pieces(batch)
            loss = module.loss.value(sums)
        else:
            with self.phase("forward"), module.precision.forward():
                sums = module.of_all(self._sums(batch))
                loss = module.loss.value(sums)
            self._backward(loss)
        module.step_loss = loss.detach()
        return MadeStep(module.step_loss, sums.has_truth)

    def move(self, callbacks: Sequence[LoopCallback]) -> None:
        """Move the weights by their gradients."""
        module = self.module
        module.precision.unscale(module.optimizer)
        for callback in callbacks:
            callback.before_move(module, module.optimizer)
        module.prepare_gradients()
        module.precision.move(module.optimizer)

    def _in_pieces(self, batch: Batch) -> CombinedSums:
        """Add the gradients of all pieces, and return the sums of all processes."""
        module, pieces = self.module, pieces_of(batch, self.module.pieces)

        def sums(piece: Batch) -> CombinedSums:
            with self._alone(piece is not pieces[-1]), self.phase("forward"), module.precision.forward():
                return self._sums(piece)

        def backward(loss: Tensor, is_last: bool) -> None:
            with self._alone(not is_last):
                self._backward(loss)

        return Accumulation(module.loss, sums, module.forecast.truth, module.of_all).run(pieces, backward)

    def _sums(self, batch: Batch) -> CombinedSums:
        return CombinedSums(tuple(LossSums(total, weight.detach()) for total, weight in self._shared(batch)))

    def _backward(self, loss: Tensor) -> None:
        with self.phase("backward"):
            self.module.precision.backward(loss)

    def _alone(self, wanted: bool) -> AbstractContextManager[Any]:
        """A context in which no gradient is sent, if this is wanted and the processes wait for each other's."""
        if wanted and isinstance(self._shared, DistributedDataParallel):
            return self._shared.no_sync()
        return nullcontext()


def _shared(module: ForecastModule, device: Device, strategy: Strategy) -> nn.Module:
    """The module on its device, shared among the processes of a training.

    What shares it takes seconds to import, and one process has nothing to share.
    """
    place = module.ranks.place
    devices = device.of_ranks(place)
    own = devices[place.local_rank]
    if own.type == "cuda":
        torch.cuda.set_device(own)
    module.to(own)
    if place.ranks == 1:
        return module
    from wxml_trainer_lightning.strategies import shared

    return shared(module, place, strategy, devices)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what is of no use here; let all other warnings through."""
    with warnings.catch_warnings():
        # Lightning 2.6 makes a LeafSpec, which torch 2.10 and later discourage
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        # a compiler looks at it in the states of a rollout
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed")
        # its new name is unknown to older versions of torch
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        # the output of a model, or of a part of it, is never changed in place
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
        yield
