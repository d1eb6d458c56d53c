"""The chunks that are packed beside the NetCDF library are those that it would have made."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from wxml import Grid
from wxml_forecast_writers.netcdf_writer import NetcdfWriter

OPTIONS = [{}, {"level": 4}, {"compression": "none"}]


@contextmanager
def torch_threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@given(
    values=arrays.arrays(np.float32, (6, 5, 2, 12), elements=st.floats(width=32, allow_infinity=False)),
    options=st.sampled_from(OPTIONS),
)
@settings(max_examples=20, deadline=None)
def test_any_values_read_back_with_the_same_bits_whatever_the_threads(
    tmp_path_factory, make_header, write_forecast, values, options
) -> None:
    """Five members, two a chunk: the last chunk is filled up."""
    folder = tmp_path_factory.mktemp("chunks")
    steps = [(time, lead, values[3 * time + lead]) for time, lead in np.ndindex(2, 3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml.forecasting.layout._CHUNK_BYTES", 4 * 12 * 2)
        for count in (1, 3):
            writer = NetcdfWriter(str(folder / f"{count}.nc"), **options)
            with torch_threads(count):
                write_forecast(writer, make_header(members=5), steps)
    assert (folder / "1.nc").read_bytes() == (folder / "3.nc").read_bytes()
    with netCDF4.Dataset(folder / "3.nc") as file:
        file.set_auto_mask(False)
        for number, name in enumerate(("t_850", "msl")):
            found = file[name][...]
            assert file[name].chunking() == [1, 1, 2, 3, 4]
            expected = values[:, :, number].reshape(2, 3, 5, 3, 4)
            np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_chunk_has_the_bytes_that_hdf5_unpacks_and_the_size_that_it_packs_to(
    tmp_path, make_header, write_forecast, options
) -> None:
    """Beside a file that netCDF4 has packed itself: no filter is left out, and none is larger by a tenth."""
    grid = Grid.unstructured(np.linspace(-80, 80, 20_000), np.zeros(20_000))
    values = (280 + 9 * np.sin(np.linspace(0, 20, 20_000))).astype(np.float32)
    path = write_forecast(NetcdfWriter(str(tmp_path / "ours.nc"), **options), make_header(grid), [(1, 2, values)])
    with netCDF4.Dataset(tmp_path / "theirs.nc", "w") as file:
        file.createDimension("cell", len(values))
        packing = {} if options.get("compression") else {"compression": "zlib", "complevel": options.get("level", 1)}
        file.createVariable("msl", "f4", ("cell",), chunksizes=(len(values),), **packing)[...] = values
    sizes, pipelines = [], []
    for name in (path, tmp_path / "theirs.nc"):
        with h5py.File(name) as file:
            chunk, creation = file["msl"].id.get_chunk_info(0), file["msl"].id.get_create_plist()
            assert chunk.filter_mask == 0
            sizes.append(chunk.size)
            pipelines.append([creation.get_filter(number) for number in range(creation.get_nfilters())])
    assert pipelines[0] == pipelines[1]
    assert sizes[0] <= 1.1 * sizes[1]


SPIKES = """
import sys
import conftest, numpy as np
from wxml import Grid
from wxml.forecasting import layout
from wxml_forecast_writers.netcdf_writer import NetcdfWriter

random = np.random.default_rng(0)
for cells in (24, 200, 1030):
    layout._CHUNK_BYTES = 4 * cells
    values = np.repeat(random.normal(0, 1e5, (6, 50, 2, 1)), cells, axis=-1)
    values[..., random.integers(0, cells, 3)] = random.normal()
    header = conftest._header(Grid.unstructured(np.linspace(-80, 80, cells), np.zeros(cells)), members=50)
    steps = [(time, lead, values[3 * time + lead]) for time, lead in np.ndindex(2, 3)]
    conftest._written(NetcdfWriter(f"{sys.argv[1]}/{cells}.nc"), header, steps)
"""


def test_the_bytes_do_not_depend_on_what_lay_in_the_memory(tmp_path) -> None:
    """The C library fills the memory that it gives with a byte, where it is one that can."""
    written = []
    for byte in ("0", "165"):
        folder = tmp_path / byte
        folder.mkdir()
        environment = os.environ | {"MALLOC_PERTURB_": byte}
        program = [sys.executable, "-c", SPIKES, str(folder)]
        subprocess.run(program, check=True, env=environment, cwd=Path(__file__).parent)
        written.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert len(written[0]) == 3
    assert written[0] == written[1]


def test_a_file_may_be_read_by_netcdf_while_another_is_written(tmp_path, make_header, write_forecast) -> None:
    """The two libraries are in one process, with a file each."""
    first = write_forecast(NetcdfWriter(str(tmp_path / "first.nc")), make_header(), [(0, 0, 3.0)])
    with netCDF4.Dataset(first) as file:
        second = write_forecast(NetcdfWriter(str(tmp_path / "second.nc")), make_header(), [(0, 0, 4.0)])
        assert float(file["msl"][0, 0].mean()) == 3.0
    assert Path(second).exists()
