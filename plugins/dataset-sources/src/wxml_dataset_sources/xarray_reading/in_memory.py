"""A dataset that a user holds in memory, as if it had just been opened from a file."""

__all__ = ["NAME", "DatasetAt", "dataset_record"]

import hashlib
import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from wxml.errors import DataError

NAME: Final = "the dataset in memory"
TIMES: Final = "seconds since 1970-01-01T00:00:00"
HASHED: Final = 2**28
"""So many bytes of the values that are in memory are hashed, which takes a fraction of a second."""


@dataclass(frozen=True, slots=True, eq=False)
class DatasetAt:
    """A dataset whose times are decoded, masked and scaled."""

    dataset: xr.Dataset

    @classmethod
    def of(cls, data: Any) -> "DatasetAt":
        """Take what a user holds.

        Raises:
            DataError: it is no `xarray.Dataset`, or an empty one.
        """
        if not isinstance(data, xr.Dataset):
            raise DataError(
                f"data in memory must be an xarray.Dataset, got {type(data).__name__}",
                fix="give a dataset; `array.to_dataset(name=…)` makes one of an array",
            )
        if not data.data_vars:
            raise DataError(f"{NAME} holds no variables", fix="give a dataset with fields in it")
        return cls(data)

    def undecoded(self) -> xr.Dataset:
        """The same values lazily, with times as numbers, as a file has them; what is done to it changes no other.

        Raises:
            DataError: a time cannot be written as a number.
        """
        made = {name: _as_stored(str(name), variable) for name, variable in self.dataset.variables.items()}
        coords = {name: made.pop(name) for name in list(self.dataset.coords)}
        return xr.Dataset(made, coords, dict(self.dataset.attrs))


def dataset_record(at: DatasetAt) -> dict[str, Any]:
    """What a provenance has of a dataset: the file that it comes from, its size, and a hash of what is in memory."""
    source = str(at.dataset.encoding.get("source", ""))
    record: dict[str, Any] = {"name": os.path.basename(source) or NAME, "bytes": int(at.dataset.nbytes)}
    digest, left = hashlib.sha256(), HASHED
    for name in sorted(map(str, at.dataset.variables)):
        variable = at.dataset.variables[name]
        if variable._in_memory and variable.dtype.kind != "O" and variable.nbytes <= left:
            left -= variable.nbytes
            digest.update(f"{name} {variable.dims} {variable.dtype}".encode())
            digest.update(np.ascontiguousarray(variable.values).tobytes())
    return record | {"sha256_in_memory": digest.hexdigest()}


def _as_stored(name: str, variable: xr.Variable) -> xr.Variable:
    """A variable as it would be in a file that is neither packed nor masked."""
    plain = variable.to_base_variable().copy(deep=False)
    plain.attrs, plain.encoding = dict(variable.attrs), dict(variable.encoding)
    kind = plain.dtype.kind
    if kind == "O" and not _holds_dates(plain):
        return plain
    if kind in "MmO":
        for key in ("units", "calendar", "dtype"):
            plain.attrs.pop(key, None)
        plain.encoding = {"units": "seconds" if kind == "m" else TIMES}
        try:
            return xr.conventions.encode_cf_variable(plain, name=name)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"the times `{name}` of {NAME} cannot be written as numbers: {error}",
                fix="give times of one kind, such as datetime64",
            ) from error
    if "scale_factor" in plain.encoding or "add_offset" in plain.encoding:  # limits are those of packed values
        plain.attrs = {key: value for key, value in plain.attrs.items() if not key.startswith("valid_")}
    plain.encoding = {key: plain.encoding[key] for key in ("preferred_chunks", "coordinates") if key in plain.encoding}
    return plain


def _holds_dates(variable: xr.Variable) -> bool:
    """Whether objects are dates of another calendar, by the first of them."""
    if not variable.size:
        return False
    first = np.asarray(variable[(0,) * variable.ndim].values).item()
    return hasattr(first, "calendar") and hasattr(first, "year")
