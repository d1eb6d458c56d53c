"""What the disk said: the NetCDF library knows only that something failed."""

__all__ = ["disk_errors"]

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

METADATA_BYTES = 2**20


@contextmanager
def disk_errors(target: str, step_bytes: int) -> Iterator[None]:
    """Turn a failure of the NetCDF library into the OSError that caused it.

    The library reports a full disk as `RuntimeError: NetCDF: HDF error` and, while it makes the file, as a
    refused permission. A disk is taken to be full where less is free than one step and a megabyte for the
    library itself.

    Raises:
        OSError: with `ENOSPC` where the disk is full, with the library's error number where that is one of the
            system's, else with `EIO`.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        number = errno.EIO if isinstance(error, RuntimeError) or (error.errno or 0) <= 0 else error.errno
        if shutil.disk_usage(Path(target).parent).free < step_bytes + METADATA_BYTES:
            number = errno.ENOSPC
        reason = os.strerror(number or errno.EIO)
        raise OSError(number, reason if number == errno.ENOSPC else f"{reason} ({error})", target) from error
