"""One lock for all calls of the NetCDF library, which ends the process if two threads are in it at the same time."""

__all__ = ["NETCDF_LOCK", "NetcdfLock"]

import os
import sys
import threading
from typing import Any


class NetcdfLock:
    """A lock that its thread may take again, and that keeps xarray out of the library, too.

    Hold it wherever netCDF4 is called: `with NETCDF_LOCK:` around what opens, reads, writes or closes a file. xarray
    locks its reads of values, but not those of attributes while it opens a file: hold the lock while it opens one, and
    give it as `lock=` to `xarray.open_dataset(…, engine="netcdf4")`, so that later reads of values take it. h5py has a
    lock of its own, which its functions take: call them with this one held, and never the other way around.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._of_xarray: Any = None
        self._is_held_at_forks = self._is_before_h5py = False

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock; whether it was taken, which is not sure unless `blocking`."""
        is_late = self._is_held_at_forks and not self._is_before_h5py
        if is_late and hasattr(sys.modules.get("h5py"), "File"):
            self._is_before_h5py = True
            self.hold_at_forks()
        return self._acquire(blocking)

    def hold_at_forks(self) -> None:
        """Have whoever forks this process hold the lock meanwhile, before what was registered earlier.

        A process that was forked while another thread was in the library would wait for that thread for ever. Once h5py
        is there it is registered again: h5py holds its own lock at forks, which must be taken after this one. One lock
        of a process may do so: two would wait for each other, since both take that of xarray.
        """
        self._is_held_at_forks = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._acquire, after_in_parent=self.release, after_in_child=self.release)

    def _acquire(self, blocking: bool = True) -> bool:
        if not self._lock.acquire(blocking):
            return False
        if self._depth == 0:
            # A program that does not use xarray need not load it.
            other = getattr(sys.modules.get("xarray.backends.netCDF4_"), "NETCDF4_PYTHON_LOCK", None)
            if other is not None and not other.acquire(blocking):
                self._lock.release()
                return False
            self._of_xarray = other
        self._depth += 1
        return True

    def release(self) -> None:
        """Give the lock back, as often as it was taken."""
        self._depth -= 1
        if self._depth == 0 and self._of_xarray is not None:
            self._of_xarray.release()
        self._lock.release()

    def locked(self) -> bool:
        """Whether a thread holds it; xarray asks."""
        return self._depth > 0

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __reduce__(self) -> str:
        return "NETCDF_LOCK"


NETCDF_LOCK = NetcdfLock()
"""The one of this process."""
NETCDF_LOCK.hold_at_forks()
