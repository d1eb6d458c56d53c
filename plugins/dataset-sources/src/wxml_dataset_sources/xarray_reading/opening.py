"""Opens NetCDF and zarr lazily with xarray, and turns the errors of the libraries into sentences."""

__all__ = [
    "TOO_LARGE",
    "WRITE_AGAIN",
    "absent_chunks",
    "damaged",
    "in_file",
    "opened",
    "release",
    "released_after_failure",
    "stored_times",
    "unreadable",
]

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import ref

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.data.read_request import run
from wxml.errors import DataError
from wxml.files.failures import DAMAGE, damage_errors
from wxml.files.hdf5_structure import check_hdf5_file
from wxml.files.netcdf_lock import NETCDF_LOCK

from wxml_dataset_sources.remote.documents import StoreAt, check_store
from wxml_dataset_sources.remote.opendap import OpendapAt, check_opendap
from wxml_dataset_sources.xarray_reading.classic_netcdf import check_length
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.in_memory import DatasetAt
from wxml_dataset_sources.xarray_reading.layouts import kept_times, with_units_of_levels

if TYPE_CHECKING:
    from wxml_dataset_sources.zarr_reading.absent_chunks import AbsentChunks
    from wxml_dataset_sources.zarr_reading.whole_chunks import WholeChunks

TOO_LARGE = (
    "a length in it may be damaged: fetch or write the file again; else choose fewer `levels`, or write the data into "
    "several files"
)
WRITE_AGAIN = "write the variable again, as numbers, with a usual compression such as zlib"
CHUNK_CACHE: Final = 2**20
"""Bytes of unpacked chunks that the NetCDF library keeps of each variable; its 64 MiB add up to all of the data."""
KEPT_OPEN = 1024  # datasets with their metadata; xarray itself limits the number of open files

_datasets: list[ref[xr.Dataset]] = []
"""Datasets that were opened since the last `release`."""

_raw = partial(xr.open_dataset, decode_times=False, decode_timedelta=False, cache=False)


def opened(file: DataFile, *, as_stored: bool = False) -> xr.Dataset:
    """Open the file as a lazy dataset; xarray masks and scales the values, and does not decode the times.

    With `as_stored`, the values and attributes are those in the file, neither masked nor scaled.

    The dataset stays open until `release`. Every process opens its own: a handle that was opened before a fork shares
    its position in the file with the parent.

    Raises:
        DataError: the file is damaged, has no variables, leads to other files, or was written again.
    """
    return _open(file, _modified(file), os.getpid(), as_stored).dataset


def absent_chunks(file: DataFile) -> "AbsentChunks | None":
    """What the open zarr store does not have of what was read of it; None for other files, and where that is right."""
    store = _open(file, _modified(file), os.getpid(), False).store
    return None if store is None or file.fills else store.absent


def stored_times(file: DataFile) -> NDArray[np.intp] | None:
    """The positions in the file of the times of the open dataset, on its axis `time`; None if it has all."""
    return _open(file, _modified(file), os.getpid(), False).times


def unreadable(file: DataFile) -> dict[str, str]:
    """The variables at the root of a NetCDF-4 file that are no numbers or cannot be unpacked, with the reasons.

    Raises:
        DataError: as `opened` does.
    """
    return _open(file, _modified(file), os.getpid(), False).reasons


def release() -> None:
    """Let go of the open datasets, which are closed where nobody reads them, so that the files may be written again."""
    with NETCDF_LOCK:  # what is let go of while another thread reads would stay open
        _open.cache_clear()
        _datasets.clear()


@contextmanager
def released_after_failure() -> Iterator[None]:
    """Close the open datasets if the work inside fails, so that the files can be written again, as errors propose.

    The error itself keeps datasets alive, so that `release` alone would leave them open.
    """
    try:
        yield
    except BaseException:
        for dataset in filter(None, (known() for known in _datasets)):
            dataset.close()
        release()
        raise


def _modified(file: DataFile) -> int:
    """When the file was last written, in nanoseconds; a remote store is asked whether it is the same, and has 0."""
    if file.store is None:
        if not file.version:  # the metadata of a store are in memory while it is open
            file.check_unchanged()
        return os.stat(file.path).st_mtime_ns
    if isinstance(file.store, StoreAt):
        check_store(file.store)
    if isinstance(file.store, OpendapAt):
        check_opendap(file.store)
    return 0


@cache
def _keep_few_chunks(_process: int) -> None:
    """Have the NetCDF library keep fewer chunks of what it opens from now on; what is read again is kept decoded."""
    import netCDF4

    netCDF4.set_chunk_cache(CHUNK_CACHE)


def _netcdf(path: str, as_stored: bool) -> xr.Dataset:
    with NETCDF_LOCK:
        _keep_few_chunks(os.getpid())
        return _raw(os.path.abspath(path), engine="netcdf4", lock=NETCDF_LOCK, mask_and_scale=not as_stored)


class _Opened(NamedTuple):
    """An open file."""

    dataset: xr.Dataset
    reasons: dict[str, str]
    """Why some variables cannot be read."""
    store: "WholeChunks | None"
    """Of zarr."""
    times: NDArray[np.intp] | None
    """See `stored_times`."""


@lru_cache(maxsize=KEPT_OPEN)
def _open(file: DataFile, _modified: int, _process: int, as_stored: bool) -> _Opened:
    """See `opened`, `unreadable` and `absent_chunks`."""
    reasons: dict[str, str] = {}
    store: WholeChunks | None = None
    with damage_errors(partial(damaged, file.path, file.engine)):
        if file.engine == "netcdf":
            check_length(file.path)
            reasons = check_hdf5_file(file.path)
        with warnings.catch_warnings():
            # Files from several tools declare both `missing_value` and `_FillValue`; xarray masks both, which is right.
            warnings.filterwarnings("ignore", "variable .* has multiple fill values", xr.SerializationWarning)
            if isinstance(file.store, OpendapAt):
                from wxml_dataset_sources.xarray_reading.opendap_store import OpendapStore

                dataset = _raw(OpendapStore(file.store), engine="store", mask_and_scale=not as_stored)
            elif isinstance(file.store, DatasetAt):
                dataset = file.store.undecoded()
            elif file.engine == "zarr":
                from wxml_dataset_sources.zarr_reading.opening import zarr_store  # zarr takes a while to load

                store = zarr_store(file.path, file.store, file.written)
                # Consolidated metadata may be stale or absent, and guessing makes zarr warn; no store here needs them.
                where: Any = store
                dataset = _raw(where, engine="zarr", mask_and_scale=not as_stored, consolidated=False, chunks=None)
                if file.version:
                    file.check_unchanged()
            else:
                dataset = _netcdf(file.path, as_stored)
    _datasets.append(ref(dataset))
    if not dataset.variables:
        raise DataError(
            f"`{file.path}` holds no variables at its root", fix="groups are not read: write each one into a file"
        )
    dataset = with_units_of_levels(dataset)
    times = kept_times(file.path, dataset)
    if times is not None:
        dataset = dataset.isel(time=run(times))
    return _Opened(dataset, {name: reason for name, reason in reasons.items() if "/" not in name}, store, times)


@contextmanager
def in_file(path: str) -> Iterator[None]:
    """Name the file in a DataError that is raised inside, unless its message names the file already."""
    try:
        yield
    except DataError as error:
        if f"`{path}`" in error.message:
            raise
        raise DataError(f"`{path}`: {error.message}", fix=error.fix) from error


def damaged(path: str, what: str, error: BaseException) -> DataError:
    """The error for a file that cannot be read: permission denied, or damage."""
    if isinstance(error, PermissionError):
        return DataError(f"`{path}` may not be read: permission denied", fix="ask its owner, or check its mode")
    if isinstance(error, MemoryError):
        return DataError(f"`{path}` needs more memory than there is: {error}", fix=TOO_LARGE)
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if reasons := _known_reasons(path):
        name, why = next(iter(reasons.items()))
        return DataError(
            f"`{path}` cannot be read as {what}: {reason}; its variable `{name}` {why}",
            fix=WRITE_AGAIN,
        )
    return DataError(
        f"`{path}` cannot be read as {what}: {reason}",
        fix="it is damaged, cut short, or of another format: fetch or write it again, or name its format in `engine`",
    )


def _known_reasons(path: str) -> dict[str, str]:
    """Why variables of a file cannot be read, where its structure tells."""
    with suppress(*DAMAGE, DataError):
        return check_hdf5_file(path) if os.path.isfile(path) else {}
    return {}
