"""The contract of forecast writers, as tests."""

__all__ = ["ForecastWriterContract"]

import json
import shutil
import unittest
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.errors import ArtefactError, DataError, WxmlError
from wxml.forecasting.layout import LEAD_TIME, MEMBER, TIME, ForecastHeader
from wxml.forecasting.stored import StoredForecast
from wxml.forecasting.writer import ForecastWriter
from wxml.testing.contract import Contract, NotClaimed, require
from wxml.testing.tiny_forecast import Step, tiny_header, tiny_steps

Values = dict[str, NDArray[np.float32]]


class ForecastWriterContract(Contract):
    """Checks of a ForecastWriter. A format that xarray does not read needs `read_back` overridden."""

    interface: ClassVar[type[Any]] = ForecastWriter
    suffix: ClassVar[str] = ""
    """The suffix of the file's name, such as `.nc`; empty if the format needs none."""

    def read_back(self, target: str) -> Values:
        """Read the values of each variable, shape `[time, lead_time, member, node]`; NaN where nothing was written.

        This calls the plugin's `read`; if it has none, it reads a NetCDF or zarr file in the layout of
        `wxml.forecasting.layout`.

        Raises:
            SkipTest: xarray is not installed, or does not know the format.
        """
        if self._can_be_read():
            with self.plugin.read(target) as stored:
                cases = range(len(stored.header.initial_times))
                names = [variable.name for variable in stored.header.variables]
                return {name: np.stack([stored.read(case, name) for case in cases]) for name in names}
        try:
            import xarray as xr

            engine: Any = {"engine": "zarr", "consolidated": False} if Path(target).is_dir() else {}
            opened = xr.open_dataset(target, decode_timedelta=True, **engine)
        except (ImportError, ValueError, OSError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise unittest.SkipTest(f"override `read_back`, since xarray cannot read the file: {reason}") from error
        found: Values = {}
        with opened as dataset:
            for name, field in dataset.data_vars.items():
                if {TIME, LEAD_TIME} <= set(field.dims):
                    of_members = field if MEMBER in field.dims else field.expand_dims(MEMBER)
                    values = of_members.transpose(TIME, LEAD_TIME, MEMBER, ...).values
                    found[str(name)] = values.reshape(*values.shape[:3], -1)
        return found

    def sample(self) -> Any:
        """Make a writer without opening it."""
        return self.make(f"forecast{self.suffix}")

    def rehearse(self) -> None:
        """Write one file."""
        with self._written(tiny_header()):
            pass

    # Values

    def test_what_was_written_reads_back(self) -> None:
        """The file holds every value of every step at its time and lead time, and NaN for missing values."""
        if not self.plugin.keeps_values:
            with self._written(tiny_header()):
                raise NotClaimed("not claimed: `keeps_values` is False, so that no value reads back")
        self._require_round_trip(tiny_header(), "what is read back is not what was written")

    def test_steps_may_come_in_any_order(self) -> None:
        """Steps in another order make the same file."""
        header = tiny_header()
        steps = tiny_steps(header)
        shuffled = [steps[number] for number in (4, 0, 5, 2, 1, 3)]
        self._require_round_trip(header, "steps in another order are not in their places", shuffled)

    def test_variables_may_come_in_any_order(self) -> None:
        """`write` refuses variables in another order than the header's, or writes each under its own name."""
        header = tiny_header()
        turned = [_with_fields(s, s.fields.variables[::-1], s.fields.values[:, ::-1]) for s in tiny_steps(header)]
        try:
            self._require_round_trip(header, "variables in another order than the header's are mixed up", turned)
        except WxmlError:
            return

    def test_steps_may_be_missing(self) -> None:
        """A forecast that breaks off can be closed; the file holds NaN for its missing steps."""
        header = tiny_header()
        self._require_round_trip(
            header, "a forecast that broke off is not read back as it was written", tiny_steps(header)[:2]
        )

    def test_members_and_grids(self) -> None:
        """`open` accepts ensembles, regular grids and scattered nodes, or refuses them with a DataError."""
        scattered = Grid.unstructured([50.0, 51.0, 48.5], [5.0, 7.5, 11.0])
        served = 0
        for header in (tiny_header(members=2), tiny_header(scattered), tiny_header()):
            try:
                self._require_round_trip(header, f"{header.members} members on {len(header.grid)} nodes differ")
            except DataError:
                continue
            served += 1
        require(served, "`open` refuses an ensemble, a regular grid and scattered nodes; it must accept one of them")

    def test_fields_are_not_modified(self) -> None:
        """`write` leaves the fields as they are, since core continues from them."""
        steps = tiny_steps(tiny_header())
        kept = [step.fields.values.copy() for step in steps]
        with self._written(tiny_header(), steps):
            same = [np.array_equal(a.fields.values, b, equal_nan=True) for a, b in zip(steps, kept, strict=True)]
        require(all(same), "`write` changed the fields in place")

    # Refusals

    def test_other_variables_are_refused(self) -> None:
        """`write` refuses a step with a variable too many, a variable too few, or a variable of another name."""
        step = tiny_steps(tiny_header())[0]
        values = step.fields.values
        wrong = {
            "a variable is missing": _with_fields(step, ("t_850",), values[:, :1]),
            "a variable has another name": _with_fields(step, ("t_850", "q"), values),
            "there is one variable too many": _with_fields(step, ("t_850", "msl", "q"), np.repeat(values, 2, 1)[:, :3]),
        }
        self._require_steps_refused(wrong)

    def test_unannounced_steps_are_refused(self) -> None:
        """`write` refuses a step whose lead time or initial time is not in the header, or that has too few nodes."""
        step = tiny_steps(tiny_header())[0]
        day = np.timedelta64(86400, "s")
        later = Fields(step.fields.valid_time + day, step.fields.variables, step.fields.values)
        wrong = {
            "the lead time is not in the header": replace(step, fields=later, lead_time=step.lead_time + day),
            "the initial time is not in the header": replace(step, fields=later),
            "the fields have too few nodes": _with_fields(step, step.fields.variables, step.fields.values[..., :5]),
        }
        self._require_steps_refused(wrong)

    # The file

    def test_read_tells_what_was_announced(self) -> None:
        """`read` returns grid, variables, times, members and provenance of the header, if the class has it."""
        self._skip_unless_read()
        served = 0
        for header in (tiny_header(members=2), tiny_header()):
            try:
                with self._written(header) as target, self.plugin.read(target) as stored:
                    require(isinstance(stored, StoredForecast), f"`read` must return a StoredForecast, got {stored!r}")
                    self._require_header(stored.header, header)
            except DataError:
                continue
            served += 1
        require(served, "`read` refuses what was written")

    def test_read_refuses_what_is_no_forecast(self) -> None:
        """`read` raises a DataError that names the file, for a file of another kind and for one that does not exist."""
        self._skip_unless_read()
        with self.folder() as folder:
            note = folder / f"note{self.suffix}"
            note.write_text("no forecast")
            for target in (note, folder / f"absent{self.suffix}"):
                try:
                    stored = self.plugin.read(str(target))
                except DataError as error:
                    require(target.name in str(error), f"the DataError does not name the file: {error}")
                    continue
                raise AssertionError(f"`read` made {stored} of {target.name}, must raise a DataError")

    def test_provenance_reads_back(self) -> None:
        """`read_provenance` returns the record of the header, letters of every alphabet included."""
        header = tiny_header()
        with self._written(header) as target:
            found = self.plugin.read_provenance(target)
        require(found == header.provenance, f"the provenance {header.provenance} came back as {found}")

    def test_other_files_have_no_provenance(self) -> None:
        """`read_provenance` raises an ArtefactError for a file of another kind and for a file that does not exist."""
        with self.folder() as folder:
            note = folder / f"note{self.suffix}"
            note.write_text("no forecast")
            for target in (note, folder / f"absent{self.suffix}"):
                try:
                    record = self.plugin.read_provenance(str(target))
                except ArtefactError:
                    continue
                text = f"`read_provenance` made {record} of {target.name}, must raise an ArtefactError"
                raise AssertionError(text)

    def test_nothing_but_the_target_is_written(self) -> None:
        """After `close` the target exists as a file or a folder, and nothing else was written beside it."""
        with self._written(tiny_header()) as target:
            found = sorted(path.name for path in Path(target).parent.iterdir())
            require(found == [Path(target).name], f"the folder must hold {Path(target).name} alone, got {found}")

    def test_close_without_steps(self) -> None:
        """`close` works if no step was written, since the first one may fail, and may be called twice."""
        with self.folder() as folder:
            writer = self._writer(folder)
            writer.open(tiny_header())
            writer.close()
            writer.close()

    def test_a_file_that_broke_off_is_gone_on_with(self) -> None:
        """`reopen` goes on at the mark that `mark` returned, if it returns any: the file has the bytes of a whole one.

        The process may have been killed at any later step. A mark may be in the midst of an initial time.
        """
        for number in (3, 4):
            self._check_mark(number)

    def _check_mark(self, number: int) -> None:
        """Check that a file goes on at a mark after so many steps."""
        header = tiny_header()
        steps = tiny_steps(header)
        with self._written(header, steps) as target:
            whole = file_contents(Path(target))
        with self.folder() as folder:
            (folder / "killed").mkdir()
            killed, writer = self._writer(folder / "killed"), self._writer(folder)
            killed.open(header)
            try:
                for step in steps[:number]:
                    killed.write(step.fields, step.lead_time)
                mark = killed.mark()
                if mark is None:
                    raise NotClaimed("not claimed: `mark` returns None, so a file that broke off is begun anew")
                killed.write(steps[number].fields, steps[number].lead_time)
                copy(Path(killed.target), Path(writer.target))
            finally:
                killed.close()
            writer.reopen(header, json.loads(json.dumps(mark)))
            for step in steps[number:]:
                writer.write(step.fields, step.lead_time)
            writer.close()
            found = file_contents(Path(writer.target))
        require(found == whole, "a file that was gone on with differs from one that was written in one go")

    def test_more_initial_times_are_appended(self) -> None:
        """`extend` opens a whole file for more initial times; what was there stays. Or it raises a DataError."""
        header = tiny_header()
        steps, first = tiny_steps(header), replace(header, initial_times=header.initial_times[:1])
        with self._written(first, steps[:3]) as target:
            writer = self.make(target)
            try:
                writer.extend(header)
            except DataError as error:
                raise NotClaimed("not claimed: the class has no `extend`, so it appends nothing") from error
            for step in steps[3:]:
                writer.write(step.fields, step.lead_time)
            writer.close()
            found = file_contents(Path(target))
        with self._written(header, steps) as target:
            require(
                found == file_contents(Path(target)), "an extended file differs from one that was written in one go"
            )

    def _can_be_read(self) -> bool:
        return bool(self.plugin.read.__func__ is not ForecastWriter.read.__func__)  # type: ignore[attr-defined]

    def _skip_unless_read(self) -> None:
        if not self._can_be_read():
            raise NotClaimed("not claimed: the class has no `read`, so `wxml verify` cannot read its files")

    def _require_header(self, found: ForecastHeader, header: ForecastHeader) -> None:
        for name in ("initial_times", "lead_times"):
            got, given = getattr(found, name), getattr(header, name)
            require(np.array_equal(got, given), f"`read` must tell the `{name}` {given}, got {got}")
        for name in ("members", "provenance"):
            got, given = getattr(found, name), getattr(header, name)
            require(got == given, f"`read` must tell the {name} {given}, got {got}")
        told, given = ({one.name: one.units for one in each.variables} for each in (found, header))
        require(told == given, f"`read` must tell the variables and units {given}, got {told}")
        for name in ("latitudes", "longitudes"):
            places, given = getattr(found.grid, name), getattr(header.grid, name)
            same = np.shape(places) == np.shape(given) and np.allclose(places, given, atol=1e-3)
            require(same, f"`read` must tell the {name} of the nodes in the order of the grid")

    def _writer(self, folder: Path) -> Any:
        return self.make(str(folder / f"forecast{self.suffix}"))

    @contextmanager
    def _written(self, header: ForecastHeader, steps: Sequence[Step] | None = None) -> Iterator[str]:
        """Write `steps`, by default all of the header, and yield the target."""
        with self.folder() as folder:
            writer = self._writer(folder)
            try:
                writer.open(header)
                for step in tiny_steps(header) if steps is None else steps:
                    writer.write(step.fields, step.lead_time)
            finally:
                writer.close()
            yield writer.target

    def _require_round_trip(self, header: ForecastHeader, message: str, steps: Sequence[Step] | None = None) -> None:
        steps = tiny_steps(header) if steps is None else steps
        with self._written(header, steps) as target:
            if not self.plugin.keeps_values:
                return
            found = self.read_back(target)
        shape = (len(header.initial_times), len(header.lead_times), header.members, len(header.grid))
        expected = {variable.name: np.full(shape, np.nan, np.float32) for variable in header.variables}
        for step in steps:
            for name in step.fields.variables:
                expected[name][step.place] = step.fields[name]
        for name, values in expected.items():
            require(name in found, f"{message}: there is no {name}, only {', '.join(sorted(found)) or 'nothing'}")
            got = np.shape(found[name])
            require(got == shape, f"{message}: {name} must have shape {shape}, got {got}")
            wrong = int(np.sum(~np.isclose(found[name], values, rtol=1e-5, atol=0, equal_nan=True)))
            require(not wrong, f"{message}: {wrong} of {values.size} values of {name}")

    def _require_steps_refused(self, wrong: dict[str, Step]) -> None:
        for what, step in wrong.items():
            refused = False
            with self.folder() as folder:
                writer = self._writer(folder)
                writer.open(tiny_header())
                try:
                    writer.write(step.fields, step.lead_time)
                except WxmlError:
                    refused = True
                finally:
                    writer.close()
            require(refused, f"`write` accepts a step although {what}; raise a DataError")


def _with_fields(step: Step, variables: tuple[str, ...], values: NDArray[np.float32]) -> Step:
    return replace(step, fields=Fields(step.fields.valid_time, variables, np.ascontiguousarray(values)))


def file_contents(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of each file in a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
