"""The contract of data sources: good ones pass, each broken one is found out."""

import importlib
import itertools
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from wxml.data.source import SelectiveSource, SourceHeader
from wxml.data.variables import Variable
from wxml.testing import DataSourceContract, TravellingWaves
from wxml.testing.other_process import read_elsewhere


class TestWaves(DataSourceContract):
    plugin = TravellingWaves


class TestEnsemble(DataSourceContract):
    plugin = TravellingWaves
    options = {"members": 2, "days": 1}


class Local(TravellingWaves):
    """Its base, but in a file that no other process can import."""


class Gap(Local):
    """No temperature at the second time."""

    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        here = np.ix_(time_indices == 1, np.arange(out.shape[1]), variable_indices == 0)
        out[here] = np.nan


def test_missing_values_that_are_there_pass() -> None:
    contract = type("Checked", (DataSourceContract,), {"plugin": Gap, "missing": [("2000-01-01T06", "t")]})
    contract().test_missing_values_are_nan()
    contract().test_order_does_not_matter()


class SortsTimes(Local):
    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(np.sort(time_indices), variable_indices, out)


class SortsVariables(Local):
    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, np.sort(variable_indices), out)


class Anomalies(Local):
    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        out -= out.mean(0)


class OncePerTime(Local):
    def _read(self, time_indices, variable_indices, out) -> None:
        places = {int(index): place for place, index in enumerate(time_indices)}
        for index, place in places.items():
            super()._read(np.array([index]), variable_indices, out[place : place + 1])


class KeepsOut(Local):
    kept = None

    def _read(self, time_indices, variable_indices, out) -> None:
        if self.kept is None or self.kept.shape != out.shape:
            super()._read(time_indices, variable_indices, out)
            self.kept = out
        out[:] = self.kept


class FillValue(Local):
    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        out[..., 3] = 9.96921e36


class FillsGap(Gap):
    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        out[:] = np.nan_to_num(out)


class HoldsFunction(Local):
    def __init__(self) -> None:
        super().__init__()
        self.function = lambda: None


class Forgets(Local):
    def __init__(self) -> None:
        super().__init__()
        self.offset = 5

    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        out += self.__dict__.get("offset", 0)

    def __getstate__(self):
        return {"header": self.header}


class Falls(Local):
    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self.header, "times", self.header.times[::-1])


class Slow(Local):
    def __init__(self) -> None:
        time.sleep(0.1)
        super().__init__()


class Changing(Local):
    count = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        names = (Variable(f"t{next(self.count)}"),)
        self.header = SourceHeader(self.header.grid, names, self.header.times)


class NoVariables(Local):
    def __init__(self) -> None:
        super().__init__()
        self.header = SourceHeader(self.header.grid, (), self.header.times)


class SaysWhen(Local):
    def provenance(self):
        return {"read": time.perf_counter()}


class SaysArray(Local):
    def provenance(self):
        return {"times": self.header.times}


class SaysHowMuch(Local):
    reads = 0

    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        self.reads += 1

    def provenance(self):
        return {"reads": self.reads}


class OneFile(Local):
    """Its provenance names one file."""

    def provenance(self):
        return {"files": [{"name": "a.nc", "bytes": 5}]}

    def checksums(self):
        return ["0" * 64]


class TestOneFile(DataSourceContract):
    plugin = OneFile

    def test_another_process_reads_the_same(self) -> None:
        """No other process can import it."""


class SumsTwoFiles(OneFile):
    def checksums(self):
        return ["0" * 64] * 2


class SumsBytes(OneFile):
    def checksums(self):
        return [bytes(32)]


class HidesTheSize(OneFile):
    def provenance(self):
        return {"files": [{"name": "a.nc"}]}


class StampsNow(Local):
    def stamp(self):
        return str(time.perf_counter())


class StampsNumber(Local):
    def stamp(self):
        return 5


class FingerprintOfNow(Local):
    def fingerprint(self):
        return str(time.perf_counter())


class FingerprintOfNothing(Local):
    def fingerprint(self):
        return ""


class SlowFingerprint(Local):
    def fingerprint(self):
        time.sleep(0.1)
        return "one"


class OwnRead(Local):
    def read(self, times, variables):
        return super().read(times, variables)


class Partwise(SelectiveSource):
    """Waves of which a part can be read."""

    def __init__(self) -> None:
        self.waves = TravellingWaves(days=1, members=3)
        self.header = self.waves.header

    def _read_part(self, request, out) -> None:
        self.waves.fill(request, out)

    def provenance(self):
        return self.waves.provenance()


class FirstMembers(Partwise):
    def _read_part(self, request, out) -> None:
        super()._read_part(replace(request, members=slice(0, out.shape[1])), out)


class FirstNodes(Partwise):
    def _read_part(self, request, out) -> None:
        super()._read_part(replace(request, nodes=slice(0, out.shape[3])), out)


class LeavesRest(Partwise):
    """No temperature at the second time, and so nothing written."""

    def _read_part(self, request, out) -> None:
        there = np.flatnonzero(request.times != 1)
        out[there] = self.waves.read(self.header.times[request.times[there]], ["t", "q"])[:, request.members][
            :, :, request.variables
        ][..., request.nodes]


class WritesBeside(Partwise):
    def _read_part(self, request, out) -> None:
        super()._read_part(request, out)
        if out.base is not None and out.base.ndim == out.ndim and out.base.shape != out.shape:
            out.base[-1, ..., -1] = 0


class TestPartwise(DataSourceContract):
    plugin = Partwise
    test_another_process_reads_the_same = None  # none can import this file


def test_a_source_that_no_other_process_can_import_is_found_out(find_out) -> None:
    find_out(DataSourceContract, Partwise, "another_process_reads_the_same", "able to import .*test_data_source")


class CountedInOtherUnits(Local):
    def statistics_source(self):
        other = TravellingWaves()
        variables = tuple(replace(variable, units="degC") for variable in other.header.variables)
        other.header = replace(other.header, variables=variables)
        return other


class CountedWithout(Local):
    def statistics_source(self):
        other = TravellingWaves()
        other.header = replace(other.header, variables=other.header.variables[:1])
        return other


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (SortsTimes, "order_does_not_matter", "a read in another order gives other values"),
        (SortsVariables, "order_does_not_matter", "a read in another order gives other values"),
        (
            Anomalies,
            "slices_equal_single_reads",
            "t at 2000-01-01T00:00:00 has other values when it is read alone",
        ),
        (OncePerTime, "a_time_may_be_asked_for_twice", "other values are missing"),
        (KeepsOut, "reads_do_not_disturb_each_other", "returns the caller.s changes to the first one"),
        (FillValue, "missing_values_are_nan", "leave missing values as the NaN"),
        (HoldsFunction, "a_copy_reads_the_same", "cannot be pickled .*; hold paths rather than open files"),
        (Forgets, "a_copy_reads_the_same", "a pickled copy reads other values: up to 5 off"),
        (Falls, "times_rise", "times must rise strictly"),
        (Changing, "header_stays_the_same", "two instances have variables"),
        (NoVariables, "header_is_complete", "`header.variables` must have at least one, got 0"),
        (SaysWhen, "provenance_is_json", "the provenance changes from"),
        (SaysArray, "provenance_is_json", "not JSON serializable"),
        (SaysHowMuch, "provenance_is_json", "reading changes the provenance"),
        (SumsTwoFiles, "checksums_are_those_of_the_files", "`checksums` gives 2, and the provenance has 1 `files`"),
        (SumsBytes, "checksums_are_those_of_the_files", "`checksums` must give texts, got"),
        (HidesTheSize, "checksums_are_those_of_the_files", "each of `files` must have `name` and `bytes`, got"),
        (StampsNow, "stamp_is_text", "the stamp changes from"),
        (StampsNumber, "stamp_is_text", "`stamp` must give a text, got 5"),
        (FirstMembers, "some_members_are_those_of_the_whole", "a read of the members .2. gives other values"),
        (FirstNodes, "some_nodes_are_those_of_the_whole", "a read of the nodes .47. gives other values"),
        (LeavesRest, "values_are_written_to_an_array", "leaves other values in it: write each, NaN where missing"),
        (WritesBeside, "values_are_written_to_an_array", "writes beside it"),
        (FingerprintOfNow, "fingerprint_is_that_of_the_data", "the fingerprint changes from"),
        (FingerprintOfNothing, "fingerprint_is_that_of_the_data", "`fingerprint` gives '': no text"),
        (CountedInOtherUnits, "statistics_source_has_the_variables", "lacks 't' in 'K'"),
        (CountedWithout, "statistics_source_has_the_variables", "lacks 'q'"),
        (OwnRead, "unknown_times_and_variables_are_refused", "`read` must not be overridden"),
    ],
)
def test_a_broken_source_is_found_out(find_out, plugin, check, message) -> None:
    find_out(DataSourceContract, plugin, check, message)


def test_a_slow_header_is_found_out(find_out) -> None:
    find_out(DataSourceContract, Slow, "header_is_quick", "read fields in `_read` alone", quick_seconds=0.05)


def test_a_slow_fingerprint_is_found_out(find_out) -> None:
    check = "fingerprint_is_that_of_the_data"
    find_out(DataSourceContract, SlowFingerprint, check, "it must not read the data", quick_seconds=0.05)


def test_a_nan_that_was_dropped_is_found_out(find_out) -> None:
    missing = [("2000-01-01T06", "t")]
    message = "t at 2000-01-01T06 has missing values, but no NaN"
    find_out(DataSourceContract, FillsGap, "missing_values_are_nan", message, missing=missing)


def test_a_source_that_depends_on_its_process_is_found_out(find_out, tmp_path, monkeypatch) -> None:
    code = "import os\nfrom wxml.testing import TravellingWaves\nclass Native(TravellingWaves):\n"
    code += "    def _read(self, times, variables, out):\n        out[:] = os.getpid() % 1000\n"
    (tmp_path / "native_waves.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = importlib.import_module("native_waves").Native
    find_out(DataSourceContract, plugin, "another_process_reads_the_same", "another process reads other values")


def test_the_other_process_is_kept_as_long_as_it_has_the_surroundings_of_this_one(tmp_path, monkeypatch) -> None:
    code = "import os\nfrom wxml.testing import TravellingWaves\nclass Told(TravellingWaves):\n"
    code += "    def _read(self, times, variables, out):\n"
    code += "        out[:, :, 0], out[:, :, 1] = os.getpid(), float(os.environ['TOLD'])\n"
    (tmp_path / "told_waves.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = importlib.import_module("told_waves").Told()

    def read(told: str) -> tuple[float, float]:
        monkeypatch.setenv("TOLD", told)
        process, found = read_elsewhere(source, source.header.times[:1], source.header.names)[0, 0, :, 0]
        return float(process), float(found)

    first, again, other = read("1"), read("1"), read("2")
    assert (first[1], other[1]) == (1, 2)
    assert first == again
    assert first[0] not in (other[0], os.getpid())
