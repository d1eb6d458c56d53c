"""Batches that a thread reads ahead: in order, no more than it may, errors in their place, no thread left."""

import gc
import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from wxml.data.sample_batch import ReadingCost, SampleBatch
from wxml.errors import DataError
from wxml.testing import TravellingWaves
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.loading import Loading, batches_held
from wxml_trainer_lightning.read_ahead import AHEAD, ReadAhead

NAME = "wxml-read-ahead"


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


def wait_until(condition) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    assert condition()


class Numbers:
    """Numbers, one for each batch; number `bad` cannot be read."""

    def __init__(self, count: int, bad: int | None = None) -> None:
        self.count, self.bad = count, bad
        self.read: list[int] = []
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return self.count

    def __iter__(self):
        for number in range(self.count):
            self.threads.add(threading.current_thread().name)
            if number == self.bad:
                raise DataError(f"batch {number} is damaged", fix="mend it")
            self.read.append(number)
            yield number


def test_all_batches_come_in_their_order_from_another_thread() -> None:
    numbers = Numbers(50)
    batches = ReadAhead(numbers, threading.Lock())
    assert (list(batches), len(batches), numbers.threads) == (list(range(50)), 50, {NAME})
    assert list(batches) == list(range(50))
    assert not readers()


def test_no_more_batches_wait_than_are_allowed() -> None:
    numbers = Numbers(30)
    for taken in ReadAhead(numbers, threading.Lock()):
        ahead = min(taken + 1 + AHEAD, 30)
        wait_until(lambda ahead=ahead: len(numbers.read) == ahead)
        time.sleep(0.005)
        assert len(numbers.read) == ahead
    assert batches_held(0) == AHEAD + 1  # with the one that is being read twice


@pytest.mark.parametrize("bad", [0, 1, 5])
def test_an_error_comes_where_its_batch_would(bad) -> None:
    batches = iter(ReadAhead(Numbers(9, bad), threading.Lock()))
    assert [next(batches) for _ in range(bad)] == list(range(bad))
    with pytest.raises(DataError, match=f"batch {bad} is damaged"):
        next(batches)
    assert not readers()


class Counting(list):
    """Samples of which each batch is a number; counts how often it was asked."""

    asked = 0

    def batch(self, indices) -> SampleBatch:
        self.asked += 1
        values = np.full((len(indices), 2, 1, 3), indices[0], np.float32)
        return SampleBatch(values, np.zeros((len(indices), 1, 3), bool), ReadingCost())


def take(loading: Loading, samples: Counting, count: int) -> None:
    """Take some batches and leave the others, as a training does that an error or Ctrl-C ends."""
    with loading:
        batches = iter(loading.validation(samples, 1000, 1))
        assert [int(next(batches).values[0, 0, 0, 0]) for _ in range(count)] == list(range(count))
        raise KeyboardInterrupt


def test_no_thread_is_left_when_the_training_stops_early() -> None:
    samples = Counting(range(1000))
    with pytest.raises(KeyboardInterrupt):
        take(Loading(), samples, 4)
    assert not readers()
    assert samples.asked <= 4 + AHEAD


def test_a_read_that_hangs_does_not_keep_the_training(monkeypatch) -> None:
    monkeypatch.setattr("wxml_trainer_lightning.read_ahead.PATIENCE", 0.1)
    hangs = threading.Event()

    class Hanging(Numbers):
        def __iter__(self):
            yield 0
            hangs.wait(20)
            yield 1

    batches = ReadAhead(Hanging(2), threading.Lock())
    before = time.monotonic()
    assert next(iter(batches)) == 0
    batches.close()
    assert time.monotonic() - before < 10
    assert [thread.daemon for thread in readers()] == [True]
    hangs.set()
    wait_until(lambda: not readers())


def test_training_and_validation_never_read_at_the_same_time() -> None:
    reading, most = [0], [0]

    class Slow(Numbers):
        def __iter__(self):
            for number in range(self.count):
                reading[0] += 1
                most[0] = max(most[0], reading[0])
                time.sleep(0.001)
                reading[0] -= 1
                yield number

    turn = threading.Lock()
    training, validation = ReadAhead(Slow(40), turn), ReadAhead(Slow(5), turn)
    for number in training:
        if number % 10 == 0:
            assert list(validation) == list(range(5))
    assert most == [1]


def test_a_damaged_file_ends_a_training_at_its_step(advection, fit, tmp_path, monkeypatch) -> None:
    """The steps before it are in the history, and no thread is left."""
    read, calls = TravellingWaves._read, []

    def damaged(source, *arguments) -> None:
        if threading.current_thread().name == NAME:
            calls.append(1)
            if len(calls) == 4:
                raise DataError("`a.nc` is damaged", fix="fetch it again")
        read(source, *arguments)

    monkeypatch.setattr(TravellingWaves, "_read", damaged)
    with pytest.raises(DataError, match=r"`a\.nc` is damaged"):
        fit(advection, tmp_path / "run", max_steps=9, checkpoint_every=1, validation_every=100)
    gc.collect()
    wait_until(lambda: not readers())
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history[1:]] == ["1", "2", "3"]


def test_a_training_that_ends_leaves_no_thread(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path / "run", max_steps=3)
    assert not readers()


def test_pinned_memory_is_for_cuda_alone(monkeypatch) -> None:
    """No GPU is needed: what is judged is the decision."""
    made = []
    monkeypatch.setattr(
        "wxml_trainer_lightning.loading.DataLoader", lambda *_, **options: made.append(options["pin_memory"]) or [0]
    )
    for pinned in (True, False):
        Loading(0, pinned=pinned).validation([0], 1, 1)
    assert made == [True, False]


class Pinned(torch.Tensor):
    """Stands for a tensor in pinned memory, which only a machine with a GPU has, and notes how it is copied."""

    made: ClassVar[list[tuple[str, tuple[int, ...]]]] = []
    copies: ClassVar[list[tuple[str, bool]]] = []

    def is_pinned(self) -> bool:
        return True

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "Pinned":
        self.copies.append((device.type, non_blocking))
        return self


def pin(tensor: torch.Tensor) -> Pinned:
    Pinned.made.append((threading.current_thread().name, tuple(tensor.shape)))
    return tensor.as_subclass(Pinned)


def test_each_tensor_is_pinned_by_the_thread_that_reads_and_copied_from_there(monkeypatch) -> None:
    """All of the way from a sample to the copy, but the two calls that need a GPU."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(Pinned, "made", [])
    monkeypatch.setattr(Pinned, "copies", [])
    with Loading(0, pinned=True) as loading:
        batches = list(loading.validation(Counting(range(4)), 4, 2))
    assert Pinned.made == [(NAME, (2, 2, 3, 1)), (NAME, (2, 3, 1))] * 2
    for number, batch in enumerate(batches):
        on_device = batch.to(torch.device("cuda"))
        values = on_device.values.as_subclass(torch.Tensor)
        assert torch.equal(values, torch.full((2, 2, 3, 1), 2.0 * number))
        assert on_device.cost is batch.cost
    assert Pinned.copies == [("cuda", True)] * 4


@pytest.mark.parametrize("is_pinned", [True, False])
def test_a_copy_from_pinned_memory_does_not_wait(is_pinned) -> None:
    asked = []

    def fake(name: str) -> SimpleNamespace:
        def to(device: torch.device, *, non_blocking: bool) -> str:
            asked.append(non_blocking)
            return f"{name} on {device}"

        return SimpleNamespace(is_pinned=lambda: is_pinned, to=to)

    cost = ReadingCost(1.0)
    moved = Batch(fake("values"), fake("imputed"), cost).to(torch.device("cuda"))  # type: ignore[arg-type]
    assert moved == Batch("values on cuda", "imputed on cuda", cost)  # type: ignore[arg-type]
    assert asked == [is_pinned, is_pinned]
