"""One thread at a time is in the NetCDF library, whether it came by the lock of wxml or by that of xarray."""

import copy
import os
import subprocess
import sys
import threading
import time
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_while_a_thread_holds_it_can_take_it() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with NETCDF_LOCK:
            held.set()
            time.sleep(0.2)
            done.set()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        os._exit(0 if taken_at_once(NETCDF_LOCK) and done.is_set() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()
    assert taken_at_once(NETCDF_LOCK)


FORKING = """
import os, threading, time
from wxml.files.netcdf_lock import NETCDF_LOCK, NetcdfLock
import h5py  # whose lock is held at forks from now on
import xarray.backends.netCDF4_  # which two locks would both take

with NetcdfLock():
    pass

ended = threading.Event()

def look():
    while not ended.is_set():
        with NETCDF_LOCK:
            time.sleep(0.002)
            h5py.h5.get_libversion()

thread = threading.Thread(target=look)
thread.start()
for _ in range(20):
    child = os.fork()
    if not child:
        with NETCDF_LOCK:
            h5py.h5.get_libversion()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
ended.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_process_may_be_forked_while_a_thread_is_in_h5py() -> None:
    """Without an order of the two locks, the thread and the fork would wait for each other."""
    pytest.importorskip("h5py")
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], check=True, timeout=100)
