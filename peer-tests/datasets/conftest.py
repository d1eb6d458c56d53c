"""The peer's interpreter, data for both programs, and a store that the peer makes of them.

`WXML_PEERS_DATASETS` names the environment of the peer, which `nox -s peer_datasets` makes.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from exchanged_data import RECIPE, write_grib, write_netcdf

FOLDER = Path(__file__).parent
Run = Callable[..., str]


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program of the peer's environment, such as `anemoi-datasets`; return what it wrote."""
    folder = os.environ.get("WXML_PEERS_DATASETS")
    if not folder:
        pytest.skip("WXML_PEERS_DATASETS names no environment with anemoi-datasets")
    home = tmp_path_factory.mktemp("home")  # the peer writes settings there

    def run(program: str, *arguments: object, fails: bool = False) -> str:
        command = [str(Path(folder) / "bin" / program), *map(str, arguments)]
        done = subprocess.run(
            command, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False
        )
        text = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, text[-3000:]
        return text

    return run


@pytest.fixture(scope="session")
def zarr_of_peer(peer: Run) -> int:
    """The major version of the zarr library that the peer has."""
    return int(peer("python", "-c", "import zarr; print(zarr.__version__.split('.')[0])").split()[-1])


@pytest.fixture(scope="session")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `fields.nc` and `rain.grib`; see `exchanged_data`."""
    folder = tmp_path_factory.mktemp("fields")
    write_netcdf(folder / "fields.nc")
    write_grib(folder / "rain.grib")
    return folder


@pytest.fixture(scope="session", params=["zarr2", "zarr3"])
def peer_store(
    request: pytest.FixtureRequest,
    peer: Run,
    zarr_of_peer: int,
    fields: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The store that the peer makes of the fields."""
    if request.param == "zarr3" and zarr_of_peer == 2:
        pytest.skip("with the zarr that it asks for, the peer reads and writes zarr 2 alone")
    folder = tmp_path_factory.mktemp("peer")
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=fields, format=request.param))
    peer("anemoi-datasets", "create", folder / "recipe.yaml", folder / "store.zarr")
    return folder / "store.zarr"


@pytest.fixture(scope="session")
def peer_reads(peer: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Mapping[str, np.ndarray]]:
    """What the peer reads in a store, by the names that `peer_reads.py` gives."""

    def read(store: Path) -> Mapping[str, np.ndarray]:
        output = tmp_path_factory.mktemp("read") / "read.npz"
        peer("python", FOLDER / "peer_reads.py", store, output)
        with np.load(output) as arrays:
            return dict(arrays)

    return read
