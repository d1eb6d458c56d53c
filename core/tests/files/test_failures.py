"""A failure of a file library becomes the OSError behind it."""

import errno
from pathlib import Path

import pytest
from wxml.errors import (
    AmbiguousPluginError,
    ArtefactError,
    BrokenPluginError,
    ConfigError,
    ContractError,
    DataError,
    Fault,
    UnknownPluginError,
    WxmlError,
)
from wxml.files.failures import DAMAGE, damage_errors, disk_errors

PLAIN = (AmbiguousPluginError, ArtefactError, BrokenPluginError, ContractError, DataError, UnknownPluginError)
OWN = [*(kind("its own words", fix="its own fix") for kind in PLAIN), ConfigError([Fault("a", "its own words")])]


def told(error: Exception) -> DataError:
    return DataError(f"the file is damaged: {error}", fix="write it again")


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


@pytest.mark.parametrize("own", OWN, ids=lambda error: type(error).__name__)
def test_an_error_of_wxml_is_no_damage(own: WxmlError) -> None:
    """Most of them are also a ValueError, an OSError, a TypeError or a LookupError, as the library's failures are."""
    with pytest.raises(WxmlError) as caught, damage_errors(told):
        raise own
    assert caught.value is own


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_failure_of_the_library_is_told(kind: type[Exception]) -> None:
    with pytest.raises(DataError, match=r"the file is damaged: .*why") as caught, damage_errors(told):
        raise kind("why")
    assert isinstance(caught.value.__cause__, kind)


def test_only_the_kinds_of_the_library_are_told() -> None:
    with pytest.raises(IndexError), damage_errors(told, (ValueError,)):
        raise IndexError
    with pytest.raises(ZeroDivisionError), damage_errors(told):
        _ = 1 / 0
