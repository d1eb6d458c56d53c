"""One thread at a time is in the NetCDF library, whether it came by the lock of wxml or by that of xarray."""

import copy
import threading
from collections.abc import Callable

import pytest
from wxml.files.netcdf_lock import NETCDF_LOCK, NetcdfLock


def in_another_thread(work: Callable[[], bool]) -> bool:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def taken_at_once(lock: NetcdfLock) -> bool:
    taken = lock.acquire(blocking=False)
    if taken:
        lock.release()
    return taken


def test_its_thread_may_take_it_again_and_others_wait_for_the_last_release() -> None:
    lock = NetcdfLock()
    with lock, lock:
        assert lock.acquire(blocking=False)
        lock.release()
        assert lock.locked()
        assert not in_another_thread(lambda: taken_at_once(lock))
    assert not lock.locked()
    assert in_another_thread(lambda: taken_at_once(lock))


def test_who_holds_it_keeps_xarray_out_of_the_library() -> None:
    of_xarray = pytest.importorskip("xarray.backends.netCDF4_").NETCDF4_PYTHON_LOCK
    with NETCDF_LOCK, NETCDF_LOCK:
        assert of_xarray.locked()
    assert not of_xarray.locked()
    with of_xarray:
        assert not taken_at_once(NETCDF_LOCK)
        assert not NETCDF_LOCK.locked()
    assert in_another_thread(lambda: taken_at_once(NETCDF_LOCK))


def test_a_copy_is_the_lock_of_its_process() -> None:
    assert copy.deepcopy(NETCDF_LOCK) is NETCDF_LOCK
