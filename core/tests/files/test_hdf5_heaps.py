"""A global heap with a hole of zeros is refused; the HDF5 library reads its first free object for ever."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.files.hdf5_structure import check_hdf5_file

h5py = pytest.importorskip("h5py")

FORMS: dict[str, dict[str, Any]] = {
    "few attributes": {"attributes": 2},
    "attributes in a heap of their own": {"attributes": 20},
    "attributes in large blocks": {"attributes": 300},
    "a header that goes on": {"attributes": 20, "libver": "earliest"},
    "the newest format": {"attributes": 20, "libver": "latest"},
    "in a group": {"attributes": 2, "group": "a/b"},
}


def write(path: Path, attributes: int, libver: str | None = None, group: str = "") -> None:
    """A variable with dimensions, and texts of varying length; both lie in global heaps."""
    with h5py.File(path, "w", libver=libver, track_order=libver is None) as file:
        inside = file.require_group(group) if group else file
        inside["x"] = np.arange(3.0)
        inside["x"].make_scale("x")
        inside["t"] = np.ones(3, "f4")
        for number in range(attributes):
            inside["t"].attrs[f"a{number}"] = f"text {number}"
        inside["t"].dims[0].attach_scale(inside["x"])


def heaps(content: bytes) -> list[int]:
    """Where the heaps of a small file are."""
    return [place for place in range(len(content)) if content[place : place + 5] == b"GCOL\x01"]


@pytest.mark.parametrize("form", list(FORMS))
def test_a_whole_file_passes_and_one_with_a_hole_in_a_heap_does_not(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    write(path, **FORMS[form])
    assert check_hdf5_file(path) == {}
    content = path.read_bytes()
    found = heaps(content)
    assert found
    for start in found:
        for length in (16, 64, 512):
            path.write_bytes(content[: start + 16] + bytes(length) + content[start + 16 + length :])
            with pytest.raises(ValueError, match=f"the heap at byte {start} does not end"):
                check_hdf5_file(path)


def test_a_length_that_counts_backwards(tmp_path: Path) -> None:
    """The sum of 16 and of a length of 2⁶⁴ - 16 is 0 in the library."""
    write(tmp_path / "a.nc", 2)
    content = bytearray((tmp_path / "a.nc").read_bytes())
    start = heaps(bytes(content))[0]
    content[start + 24 : start + 32] = (2**64 - 16).to_bytes(8, "little")
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(ValueError, match="does not end"):
        check_hdf5_file(tmp_path / "a.nc")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), length=st.sampled_from([1, 8, 100, 1000]), form=st.sampled_from(list(FORMS)))
def test_a_hole_anywhere_is_told_or_harms_nothing(place: float, length: int, form: str, tmp_path: Path) -> None:
    """The check itself ends, whatever is damaged."""
    path = tmp_path / "a.nc"
    path.unlink(missing_ok=True)
    write(path, **FORMS[form])
    content = path.read_bytes()
    start = 8 + int(place * (len(content) - 9))  # without its signature it is no such file
    path.write_bytes((content[:start] + bytes(length) + content[start + length :])[: len(content)])
    try:
        check_hdf5_file(path)
    except (OSError, RuntimeError, KeyError, ValueError):
        return
    with h5py.File(path) as file:
        assert list(file) is not None


def test_the_library_does_not_end_by_itself(tmp_path: Path) -> None:
    """Once it does, the check may go."""
    path = tmp_path / "a.nc"
    write(path, 2)
    content = path.read_bytes()
    start = heaps(content)[0]
    path.write_bytes(content[: start + 16] + bytes(64) + content[start + 80 :])
    script = f"import h5py; print(dict(h5py.File({os.fspath(path)!r})['t'].attrs))"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", script], check=False, timeout=5, capture_output=True)
