"""Arrays that begin where a line of the cache begins."""

import numpy as np
import pytest
from wxml import DataSource, SelectiveSource, SourceHeader, Variable
from wxml.data.aligned import aligned
from wxml.data.scratch import Scratch
from wxml.testing import tiny_grid


class Addresses(SelectiveSource):
    """Gives the address of the memory that it fills."""

    def __init__(self) -> None:
        times = np.array(["2020-01-01"], "datetime64[s]")
        self.header = SourceHeader(tiny_grid(), (Variable("t"),), times)

    def provenance(self) -> dict[str, str]:
        return {}

    def _read_part(self, request, out) -> None:
        out[...] = out.ctypes.data % 64


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2**16,), (2, 40, 10_000), (7, 2**20 + 1)])
def test_an_array_begins_at_a_line_and_holds_what_is_written_to_it(shape):
    made = [aligned(shape) for _ in range(4)]
    for number, array in enumerate(made):
        assert array.ctypes.data % 64 == 0
        assert (array.shape, array.dtype, array.flags.c_contiguous) == (shape, np.float32, True)
        array.fill(number)
    assert all((array == number).all() for number, array in enumerate(made))  # no two share memory


def test_what_is_read_begins_at_a_line():
    source: DataSource = Addresses()
    assert not source.read(source.header.times, ["t"]).any()
    with Scratch().lent((2, 3, 1000)) as memory:
        assert memory.ctypes.data % 64 == 0
