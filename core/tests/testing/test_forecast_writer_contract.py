"""The contract of forecast writers: a good one passes, each broken one is found out."""

import json
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wxml import ForecastHeader, Grid, StoredForecast, Variable
from wxml.errors import ArtefactError, DataError
from wxml.forecasting.writer import ForecastWriter
from wxml.testing import ForecastWriterContract


class NpzWriter(ForecastWriter):
    """Keeps everything until `close`, then writes one array for each variable."""

    header = None

    def open(self, header) -> None:
        self.header = header
        shape = (len(header.initial_times), len(header.lead_times), header.members, len(header.grid))
        self.arrays = {variable.name: np.full(shape, np.nan, np.float32) for variable in header.variables}

    def write(self, fields, lead_time) -> None:
        self.check(fields, lead_time)
        place = self.place(fields, lead_time)
        for name in self.arrays:
            self.arrays[name][place] = fields[name]

    def check(self, fields, lead_time) -> None:
        if sorted(fields.variables) != sorted(self.arrays) or fields.values.shape[-1] != len(self.header.grid):
            raise DataError("other variables or nodes", fix="none")
        initial = fields.valid_time - lead_time
        if initial not in self.header.initial_times or lead_time not in self.header.lead_times:
            raise DataError("another step", fix="none")

    def place(self, fields, lead_time):
        initial = fields.valid_time - lead_time
        return np.searchsorted(self.header.initial_times, initial), np.searchsorted(self.header.lead_times, lead_time)

    def close(self) -> None:
        if self.header is not None:
            record = np.array(json.dumps(self.header.provenance))
            with Path(self.target).open("wb") as file:
                np.savez(file, wxml_provenance=record, **self.arrays)

    @classmethod
    def read_provenance(cls, target):
        try:
            with np.load(target) as file:
                return json.loads(str(file["wxml_provenance"]))
        except (OSError, ValueError) as error:
            raise ArtefactError(f"`{target}` is no forecast", fix="none") from error


class NpzContract(ForecastWriterContract):
    def read_back(self, target):
        with np.load(target) as file:
            return {name: file[name] for name in file.files if name != "wxml_provenance"}


class TestNpz(NpzContract):
    plugin = NpzWriter
    suffix = ".npz"


class Readable(NpzWriter):
    """Keeps the grid, the times and the units, too, and reads all of it back."""

    def close(self) -> None:
        if self.header is not None:
            told = {name: getattr(self.header, name) for name in ("initial_times", "lead_times")}
            places = self.header.grid.latitudes, self.header.grid.longitudes
            units = {f"units_{one.name}": np.array(one.units) for one in self.header.variables}
            self.arrays = {**self.arrays, **told, **units, "places": np.stack(places)}
        super().close()

    @classmethod
    def read(cls, target):
        try:
            with np.load(target) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError) as error:
            raise DataError(f"`{target}` is no forecast", fix="none") from error
        units = {name.removeprefix("units_"): str(found[name]) for name in found if name.startswith("units_")}
        variables = tuple(Variable(name, units=unit) for name, unit in units.items())
        times, leads = found["initial_times"], found["lead_times"]
        members, record = found[variables[0].name].shape[2], json.loads(str(found["wxml_provenance"]))
        header = ForecastHeader(Grid.unstructured(*found["places"]), variables, times, leads, members, record)
        return StoredForecast(header, lambda case, name: found[name][case])


class TestReadable(ForecastWriterContract):
    plugin = Readable
    suffix = ".npz"


class MixesTimes(Readable):
    @classmethod
    def read(cls, target):
        stored = super().read(target)
        return replace(stored, reader=lambda case, name: stored.reader(0, name))


class Turned(Readable):
    @classmethod
    def read(cls, target):
        stored = super().read(target)
        return replace(stored, reader=lambda case, name: stored.reader(case, name).swapaxes(0, 1))


def told_otherwise(**changes):
    """A writer whose `read` tells another header."""

    class Otherwise(Readable):
        @classmethod
        def read(cls, target):
            stored = super().read(target)
            values = {name: change(stored.header) for name, change in changes.items()}
            return replace(stored, header=replace(stored.header, **values))

    return Otherwise


class MakesUpForecasts(Readable):
    @classmethod
    def read(cls, target):
        return super().read(target) if Path(target).is_file() and "note" not in target else "a forecast"


class Rounds(NpzWriter):
    def write(self, fields, lead_time) -> None:
        super().write(fields, lead_time)
        for array in self.arrays.values():
            array[:] = np.round(array, -1)


class NanToZero(NpzWriter):
    def close(self) -> None:
        self.arrays = {name: np.nan_to_num(array) for name, array in self.arrays.items()}
        super().close()


class AsTheyCome(NpzWriter):
    calls = 0

    def place(self, fields, lead_time):
        self.calls += 1
        return divmod(self.calls - 1, 3)


class IgnoresNames(NpzWriter):
    def write(self, fields, lead_time) -> None:
        self.check(fields, lead_time)
        for number, name in enumerate(self.arrays):
            self.arrays[name][self.place(fields, lead_time)] = fields.values[:, number]


class WantsAll(NpzWriter):
    def close(self) -> None:
        if np.isnan(next(iter(self.arrays.values()))).all(axis=-1).any():
            raise ValueError("steps are missing")
        super().close()


class FirstMember(NpzWriter):
    def write(self, fields, lead_time) -> None:
        super().write(fields, lead_time)
        for array in self.arrays.values():
            array[:, :, 1:] = np.nan


class ChangesFields(NpzWriter):
    def write(self, fields, lead_time) -> None:
        super().write(fields, lead_time)
        fields.values[:] = 0


class TakesAnything(NpzWriter):
    def check(self, fields, lead_time) -> None:
        pass

    def write(self, fields, lead_time) -> None:
        self.arrays |= {name: fields[name] for name in fields.variables}


class Ascii(NpzWriter):
    @classmethod
    def read_provenance(cls, target):
        record = super().read_provenance(target)
        return json.loads(json.dumps(record).replace("\\u00e9", "?"))


class MakesUpProvenance(NpzWriter):
    @classmethod
    def read_provenance(cls, target):
        return {"artefact": "forecast"}


class Litters(NpzWriter):
    def close(self) -> None:
        super().close()
        Path(f"{self.target}.log").write_text("done")


class NeedsAStep(NpzWriter):
    calls = 0

    def write(self, fields, lead_time) -> None:
        super().write(fields, lead_time)
        self.calls += 1

    def close(self) -> None:
        if not 1 // self.calls:
            self.calls = 1
        super().close()


class WritesNothing(NpzWriter):
    def write(self, fields, lead_time) -> None:
        self.arrays = {}


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Rounds, "what_was_written_reads_back", "what is read back is not what was written: .* values of t_850"),
        (NanToZero, "what_was_written_reads_back", "6 of 144 values of msl"),
        (WritesNothing, "what_was_written_reads_back", "there is no t_850, only nothing"),
        (AsTheyCome, "steps_may_come_in_any_order", "steps in another order are not in their places"),
        (IgnoresNames, "variables_may_come_in_any_order", "are mixed up"),
        (NanToZero, "steps_may_be_missing", "a forecast that broke off is not read back"),
        (WantsAll, "steps_may_be_missing", "steps are missing"),
        (FirstMember, "members_and_grids", "2 members on 24 nodes differ"),
        (ChangesFields, "fields_are_not_modified", "`write` changed the fields in place"),
        (TakesAnything, "other_variables_are_refused", "accepts a step although a variable is missing"),
        (TakesAnything, "unannounced_steps_are_refused", "although the lead time is not in the header"),
        (Ascii, "provenance_reads_back", "came back as"),
        (MakesUpProvenance, "other_files_have_no_provenance", "must raise an ArtefactError"),
        (Litters, "nothing_but_the_target_is_written", "alone, got .*'forecast.log'"),
        (NeedsAStep, "close_without_steps", "zero"),
    ],
)
def test_a_broken_writer_is_found_out(find_out, plugin, check, message) -> None:
    find_out(NpzContract, plugin, check, message)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (MixesTimes, "what_was_written_reads_back", "what is read back is not what was written"),
        (Turned, "what_was_written_reads_back", r"must return \[lead_time, member, node\] = \[3, 1, 24\] values"),
        (
            told_otherwise(lead_times=lambda header: header.lead_times * 2),
            "read_tells_what_was_announced",
            "must tell the `lead_times`",
        ),
        (
            told_otherwise(provenance=lambda _: {}),
            "read_tells_what_was_announced",
            "must tell the provenance .* got {}",
        ),
        (
            told_otherwise(variables=lambda header: header.variables[::-1][:1]),
            "read_tells_what_was_announced",
            "must tell the variables and units",
        ),
        (
            told_otherwise(grid=lambda header: Grid.unstructured(-header.grid.latitudes, header.grid.longitudes)),
            "read_tells_what_was_announced",
            "the latitudes of the nodes in the order of the grid",
        ),
        (MakesUpForecasts, "read_refuses_what_is_no_forecast", "must raise a DataError"),
    ],
)
def test_a_reader_that_tells_something_else_is_found_out(find_out, plugin, check, message) -> None:
    find_out(ForecastWriterContract, plugin, check, message, suffix=".npz")


def test_without_a_way_to_read_the_file_the_values_are_not_checked() -> None:
    contract = type("Checked", (ForecastWriterContract,), {"plugin": NpzWriter, "suffix": ".npz"})
    with pytest.raises(unittest.SkipTest, match="override `read_back`"):
        contract().test_what_was_written_reads_back()
