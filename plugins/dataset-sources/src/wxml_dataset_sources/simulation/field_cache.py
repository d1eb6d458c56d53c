"""Fields kept on disk between runs: a NumPy file with a checksum behind it, mapped into memory when read."""

__all__ = ["load", "store"]

import logging
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wxml.errors import ArtefactError
from wxml.files.staging import staged

LOG = logging.getLogger("wxml")
CHECKSUM_BYTES = 4


def load(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Map the stored array read-only; return None if there is no file, or if it is damaged or has another shape."""
    try:
        content = np.memmap(path, np.uint8, mode="r")
        stored = int.from_bytes(content[-CHECKSUM_BYTES:].tobytes(), "big")
        if zlib.crc32(content[:-CHECKSUM_BYTES].data) == stored:
            values = np.lib.format.open_memmap(path, mode="r")
            if values.shape == shape and values.dtype == np.float32:
                return values
        LOG.warning("cache file %s is damaged; its fields are made anew", path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        LOG.warning("cache file %s cannot be read (%s); its fields are made anew", path, error)
    return None


def store(path: Path, values: NDArray[np.float32]) -> None:
    """Write the array for `load`; if that fails, log a warning and go on, since the caller has the values."""
    try:
        with staged(path, overwrite=True) as temporary:
            np.save(temporary, values, allow_pickle=False)
            checksum = zlib.crc32(np.memmap(temporary, np.uint8, mode="r").data)
            with temporary.open("ab") as file:
                file.write(checksum.to_bytes(CHECKSUM_BYTES, "big"))
    except (OSError, ArtefactError) as error:
        LOG.warning(
            "could not keep the simulated fields in %s, so the next run makes them again: %s", path.parent, error
        )
