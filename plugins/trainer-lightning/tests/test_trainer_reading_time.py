"""How long a training waits for its samples is told."""

import re
import time

import pytest
import torch
from wxml.data.sample_batch import ReadingCost
from wxml.testing import TravellingWaves
from wxml_trainer_lightning import reading_time
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.reading_time import TimedBatches


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("reading", "computing", "told"),
    [
        (1.4, 0.4, "reading takes 1.4 s of 1.8 s a step"),
        (0.25, 1.0, "reading takes 250 ms of 1.2 s a step"),
        (0.0, 0.5, "reading takes 0 ms of 500 ms a step"),
    ],
)
def test_waiting_and_computing_are_told_apart(monkeypatch, reading, computing, told) -> None:
    clock = Clock()
    monkeypatch.setattr(reading_time, "time", clock)

    class Slow:
        def __len__(self):
            return 3

        def __iter__(self):
            for number in range(3):
                clock.now += reading
                yield Batch(torch.full((1,), number), torch.zeros(1), ReadingCost(0.5, 0.25, 0.004))

    batches = TimedBatches(Slow())
    clock.now += 50  # what comes before the first step is none
    seen = []
    for batch in batches:
        clock.now += computing
        seen.append(int(batch.values))
    assert (seen, len(batches), str(batches)) == ([0, 1, 2], 3, told)
    share = f"the training waited {reading / (reading + computing):.0%} of its time for data; "
    assert batches.summary == share + "a batch took 500 ms to read and decode, 250 ms to transform, 4 ms to gather"


def test_bytes_on_their_way_are_told_where_a_source_knows_of_them() -> None:
    batches = TimedBatches([Batch(torch.zeros(1), torch.zeros(1), ReadingCost(0.5, 0.25, 0.004, 0.3))] * 2)
    list(batches)
    told = "a batch took 500 ms to read and decode (300 ms of it with bytes on their way), 250 ms to transform"
    assert told in batches.summary


def test_a_slow_source_is_seen_in_the_log_of_a_training(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    read = TravellingWaves._read

    def slowly(source, *arguments) -> None:
        time.sleep(0.02)
        read(source, *arguments)

    monkeypatch.setattr(TravellingWaves, "_read", slowly)
    with caplog.at_level("INFO", "wxml"):
        fit(advection, tmp_path / "run", max_steps=4, batch_size=2)
    lines = [message for message in caplog.messages if message.startswith("training: step")]
    waited, of = map(float, re.search(r"reading takes (\d+) ms of (\d+) ms a step$", lines[-1]).groups())
    assert 0 < waited <= of
    (told,) = [message for message in caplog.messages if message.startswith("reading: ")]
    assert float(re.search(r"a batch took (\d+) ms to read", told).group(1)) >= 20
