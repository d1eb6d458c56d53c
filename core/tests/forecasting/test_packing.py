"""Work of a writer in several threads gives what one thread gives."""

import threading
from collections.abc import Iterator

import pytest
import torch
from wxml.forecasting.packing import MOST_THREADS, PackingThreads


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of threads that torch takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_what_is_packed_comes_in_the_order_of_what_is_given(threads: int) -> None:
    packing, seen = PackingThreads(), set[str]()
    gates = [threading.Event() for _ in range(threads)]
    """The first things end last, where there are several threads."""

    def pack(number: int) -> int:
        seen.add(threading.current_thread().name)
        if number < threads - 1:
            assert gates[number + 1].wait(60)
        if number < threads:
            gates[number].set()
        return number**2

    assert list(packing.in_order(pack, range(20))) == [number**2 for number in range(20)]
    assert list(packing.in_order(pack, range(20, 25))) == [number**2 for number in range(20, 25)]
    packing.close()
    packing.close()
    assert len(seen) == threads
    assert threads == 1 or not [one for one in threading.enumerate() if one.name in seen]


def test_little_is_given_before_what_was_packed_is_taken(threads: int) -> None:
    packing, given = PackingThreads(), []

    def things() -> Iterator[int]:
        for number in range(100):
            given.append(number)
            yield number

    packed = packing.in_order(str, things())
    assert [next(packed) for _ in range(10)] == list("0123456789")
    assert len(given) <= 10 + 2 * threads
    packed.close()
    packing.close()


def test_a_failure_comes_out_and_ends_the_work(threads: int) -> None:
    packing, done = PackingThreads(), []

    def pack(number: int) -> int:
        done.append(number)
        return 1 // (3 - number)

    with pytest.raises(ZeroDivisionError):
        list(packing.in_order(pack, range(1000)))
    packing.close()
    assert len(done) <= 4 + 2 * threads


def test_no_more_threads_than_are_allowed() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4 * MOST_THREADS)
    try:
        for packing, most in ((PackingThreads(), MOST_THREADS), (PackingThreads(1), 1)):
            gate, names = threading.Barrier(most), set[str]()

            def pack(_: int, gate: threading.Barrier = gate, names: set[str] = names) -> None:
                gate.wait(60)
                names.add(threading.current_thread().name)

            assert len(list(packing.in_order(pack, range(4 * most)))) == 4 * most
            packing.close()
            assert len(names) == most
    finally:
        torch.set_num_threads(before)
