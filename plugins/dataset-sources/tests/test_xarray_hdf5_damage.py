"""Changed bytes of an HDF5 file: the same values or a sentence, and never the end of the process."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

AXES = {
    "time": ([0.0, 6.0], b"hours since 2020-01-01"),
    "latitude": ([50.0, 40.0, 30.0], b"degrees_north"),
    "longitude": ([0.0, 10.0, 20.0, 30.0], b"degrees_east"),
}
SCRIPT = """
import collections, pathlib, random, sys, warnings
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

def read(path):
    source = XarraySource(path=str(path))
    grid = source.header.grid
    values = source.read(source.header.times, ["t"])
    return [part.tobytes() for part in (source.header.times, grid.latitudes, grid.longitudes, values)]

def outcome(path):
    try:
        return "same" if read(path) == whole else "other"
    except DataError as error:
        return "refused" if str(path) in error.message else "a sentence without the file"

warnings.simplefilter("ignore")
path = pathlib.Path(sys.argv[1])
content, whole = path.read_bytes(), read(path)
heap = content.index(b"GCOL")
heap = range(heap, heap + int.from_bytes(content[heap + 8 : heap + 16], "little"))
rng, counts = random.Random(int(sys.argv[2])), collections.Counter()
places = [place for place in range(len(content)) if place not in heap]
for number in range(int(sys.argv[3])):
    changed = bytearray(content)
    changed[rng.choice(places)] ^= rng.randrange(1, 256)
    path.with_name(f"{number}.nc").write_bytes(changed)
    counts[outcome(path.with_name(f"{number}.nc"))] += 1
print(*sorted(counts))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file whose metadata and values have checksums; only the heap with the lists of dimensions has none."""
    with h5py.File(tmp_path / "a.nc", "w", libver="latest") as file:
        for name, (values, units) in AXES.items():
            axis = file.create_dataset(name, data=values, fletcher32=True, chunks=(len(values),))
            axis.attrs["units"] = np.bytes_(units)
            axis.make_scale(name)
        field = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        variable = file.create_dataset("t", data=field, fletcher32=True, compression="gzip", chunks=field.shape)
        for number, name in enumerate(AXES):
            variable.dims[number].attach_scale(file[name])
    return tmp_path / "a.nc"


@pytest.mark.parametrize("seed", range(3))
def test_a_changed_byte_gives_the_same_values_or_a_sentence(path: Path, seed: int) -> None:
    command = [sys.executable, "-c", SCRIPT, str(path), str(seed), "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["refused", "same"]), done.stderr


@pytest.mark.parametrize("length", [10**14, 10**17])
def test_an_axis_that_no_memory_holds(length: int, tmp_path: Path) -> None:
    """Lengths that a few bytes state: nothing of them is in the file."""
    with h5py.File(tmp_path / "a.nc", "w") as file:
        for name, (values, units) in AXES.items():
            size = length if name == "time" else len(values)
            axis = file.create_dataset(name, shape=(size,), dtype="f8", chunks=(min(size, 1024),))
            axis.attrs["units"] = np.bytes_(units)
            axis.make_scale(name)
        variable = file.create_dataset("t", shape=(length, 3, 4), dtype="f4", chunks=(1, 3, 4))
        for number, name in enumerate(AXES):
            variable.dims[number].attach_scale(file[name])
    with pytest.raises(DataError, match=r"a\.nc` needs more memory than there is: Unable to allocate"):
        XarraySource(path=str(tmp_path / "a.nc"))
