"""A failure of a file library becomes the OSError behind it."""

import errno
from pathlib import Path

import pytest
from wxml.files.failures import disk_errors


def test_another_failure_of_the_library_is_an_input_output_error(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match=r"Input/output error \(NetCDF: HDF error\)") as caught,
        disk_errors(tmp_path, 0),
    ):
        raise RuntimeError("NetCDF: HDF error")
    assert caught.value.errno == errno.EIO


def test_numbers_of_the_system_are_kept_and_those_of_the_library_are_not(tmp_path: Path) -> None:
    for number, expected in (errno.EACCES, errno.EACCES), (-101, errno.EIO):
        with pytest.raises(OSError, match=r"\(.*why") as caught, disk_errors(tmp_path, 0):
            raise OSError(number, "why")
        assert caught.value.errno == expected


def test_mistakes_in_the_program_are_not_taken_for_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), disk_errors(tmp_path, 0):
        _ = 1 / 0


def test_a_disk_without_room_for_what_is_written_is_full(tmp_path: Path) -> None:
    """No disk has room for an exbibyte."""
    with pytest.raises(OSError, match="No space left on device") as caught, disk_errors(tmp_path / "a.nc", 2**60):
        raise RuntimeError("NetCDF: HDF error")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.nc"))
