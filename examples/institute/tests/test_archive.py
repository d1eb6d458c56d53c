"""What every data source must do, and what only this one does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from wxml import DataError
from wxml.testing import DataSourceContract

from acme_weather.archive import Archive
from acme_weather.example_archive import command, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of five days, of which the third is lost."""
    folder = tmp_path_factory.mktemp("acme") / "archive"
    write(folder, 5)
    (folder / "2000-01-03.npy").unlink()
    return folder


class TestArchive(DataSourceContract):
    plugin = Archive

    @pytest.fixture(autouse=True)
    def options_of_the_archive(self, folder: Path) -> None:
        """Where the archive is."""
        type(self).options = {"path": str(folder)}


def test_a_lost_day_is_a_gap(folder: Path) -> None:
    times = Archive(path=str(folder)).header.times
    assert len(times) == 16
    assert np.diff(times).max() == np.timedelta64(30, "h")


def test_values_are_those_of_the_file(folder: Path) -> None:
    source = Archive(path=str(folder))
    found = source.read(np.array(["2000-01-04T06"], "datetime64[s]"), ["u10", "t2m"])
    stored = np.load(folder / "2000-01-04.npy")[1]
    np.testing.assert_array_equal(found[0, 0], stored[::-1].reshape(2, -1))


def test_the_wave_is_back_after_four_days(folder: Path) -> None:
    first, back = Archive(path=str(folder)).read(np.array(["2000-01-01", "2000-01-05"], "datetime64[s]"), ["t2m"])
    np.testing.assert_allclose(first, back, atol=1e-3)


def changed(folder: Path, **index: Any) -> None:
    known = json.loads((folder / "archive.json").read_text())
    (folder / "archive.json").write_text(json.dumps({**known, **index}))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"variables": {}}, "no index of an archive"),
        ({"colour": "blue"}, "no index of an archive"),
        ({"hours": [0, 12]}, "must have the shape"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(index: dict[str, Any], message: str, tmp_path: Path) -> None:
    write(tmp_path / "archive", 1)
    changed(tmp_path / "archive", **index)
    with pytest.raises(DataError, match=message):
        source = Archive(path=str(tmp_path / "archive"))
        source.read(source.header.times, source.header.names)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"archive\.json is no index"):
        Archive(path=str(tmp_path))
    write(tmp_path / "archive", 1)
    (tmp_path / "archive" / "2000-01-01.npy").write_bytes(b"\x93NUMPY and nothing")
    source = Archive(path=str(tmp_path / "archive"))
    with pytest.raises(DataError, match="cannot be read"):
        source.read(source.header.times, ["t2m"])


def test_the_command_writes_nothing_over(tmp_path: Path) -> None:
    first = CliRunner().invoke(command, [str(tmp_path / "archive"), "--days", "1"])
    again = CliRunner().invoke(command, [str(tmp_path / "archive")])
    assert (first.exit_code, again.exit_code) == (0, 1)
    assert len(Archive(path=str(tmp_path / "archive")).header.times) == 4
