"""The time in which bytes are on their way counts once, however many fetch them."""

from contextlib import suppress
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import SourceHeader, Variable, VariableRoles
from wxml.data import fetching as module
from wxml.data.fetching import fetching, fetching_seconds
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.statistics import Statistics
from wxml.data.window import Window
from wxml.testing import tiny_grid

HOUR = np.timedelta64(3600, "s")


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    fetching.reset()
    return made


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6))
def test_seconds_in_which_several_fetch_count_once(spans: list[tuple[int, int]]) -> None:
    """As the length of the union of their times."""
    spans = [(min(span), max(span)) for span in spans]
    events = sorted([(start, 0) for start, _ in spans] + [(end, 1) for _, end in spans])
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(module, "time", clock)
        fetching.reset()
        for moment, is_end in events:
            clock.now = moment
            if is_end:
                fetching.__exit__(None, None, None)
            else:
                fetching.__enter__()
    assert fetching_seconds() == len({second for start, end in spans for second in range(start, end)})


def test_what_is_under_way_counts_from_any_thread(clock: Clock) -> None:
    def fetch() -> None:
        with fetching:
            clock.now += 2

    with fetching:
        clock.now += 1
        thread = Thread(target=fetch)
        thread.start()
        thread.join()
        assert fetching_seconds() == 3
    clock.now += 10
    with suppress(OSError), fetching:
        clock.now += 4
        raise OSError("gone")
    clock.now += 10
    assert fetching_seconds() == 7


def test_a_batch_tells_how_long_bytes_were_on_their_way(clock: Clock) -> None:
    from wxml import DataSource

    class Slow(DataSource):
        def __init__(self) -> None:
            times = np.datetime64("2000-01-01", "s") + np.arange(6) * HOUR
            self.header = SourceHeader(tiny_grid(1, 5), (Variable("t"),), times)

        def _read(self, time_indices, variable_indices, out) -> None:
            with fetching:
                clock.now += 3
            clock.now += 2  # to decode it
            out[:] = 1

        def provenance(self) -> dict[str, object]:
            return {}

    one = Statistics(("t",), *(np.array([number], float) for number in (0, 1, -9, 9, 1)))
    source = Slow()
    period = source.header.times[0], source.header.times[-1]
    samples = SampleSet(Preprocessing(source, VariableRoles(("t",)), (), one), Window(1, 1, HOUR), period)
    assert samples.batch([0, 1]).cost.fetching == 3
    assert samples.batch([2]).cost.fetching == 3
