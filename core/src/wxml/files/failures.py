"""The errors that libraries of file formats raise for damaged bytes and for a full disk, told as errors of wxml."""

__all__ = ["DAMAGE", "damage_errors", "damaged", "disk_errors"]

import errno
import lzma
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wxml.errors import ArtefactError, WxmlError

DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
)
"""The errors that netCDF4, zarr, xarray and their codecs raise for a file with damaged bytes.

`MemoryError` is among them: a length in a header may be any number.
"""

LIBRARY_BYTES = 2**20


def damaged(what: str, reason: object) -> ArtefactError:
    """The error for `what`, a part of an artefact or all of it, that is not what wxml wrote."""
    return ArtefactError(f"{what} is damaged: {reason}", fix="copy it again from where it was made")


@contextmanager
def damage_errors(
    tell: Callable[[Exception], WxmlError], kinds: tuple[type[Exception], ...] = DAMAGE
) -> Iterator[None]:
    """Turn a failure of a library into the error that `tell` makes of it; an error of wxml passes as it is.

    Args:
        tell: makes the error that names the file.
        kinds: the errors that the library raises for damaged bytes.

    Raises:
        WxmlError: the error of `tell`, or the error of wxml that was raised inside of the `with` block.
    """
    try:
        yield
    except WxmlError:
        raise
    except kinds as error:
        raise tell(error) from error


@contextmanager
def disk_errors(target: str | Path, needed: int) -> Iterator[None]:
    """Turn a failure of the NetCDF library into the OSError that caused it.

    The library reports a full disk as `RuntimeError: NetCDF: HDF error` and, while it makes the file, as a refused
    permission. So the disk counts as full if less is free than the bytes `needed` and a megabyte for the library.

    Args:
        target: the file that is written.
        needed: how many bytes are written inside of the `with` block.

    Raises:
        OSError: with `ENOSPC` if the disk is full, with the library's error number if that is one of the system's,
            else with `EIO`.
    """
    try:
        yield
    except (RuntimeError, OSError) as error:
        number = errno.EIO if isinstance(error, RuntimeError) or (error.errno or 0) <= 0 else error.errno
        if shutil.disk_usage(Path(target).parent).free < needed + LIBRARY_BYTES:
            number = errno.ENOSPC
        reason = os.strerror(number or errno.EIO)
        raise OSError(number, reason if number == errno.ENOSPC else f"{reason} ({error})", str(target)) from error
