"""The contract of data sources, as tests."""

__all__ = ["DataSourceContract"]

import json
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.moments import Moments
from wxml.data.source import DataSource, SourceHeader
from wxml.data.times import format_time, parse_time
from wxml.errors import DataError
from wxml.plugins.create import parse_options
from wxml.testing.contract import Contract, require
from wxml.testing.other_process import read_elsewhere

LARGEST = 1e20
"""Fill values of files, which stand for missing values, have at least this size; no weather has."""
UNTOUCHED = 54321.0
"""What is in an array before a read writes to it."""


class DataSourceContract(Contract):
    """Checks of a DataSource, on a few of its times and variables."""

    interface: ClassVar[type[Any]] = DataSource
    missing: ClassVar[Sequence[tuple[str, str]]] = ()
    """Pairs (time, variable) that are known to have missing values; the check of NaN looks there."""
    quick_seconds: ClassVar[float] = 10.0
    """Seconds that the constructor may take."""
    most: ClassVar[int] = 5
    """The greatest number of times, and of variables, that a check reads."""

    def sample(self) -> Any:
        """Make a source; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Read one time of one variable."""
        source = self.make()
        source.read(source.header.times[:1], source.header.names[:1])

    def test_header_is_complete(self) -> None:
        """The header has a grid, at least one variable and one time, and at least one member."""
        header = self.make().header
        require(isinstance(header, SourceHeader), f"`header` must be a SourceHeader, got {type(header).__name__}")
        for what, count in (
            ("variables", len(header.names)),
            ("times", len(header.times)),
            ("members", header.members),
        ):
            require(count >= 1, f"`header.{what}` must have at least one, got {count}")

    def test_header_is_quick(self) -> None:
        """The constructor reads no field, so that it takes seconds at most."""
        start = time.perf_counter()
        self.make()
        seconds = time.perf_counter() - start
        text = f"the constructor took {seconds:.1f} s, more than {self.quick_seconds:g} s; read fields in `_read` alone"
        require(seconds <= self.quick_seconds, text)

    def test_header_stays_the_same(self) -> None:
        """Two instances with the same options have the same grid, variables, times and members."""
        one, two = self.make().header, self.make().header
        require(one.grid.identity == two.grid.identity, "two instances have different grids")
        require(one.variables == two.variables, f"two instances have variables {one.names} and {two.names}")
        require(np.array_equal(one.times, two.times), "two instances have different times")
        require(one.members == two.members, f"two instances have {one.members} and {two.members} members")

    def test_for_variables_is_a_part_of_the_whole(self) -> None:
        """Made for one variable, the source has it as the whole source has; one that is not there is no error."""
        whole = self.make()
        name = whole.header.names[-1]
        part = self.plugin.for_variables([name, "not_there"], parse_options(self.plugin, self.options))
        require(name in part.header.names, f"made for {name!r}, the source has only {part.header.names}")
        mine, its = (one.header.variables[one.header.names.index(name)] for one in (part, whole))
        require(mine == its, f"made for {name!r}, the source describes it otherwise")
        times, _ = self._sample()
        times = times[np.isin(times, part.header.times)]
        found, expected = (one.read(times, [name]) for one in (part, whole))
        _require_equal(found, expected, f"made for {name!r}, the source gives other values of it")

    def test_times_rise(self) -> None:
        """Times are datetime64[s] and rise strictly."""
        times = self.make().header.times
        require(times.dtype == np.dtype("datetime64[s]"), f"times must be datetime64[s], got {times.dtype}")
        falls = np.flatnonzero(np.diff(times) <= np.timedelta64(0, "s"))
        where = format_time(times[falls[0] + 1]) if len(falls) else ""
        require(not len(falls), f"times must rise strictly, {where} does not come after the time before it")

    def test_order_does_not_matter(self) -> None:
        """A read of times and variables in another order gives the same values in that order."""
        times, names = self._sample()
        expected = self.make().read(times, names)
        row, column = np.roll(np.arange(len(times))[::-1], 1), np.arange(len(names))[::-1]
        found = self.make().read(times[row], [names[index] for index in column])
        _require_equal(found, expected[row][:, :, column], "a read in another order gives other values")

    def test_slices_equal_single_reads(self) -> None:
        """One read of many times and variables gives the same values as a read of each."""
        times, names = self._sample()
        source = self.make()
        together = source.read(times, names)
        for i, j in np.ndindex(len(times), len(names)):
            name = names[j]
            alone = source.read(times[i : i + 1], [name])[0, :, 0]
            text = f"{name} at {times[i]} has other values when it is read alone"
            _require_equal(together[i, :, j], alone, text)

    def test_a_time_may_be_asked_for_twice(self) -> None:
        """The same time twice in one read gives the same values twice."""
        times, names = self._sample()
        twice = self.make().read(np.repeat(times, 2), names)
        _require_equal(twice[1::2], twice[::2], "a read with the same time twice gives other values the second time")

    def test_some_members_are_those_of_the_whole(self) -> None:
        """A read of some members, in any order, gives their values in a read of all."""
        times, names = self._sample()
        source = self.make()
        whole = source.read(times, names)
        last = source.header.members - 1
        for members in ([last], np.arange(last + 1)[::-1], slice(0, 1), [last, 0, last]):
            part = self.make().read(times, names, members=members)
            _require_equal(part, whole[:, members], f"a read of the members {members} gives other values")

    def test_some_nodes_are_those_of_the_whole(self) -> None:
        """A read of some nodes, in any order, gives their values in a read of all."""
        times, names = self._sample()
        source = self.make()
        whole = source.read(times, names)
        last = len(source.header.grid) - 1
        some = np.unique(np.linspace(0, last, self.most).astype(int))
        for nodes in ([last], some, some[::-1], slice(last // 3, last // 2 + 1), [last, 0, last]):
            part = self.make().read(times, names, nodes=nodes)
            _require_equal(part, whole[..., nodes], f"a read of the nodes {nodes} gives other values")

    def test_values_are_written_to_an_array(self) -> None:
        """A read into `out`, a view of a larger array too, writes each value, and nothing beside it."""
        times, names = self._sample()
        source = self.make()
        whole = source.read(times, names)
        half = slice(0, len(source.header.grid) // 2 + 1)
        for members, nodes in ((None, None), (slice(0, 1), half)):
            expected = whole[:, members or slice(None), :, nodes or slice(None)]
            room = np.full((2 * len(times), *expected.shape[1:-1], expected.shape[-1] + 1), UNTOUCHED, np.float32)
            out = room[::2, ..., :-1]
            found = source.read(times, names, members=members, nodes=nodes, out=out)
            require(found is out, "a read into `out` returns another array")
            _require_equal(out, expected, "a read into `out` leaves other values in it: write each, NaN where missing")
            out[:] = UNTOUCHED
            require((room == UNTOUCHED).all(), "a read into `out`, a view, writes beside it")

    def test_reads_do_not_disturb_each_other(self) -> None:
        """A caller may change the values of one read; the next read gives the original ones."""
        times, names = self._sample()
        source = self.make()
        first = source.read(times, names)
        kept = first.copy()
        first[:] = 12345.0
        _require_equal(source.read(times, names), kept, "a second read returns the caller's changes to the first one")

    def test_a_source_that_forgot_reads_the_same(self) -> None:
        """`forget` lets go of what is kept for later reads, and changes no value."""
        times, names = self._sample()
        source = self.make()
        expected = source.read(times, names).copy()
        source.forget()
        _require_equal(source.read(times, names), expected, "a read after `forget` gives other values")

    def test_missing_values_are_nan(self) -> None:
        """Values are neither infinite nor fill values such as 1e20, and each (time, variable) of `missing` has NaN."""
        times, names = self._sample()
        source = self.make()
        values = source.read(times, names)
        wrong = values[np.isinf(values) | (np.abs(values) >= LARGEST)]
        require(not wrong.size, f"a value is {wrong[:1]}: leave missing values as the NaN that `out` comes with")
        for moment, name in self.missing:
            there = source.read([parse_time(moment)], [name])
            require(np.isnan(there).any(), f"{name} at {moment} has missing values, but no NaN")

    def test_unknown_times_and_variables_are_refused(self) -> None:
        """An unknown time or variable is a DataError that names it, and `read` is not overridden."""
        for name in ("read", "fill"):
            own = getattr(self.plugin, name) is getattr(DataSource, name)
            require(own, f"`{name}` must not be overridden; fill `_read`")
        source = self.make()
        names, times = source.header.names[:1], source.header.times
        for what, wanted, variables, word in (
            ("an unknown variable", times[:1], ["no_such_variable"], "no_such_variable"),
            ("an unknown time", [times[-1] + np.timedelta64(1, "s")], names, "no data for"),
        ):
            try:
                source.read(wanted, variables)
            except DataError as error:
                require(word in str(error), f"the DataError about {what} does not say `{word}`: {error}")
            else:
                raise AssertionError(f"`read` of {what} must raise a DataError, got values")

    def test_a_copy_reads_the_same(self) -> None:
        """The source can be pickled after a read, as data-loader workers do, and the copy reads the same values."""
        times, names = self._sample()
        source = self.make()
        expected = source.read(times, names)
        try:
            copy = ForkingPickler.loads(ForkingPickler.dumps(source))
        except Exception as error:
            text = f"it cannot be pickled for data-loader workers: {error}; hold paths rather than open files"
            raise AssertionError(text) from error
        _require_equal(copy.read(times, names), expected, "a pickled copy reads other values")

    def test_another_process_reads_the_same(self) -> None:
        """Another process, such as a data-loader worker, reads the same values."""
        times, names = self._sample()
        source = self.make()
        try:
            found = read_elsewhere(source, times, names)
        except BrokenProcessPool as error:
            text = f"another process ended before it had read; it must be able to import {self.plugin.__module__}"
            raise AssertionError(text) from error
        _require_equal(found, source.read(times, names), "another process reads other values")

    def test_provenance_is_json(self) -> None:
        """`provenance` gives JSON, the same for two instances, before and after a read."""
        source = self.make()
        before = json.dumps(source.provenance(), allow_nan=False, sort_keys=True)
        source.read(*self._sample())
        after = json.dumps(self.make().provenance(), allow_nan=False, sort_keys=True)
        require(before == after, f"the provenance changes from {before[:200]} to {after[:200]}")
        require(before == json.dumps(source.provenance(), sort_keys=True), "reading changes the provenance")

    def test_checksums_are_those_of_the_files(self) -> None:
        """`checksums` gives nothing, or one text for each of the `files` of the provenance, with `name` and `bytes`."""
        source = self.make()
        found = source.checksums()
        if not found:
            return
        require(all(isinstance(one, str) for one in found), f"`checksums` must give texts, got {found}")
        files = source.provenance().get("files", [])
        require(
            len(found) == len(files), f"`checksums` gives {len(found)}, and the provenance has {len(files)} `files`"
        )
        for file in files:
            require({"name", "bytes"} <= set(file), f"each of `files` must have `name` and `bytes`, got {file}")

    def test_stamp_is_text(self) -> None:
        """`stamp` gives a text, the same for two instances."""
        first, other = (self.make().stamp() for _ in range(2))
        require(isinstance(first, str), f"`stamp` must give a text, got {first!r}")
        require(first == other, f"the stamp changes from {first} to {other}")

    def test_fingerprint_is_that_of_the_data(self) -> None:
        """`fingerprint` gives None or a text: the same for two instances and after a read, and quick to make."""
        source = self.make()
        start = time.perf_counter()
        first = source.fingerprint()
        seconds = time.perf_counter() - start
        require(first is None or (isinstance(first, str) and first != ""), f"`fingerprint` gives {first!r}: no text")
        text = f"`fingerprint` took {seconds:.1f} s, more than {self.quick_seconds:g} s; it must not read the data"
        require(seconds <= self.quick_seconds, text)
        source.read(*self._sample())
        for other in (source.fingerprint(), self.make().fingerprint()):
            require(first == other, f"the fingerprint changes from {first} to {other}")

    def test_statistics_source_has_the_variables(self) -> None:
        """The source that statistics are taken from, if it is another one, has every variable in the same units."""
        source = self.make()
        counted = source.statistics_source()
        if counted is source:
            return
        there = {variable.name: variable for variable in counted.header.variables}
        for variable in source.header.variables:
            found = there.get(variable.name)
            text = f"`statistics_source` gives a source that lacks {variable.name!r} in {variable.units!r}"
            require(found is not None and variable.has_units_of(found), text)

    def test_chunk_groups_number_the_variables(self) -> None:
        """`chunk_groups` gives a whole number for each variable, the same for two instances, and reads nothing long."""
        source = self.make()
        start = time.perf_counter()
        found = np.asarray(source.chunk_groups())
        seconds = time.perf_counter() - start
        count = len(source.header.variables)
        text = f"`chunk_groups` must give {count} whole numbers, one for each variable, got {found.dtype} {found.shape}"
        require(found.shape == (count,) and found.dtype.kind in "iu", text)
        text = f"`chunk_groups` took {seconds:.1f} s, more than {self.quick_seconds:g} s; it must not read the data"
        require(seconds <= self.quick_seconds, text)
        other = self.make().chunk_groups()
        require(np.array_equal(found, other), f"two instances have the groups {found} and {other}")

    def test_moments_are_those_of_the_values(self) -> None:
        """`moments` gives None, or those of `Moments.of` and of `Moments.of_change`, up to rounding."""
        source, (times, names) = self.make(), self._sample()
        weights, values = source.header.grid.area_weights, source.read(times, names)
        own = source.moments(times, names)
        if own is not None:
            _require_moments(own, [Moments.of(one, weights) for one in values], "values")
        if len(times) < 2:
            return
        step = source.header.times[1] - source.header.times[0]
        changes = source.moments(times[:1], names, step)
        if changes is not None:
            later = source.read(source.header.times[1:2], names)[0]
            _require_moments(changes, [Moments.of_change(values[0], later, weights)], "changes")

    def _sample(self) -> tuple[NDArray[np.datetime64], list[str]]:
        """Choose a few times and variables, the first and the last among them."""
        header = self.make().header
        sizes = len(header.times), len(header.names)
        times, variables = (np.unique(np.linspace(0, size - 1, self.most).astype(int)) for size in sizes)
        return header.times[times], [header.names[index] for index in variables]


def _require_moments(found: Moments, expected: Sequence[Moments], what: str) -> None:
    """Fail unless moments are those that were computed, up to rounding."""
    wanted = Moments.stack(expected).arrays()
    for name, array in found.arrays().items():
        require(array.shape == wanted[name].shape, f"the {name} of {what} has shape {array.shape}")
        fits = np.allclose(array, wanted[name], rtol=1e-9, atol=1e-30)
        require(fits, f"`moments` has another {name} of {what} than are read")


def _require_equal(found: ArrayLike, expected: ArrayLike, message: str) -> None:
    """Fail unless both arrays are equal bit for bit; NaN equals NaN."""
    a, b = np.asarray(found), np.asarray(expected)
    require(np.array_equal(np.isnan(a), np.isnan(b)), f"{message}: other values are missing")
    require(np.array_equal(a, b, equal_nan=True), f"{message}: up to {np.nanmax(np.abs(a - b), initial=0):.3g} off")
