"""`wxml.open_forecast`: a forecast of any format is read by the plugin that wrote it."""

from pathlib import Path

import numpy as np
import pytest
from wxml import ArtefactError, ContractError, DataError, UnknownPluginError, open_forecast
from wxml.forecasting.layout import ForecastHeader
from wxml.testing.tiny_forecast import tiny_header, tiny_steps

POINTS = """
[wxml.forecast_writers]
rows = acme_rows:Rows
table = acme_rows:Table
mute = acme_rows:Mute
odd = acme_rows:Odd
"""
CODE = '''
import json
import numpy as np
from wxml import ArtefactError, DataError, ForecastWriter, StoredForecast
from wxml.testing.tiny_forecast import tiny_header

class Mute(ForecastWriter):
    """Writes the values of the tiny forecast, and reads nothing."""
    suffixes = (".mute",)
    def open(self, header):
        self.header, self.values = header, np.full((2, 2, 3, 1, len(header.grid)), np.nan, np.float32)
    def write(self, fields, lead_time):
        time, lead = self.header.place(fields, lead_time)
        self.values[:, time, lead, 0] = fields.values[0]
    def close(self):
        with open(self.target, "wb") as file:
            file.write(type(self).__name__.encode() + b"\\n")
            np.save(file, self.values)
    @classmethod
    def read_provenance(cls, target):
        return {"artefact": "forecast"}

class Rows(Mute):
    suffixes = (".rows",)
    closed = []
    @classmethod
    def read(cls, target):
        with open(target, "rb") as file:
            if file.readline().strip().decode() != cls.__name__:
                raise DataError(f"`{target}` is not mine", fix="none")
            values = np.load(file)
        names = [variable.name for variable in tiny_header().variables]
        return StoredForecast(tiny_header(), lambda case, name: values[names.index(name), case], cls.closed.append)

class Table(Rows):
    """Shares a suffix."""

class Odd(Mute):
    suffixes = (".odd",)
    @classmethod
    def read(cls, target):
        return 42
'''


@pytest.fixture
def acme(site):
    """An institute with four formats; two of them share a suffix."""
    site.add("acme-rows", POINTS, {"acme_rows.py": CODE})
    import acme_rows

    acme_rows.Rows.closed = []

    def write(path: Path, kind: str) -> Path:
        writer = getattr(acme_rows, kind)(str(path))
        writer.open(tiny_header())
        for step in tiny_steps(tiny_header()):
            writer.write(step.fields, step.lead_time)
        writer.close()
        return path

    return write


@pytest.mark.parametrize("kind", ["Rows", "Table"])
def test_the_values_are_those_that_were_written(acme, tmp_path: Path, kind: str) -> None:
    stored = open_forecast(acme(tmp_path / "f.rows", kind))
    assert isinstance(stored.header, ForecastHeader)
    for step in tiny_steps(tiny_header()):
        case, lead = step.place
        for name in step.fields.variables:
            np.testing.assert_array_equal(stored.read(case, name)[lead], step.fields[name])


def test_a_writer_may_be_named(acme, tmp_path: Path) -> None:
    path = acme(tmp_path / "f.rows", "Table")
    with pytest.raises(DataError, match="is not mine"):
        open_forecast(path, writer="rows")
    assert open_forecast(str(path), writer="acme-rows:table").read(1, "msl").shape == (3, 1, 24)


def test_what_is_not_there_is_refused_with_what_is(acme, tmp_path: Path) -> None:
    stored = open_forecast(acme(tmp_path / "f.rows", "Rows"))
    with pytest.raises(DataError, match="no variable 'mls'\n  did you mean 'msl'"):
        stored.read(0, "mls")
    with pytest.raises(UnknownPluginError, match="xyz"):
        open_forecast(acme(tmp_path / "f.xyz", "Rows"))
    with pytest.raises(ArtefactError, match="no suffix"):
        open_forecast(acme(tmp_path / "forecast", "Rows"))
    with pytest.raises(ContractError, match="must return a StoredForecast, got int"):
        open_forecast(acme(tmp_path / "f.odd", "Odd"))


@pytest.mark.carries_out("choose one from 0 to {}")
def test_a_case_is_the_number_of_an_initial_time(acme, tmp_path: Path) -> None:
    stored = open_forecast(acme(tmp_path / "f.rows", "Rows"))
    for case in (-1, 2):
        with pytest.raises(DataError, match=f"must be the number of an initial time, got {case}\n.*from 0 to 1"):
            stored.read(case, "msl")
    assert stored.read(1, "msl").shape == (3, 1, 24)


@pytest.mark.carries_out("write the forecast in a format that can be, such as zarr")
def test_a_format_without_a_reader_is_refused(acme, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"f\.mute` cannot be read back: its forecast writer `Mute` has no `read`"):
        open_forecast(acme(tmp_path / "f.mute", "Mute"))
    open_forecast(acme(tmp_path / "f.rows", "Rows"))


def test_the_file_is_closed_at_the_end_of_a_block(acme, tmp_path: Path) -> None:
    import acme_rows

    closed = []
    acme_rows.Rows.closed = type("Closed", (), {"append": lambda: closed.append(True)})
    with open_forecast(acme(tmp_path / "f.rows", "Rows")) as stored:
        assert not closed
        stored.read(0, "msl")
    assert closed == [True]
