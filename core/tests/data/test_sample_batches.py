"""A batch that is read as one holds, bit for bit, what its samples hold that are read one by one."""

import copy
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import DataError, DataSource, SelectiveSource, SourceHeader, Variable, VariableRoles
from wxml.data.imputed import held_masks, mask_names
from wxml.data.preprocessing import Preprocessing
from wxml.data.read_request import ReadRequest
from wxml.data.samples import SampleSet
from wxml.data.scratch import Scratch
from wxml.data.shared_reads import SharedReads
from wxml.data.statistics import Statistics
from wxml.data.times import format_time
from wxml.data.transforms.impute import Impute
from wxml.data.transforms.normalise import Normalise
from wxml.data.window import Window
from wxml.testing import tiny_grid

HOUR = np.timedelta64(3600, "s")
START = np.datetime64("2000-01-01", "s")
NODES = 5
NAMES = ("a", "b", "c", "d", "e")


class Counted(SelectiveSource):
    """Random values with holes; tells which times and members were read."""

    def __init__(self, hours: list[int], members: int, holes: float, seed: int) -> None:
        random = np.random.default_rng(seed)
        shape = (len(hours), members, len(NAMES), NODES)
        self.values = random.normal(size=shape).astype(np.float32)
        self.values[random.random(shape) < holes] = np.nan
        self.header = SourceHeader(
            tiny_grid(1, NODES), tuple(map(Variable, NAMES)), START + np.array(hours) * HOUR, members
        )
        self.parts: list[tuple[list[int], list[int]]] = []
        self.fields: list[tuple[int, int, int]] = []
        """Time, member and variable of each field that was read."""
        self.groups = np.zeros(len(NAMES), np.intp)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        members = np.arange(self.header.members)[request.members]
        self.parts.append((request.times.tolist(), members.tolist()))
        self.fields += product(request.times.tolist(), members.tolist(), request.variables.tolist())
        out[:] = self.values[request.times][:, members][:, :, request.variables][..., request.nodes]

    def chunk_groups(self) -> NDArray[np.intp]:
        return self.groups

    def provenance(self) -> dict[str, object]:
        return {}


@dataclass
class Reference:
    """A sample as one reads it by hand: all of its window, then the rules for what is missing, one after the other."""

    preprocessing: Preprocessing
    window: Window
    initial_times: NDArray[np.datetime64]

    def sample(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        start, member = divmod(index, self.preprocessing.source.header.members)
        times = self.initial_times[start] + self.window.offsets
        values, missing = self.model_values(times, member)
        roles, inputs = self.preprocessing.roles, self.window.input_steps
        targets = np.zeros(missing.shape, bool)
        targets[inputs:, : len(roles.output)] = True
        lost = missing & targets
        held = slice(0, len(roles.prognostic))
        lost[inputs : inputs + self.window.steps, held] |= missing[inputs - 1, held]
        values = np.where(lost, np.float32(np.nan), values)
        unread = np.zeros(missing.shape, bool)
        unread[:inputs, len(roles.prognostic) : len(roles.output)] = True
        if self.window.steps:
            unread[-1, len(roles.output) :] = True
        bad = ~np.isfinite(values) & ~targets & ~unread
        if bad.any():
            time, variable, _ = np.argwhere(bad)[0]
            name, when = self.preprocessing.variables[variable], format_time(times[time])
            raise DataError(f"{name} {when} {bad[time, variable].sum()}", fix="")
        unread[:, [self.preprocessing.variables.index(mask) for mask in self.preprocessing.masks]] = False
        values[unread] = np.nan
        return values, missing[inputs - 1, : len(roles.prognostic)]

    def model_values(self, times, member):  # type: ignore[no-untyped-def]
        preprocessing = self.preprocessing
        read, computed = preprocessing.origins(preprocessing.variables)
        physical = preprocessing.source.read(times, read)[:, [member]]
        absent = np.isnan(physical)
        columns = [read.index(name) for name in preprocessing.masks.values()]
        masks = held_masks(absent[: self.window.input_steps], columns, len(times))
        extra = np.concatenate([preprocessing.computed(computed, times)[:, None], masks], axis=2)
        values = np.concatenate([preprocessing.forward(physical, read), extra], axis=2)
        missing = np.concatenate([absent, np.zeros(extra.shape, bool)], axis=2)
        order = [(*read, *computed, *preprocessing.masks).index(name) for name in preprocessing.variables]
        return values[:, 0, order], missing[:, 0, order]


STATISTICS = Statistics(
    NAMES, *(np.array(row, float) for row in ([0.1, -0.2, 0, 3, 1], [2, 3, 1, 0.5, 1], [-9] * 5, [9] * 5, [1] * 5))
)
CHAINS = {
    "nothing": (),
    "normalise": (Normalise(STATISTICS),),
    "impute": (Impute(STATISTICS, value=7.0), Normalise(STATISTICS)),
}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[SampleSet, Reference]:
    """A source, roles, transforms and a window."""
    members, inputs, steps = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    gaps = draw(st.sets(st.integers(1, 3)))
    hours = [6 * n for n in range(12) if n not in gaps]
    source = Counted(hours, members, draw(st.sampled_from([0, 0.01, 0.3])), draw(st.integers(0, 2**32 - 1)))
    source.groups = np.array(draw(st.lists(st.integers(0, 4), min_size=5, max_size=5)), np.intp)
    names = draw(st.permutations(NAMES))
    masks = mask_names(draw(st.sampled_from([(), (names[0],), (names[1], names[0])])))
    forcing = draw(st.permutations([names[3], "insolation", names[4], "cos_latitude", *masks]))
    roles = VariableRoles(tuple(names[:2]), tuple(forcing), (names[2],))
    chain = CHAINS[draw(st.sampled_from(list(CHAINS)))]
    preprocessing = Preprocessing(source, roles, chain, STATISTICS, masks=masks)
    window = Window(inputs, steps, 6 * HOUR)
    samples = SampleSet(preprocessing, window, (source.header.times[0], source.header.times[-1]))
    return samples, Reference(preprocessing, window, samples.initial_times)


@settings(max_examples=150)
@given(worlds(), st.data(), st.integers(1, 500))
def test_a_batch_is_its_samples_bit_for_bit(
    world: tuple[SampleSet, Reference], data: st.DataObject, block: int
) -> None:
    """Values, masks and errors; whatever the samples share, and however many states are transformed together."""
    samples, reference = world
    chosen = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=6))
    try:
        expected = [reference.sample(index) for index in chosen]
    except DataError as error:
        name, when, count = error.message.split()
        with pytest.raises(DataError, match=f"variable '{name}' is missing at {when} on {count} of {NODES} nodes"):
            samples.batch(chosen)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml.data.batch_reader.BLOCK_BYTES", block)
        batch = samples.batch(chosen)
    for n, (values, imputed) in enumerate(expected):
        assert batch.values[n].tobytes() == values.tobytes()
        np.testing.assert_array_equal(batch.imputed[n], imputed)
        alone, mask = samples.with_imputed(chosen[n])
        assert alone.tobytes() == values.tobytes()
        np.testing.assert_array_equal(mask, imputed)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=12), st.integers(1, 4))
def test_each_state_is_read_once_and_no_other(chosen: list[tuple[int, int]], length: int) -> None:
    """Also with several members: an instant of which two members are needed costs two, whatever others cost."""
    first, members = np.array(chosen).T
    times = START + (first[:, None] + np.arange(length)) * HOUR
    shared = SharedReads.of(times, members)
    read = [(time, member) for times, members in shared.reads for time in times.tolist() for member in members]
    needed = [[(time, member) for time in row] for row, member in zip(times.tolist(), members.tolist(), strict=True)]
    assert len(read) == len(set(read)) == shared.count
    assert set(read) == {state for row in needed for state in row}
    assert [[read[state] for state in row] for row in shared.states] == needed
    assert shared.times.tolist() == [time for time, _ in read]
    for rising, _ in shared.reads:
        assert np.all(np.diff(rising) > np.timedelta64(0, "s"))
    instants = [time for times, _ in shared.reads for time in times.tolist()]
    assert len(instants) == len(set(instants))


def plain(source: DataSource, steps: int) -> SampleSet:
    preprocessing = Preprocessing(source, VariableRoles(NAMES), (), STATISTICS)
    return SampleSet(preprocessing, Window(2, steps, 6 * HOUR), (source.header.times[0], source.header.times[-1]))


@given(st.data(), st.integers(1, 3), st.integers(0, 3), st.permutations(NAMES))
def test_a_field_is_read_where_one_of_its_chunk_is_needed(
    data: st.DataObject, inputs: int, steps: int, names: list[str]
) -> None:
    """Each once: prognostic at all times, diagnostic but at the input times, forcing but at the last; `e` is unused."""
    source = Counted(list(range(0, 72, 6)), 1, 0, 0)
    source.groups = np.array(data.draw(st.permutations([0, 0, 1, 2, 3])), np.intp)
    prognostic, diagnostic, forcing, other = names[:1], names[1:2], names[2:4], names[4]
    preprocessing = Preprocessing(
        source, VariableRoles(tuple(prognostic), tuple(forcing), tuple(diagnostic)), (), STATISTICS
    )
    samples = SampleSet(preprocessing, Window(inputs, steps, 6 * HOUR), (START, source.header.times[-1]))
    chosen = data.draw(st.lists(st.integers(0, len(samples) - 1), min_size=1, max_size=4))
    samples.batch(chosen)
    needed = set()
    for time, name in product(range(inputs + steps), names):
        is_input, is_last = time < inputs, time == inputs + steps - 1
        if name in prognostic or (name in diagnostic and not is_input) or (name in forcing and not (is_last and steps)):
            needed |= {(start + time, source.groups[NAMES.index(name)]) for start in chosen}
    expected = [
        (time, 0, variable)
        for time, variable in product(range(12), range(len(NAMES)))
        if (time, source.groups[variable]) in needed and NAMES[variable] != other
    ]
    assert sorted(source.fields) == expected


def test_variables_of_one_chunk_are_read_at_once() -> None:
    """What saves no bytes costs no further read."""
    source = Counted(list(range(0, 72, 6)), 1, 0, 0)
    preprocessing = Preprocessing(source, VariableRoles(("a", "b"), ("d", "e"), ("c",)), (), STATISTICS)
    window = Window(2, 1, 6 * HOUR)
    SampleSet(preprocessing, window, (START, source.header.times[-1])).batch([3])
    assert source.parts == [([3, 4, 5], [0])]
    source.parts.clear()
    source.groups = np.arange(len(NAMES))
    SampleSet(preprocessing, window, (START, source.header.times[-1])).batch([3])
    assert source.parts == [([3, 4, 5], [0]), ([5], [0]), ([3, 4], [0])]


def test_overlapping_samples_share_one_read_in_the_order_of_time() -> None:
    source = Counted(list(range(0, 72, 6)), 1, 0, 0)
    plain(source, 2).batch([5, 3, 4])
    assert source.parts == [([3, 4, 5, 6, 7, 8], [0])]


def test_a_sample_of_one_member_costs_one_member() -> None:
    source = Counted(list(range(0, 72, 6)), 50, 0, 0)
    samples = plain(source, 1)
    samples.batch([7 * 50 + 31])
    assert source.parts == [([7, 8, 9], [31])]
    source.parts.clear()
    samples.batch([31, 9 * 50 + 4, 7])  # members 31 and 7 of one window, member 4 of another
    assert sorted(source.parts) == [([0, 1, 2], [7, 31]), ([9, 10, 11], [4])]


def test_a_batch_lies_in_memory_as_a_model_reads_it() -> None:
    batch = plain(Counted(list(range(0, 72, 6)), 1, 0, 0), 1).batch([1, 2])
    assert np.swapaxes(batch.values, -1, -2).flags.c_contiguous


@pytest.mark.parametrize("index", [11, -12])
def test_a_sample_that_is_not_there(index: int) -> None:
    samples = plain(Counted(list(range(0, 72, 6)), 1, 0, 0), 0)
    assert len(samples) == 11
    with pytest.raises(IndexError, match=f"sample {index} of 11"):
        samples.batch([0, index])


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 5), st.integers(0, 30), st.integers(1, 3))
def test_long_windows_are_exactly_those_that_are_complete(hours: set[int], inputs: int, steps: int, step: int) -> None:
    times = START + np.array(sorted(hours)) * HOUR
    found = Window(inputs, steps, step * HOUR).initial_times(times)
    expected = [h for h in sorted(hours) if all(h + o * step in hours for o in range(1 - inputs, steps + 1))]
    np.testing.assert_array_equal((found - START) // HOUR, expected)


def test_scratch_lends_its_memory_again_and_never_twice_at_once() -> None:
    scratch = Scratch()
    with scratch.lent((2, 3)) as one:
        one[:] = 1
        with scratch.lent((4,)) as other:
            other[:] = 2
            assert not np.shares_memory(one, other)
        assert one.tolist() == [[1, 1, 1]] * 2
    with scratch.lent((3, 2)) as again:
        assert np.shares_memory(again, one)
    with copy.copy(scratch).lent((2,)) as copied:  # as a process gets it that is sent one
        assert not np.shares_memory(copied, one)


def test_a_batch_keeps_its_values_while_the_next_ones_are_read() -> None:
    """Also without transforms, where what is read is what is given."""
    samples = plain(Counted(list(range(0, 72, 6)), 1, 0, 0), 1)
    first = samples.batch([1, 2])
    kept = first.values.copy()
    for others in ([7, 8], [3, 4, 5, 6]):
        samples.batch(others)
    np.testing.assert_array_equal(first.values, kept)
    np.testing.assert_array_equal(samples.batch([1, 2]).values, kept)
