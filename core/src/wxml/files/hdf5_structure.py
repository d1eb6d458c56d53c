"""Looks at the structure of an HDF5 file (NetCDF 4) before any library decodes it: its values may lie in other files.

External storage makes numbers of the bytes of any file of the machine; external links and virtual datasets read other
HDF5 files. Some structures, such as groups that hold each other, end the process that opens them with netCDF4.
"""

__all__ = ["check_hdf5_file"]

import os
from collections.abc import Iterator
from typing import Any

from wxml.errors import DataError
from wxml.files.hdf5_heaps import ADDRESS, check_heaps
from wxml.files.netcdf_lock import NETCDF_LOCK

SAFE_FILTERS = {
    1: "zlib",
    2: "shuffle",
    3: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    307: "bzip2",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32022: "bitgroom",
    32023: "granular bitround",
    32026: "blosc2",
}
"""The filters that turn bytes into numbers, by their registered numbers."""
NOT_NUMBERS = {
    2: "times of Unix",
    4: "bits",
    5: "opaque bytes",
    6: "records (a compound type)",
    7: "references",
    9: "lists of varying length",
    10: "arrays",
    11: "complex numbers",
}
"""The type classes of HDF5 whose values are neither numbers nor text nor names of numbers."""
FLOAT, FLOAT_BYTES = 1, (4, 8)
"""The class of floats, and the sizes of those that NetCDF has; others end the process in netCDF4 1.7.5."""
INTEGER, INTEGER_BYTES = 0, 4
ONE_NUMBER = (
    b"_Netcdf4Dimid",
    b"_QuantizeBitGroomNumberOfSignificantDigits",
    b"_QuantizeBitRoundNumberOfSignificantBits",
    b"_QuantizeGranularBitRoundNumberOfSignificantDigits",
)
NUMBERS = (*ONE_NUMBER, b"_Netcdf4Coordinates")
"""The attributes that NetCDF writes for itself; it reads them without a look at their types and lengths."""
LONGEST_NAME = 255  # bytes; beyond, netCDF4 reads and writes past the end of its own memory
HARD, SOFT = 0, 1
MOST_LINKS = 50_000  # netCDF4 ends the process at 65 536 groups
MOST_LEVELS = 256


def check_hdf5_file(path: str | os.PathLike[str]) -> dict[str, str]:
    """Refuse an HDF5 file that leads to other files, or that netCDF4 cannot open safely; read no values.

    Needs h5py. No link to another file is followed.

    Returns:
        The variables whose values cannot be read as numbers or text: name (`group/name` in a group) → the reason, as
        the end of a sentence. Empty for a file of another format.

    Raises:
        DataError: the file has an external link, a link that leads nowhere, external storage, a virtual dataset, floats
            of neither 4 nor 8 bytes, names of more than 255 bytes, attributes that NetCDF writes for itself with other
            values than it writes, more than 50 000 links, or groups that are nested more than 256 deep.
        OSError, RuntimeError, KeyError, ValueError: the file is damaged, or has a heap that does not end.
    """
    from h5py import h5f  # takes a while to load

    name = os.fsencode(path)
    if not h5f.is_hdf5(name):
        return {}
    with NETCDF_LOCK:  # h5py and netCDF4 may share one HDF5 library
        opened = h5f.open(name, h5f.ACC_RDONLY)  # without options, since netCDF4 may have it open
        headers: dict[int, int] = {}
        try:
            found = _unreadable(opened, headers)
            creation = opened.get_create_plist()
            if creation.get_sizes() == (ADDRESS, ADDRESS) and not creation.get_userblock():
                check_heaps(name, headers.items())
            return found
        except _RefusedError as error:
            raise DataError(
                f"`{os.fspath(path)}` {error}, so the file is not opened",
                fix="write the data again, as numbers, into one file without links",
            ) from error
        finally:
            opened.close()


class _RefusedError(Exception):
    """What is wrong with the structure, as the end of a sentence."""


def _unreadable(root: Any, headers: dict[int, int]) -> dict[str, str]:
    """The variables that cannot be read, with the reasons; `headers` takes the place and length of each header.

    Hard links come first: when all that they lead to has been checked, no soft link can lead out of the file.
    """
    from h5py.h5d import DatasetID

    walk = _Walk(as_paths=False)
    found = {}
    _check_attributes(root, "/")
    _note_header(root, headers)
    for name, entry in walk.entries(root):
        _check_attributes(entry, name)
        _note_header(entry, headers)
        if isinstance(entry, DatasetID):
            found[name] = _reason(entry, name)
    if not walk.is_tree:
        for _ in _Walk(as_paths=True).entries(root):
            pass  # the bounds of the walk are the check
    return {name: reason for name, reason in found.items() if reason}


def _note_header(entry: Any, headers: dict[int, int]) -> None:
    """Add where the header of an object is, and its bytes in all."""
    from h5py import h5o

    info = h5o.get_info(entry)
    headers[info.addr] = info.hdr.space.total


class _Walk:
    """A walk over all that links lead to.

    Args:
        as_paths: follow soft links, too, and enter a group as often as links lead to it, as netCDF4 does; else follow
            hard links, and enter a group once.
    """

    def __init__(self, *, as_paths: bool) -> None:
        self._as_paths = as_paths
        self._links = 0
        self._entered = set[int]()
        self.is_tree = True
        """Whether a single hard link leads to each group, as far as the walk went."""

    def entries(self, root: Any) -> Iterator[tuple[str, Any]]:
        """Every object below the group `root`, with its name."""
        from h5py.h5g import GroupID

        self._enters(root)
        waiting = [(root, "", 0)]
        while waiting:
            group, place, level = waiting.pop()
            for name, entry in self._inside(group, place):
                yield name, entry
                if not isinstance(entry, GroupID) or not self._enters(entry):
                    continue
                if level == MOST_LEVELS:
                    raise _RefusedError(f"nests groups more than {MOST_LEVELS} deep, or in a circle")
                waiting.append((entry, f"{name}/", level + 1))

    def _inside(self, group: Any, place: str) -> Iterator[tuple[str, Any]]:
        """What the links of one group lead to."""
        for link, kind in _links(group):
            self._links += 1
            if self._links > MOST_LINKS:
                raise _RefusedError(f"has more than {MOST_LINKS} links, or groups in a circle")
            self.is_tree &= kind != SOFT
            name = place + link.decode("utf-8", "replace")
            if len(link) > LONGEST_NAME:
                raise _RefusedError(f"has a name of more than {LONGEST_NAME} bytes: `{name[:40]}…`")
            if kind != SOFT or self._as_paths:
                yield name, _opened(group, link, kind, name)

    def _enters(self, group: Any) -> bool:
        from h5py import h5o

        address = h5o.get_info(group).addr
        is_new = address not in self._entered
        self.is_tree &= is_new
        self._entered.add(address)
        return is_new or self._as_paths


def _links(group: Any) -> list[tuple[bytes, int]]:
    """The links of a group: name and kind; no more of them than a file may have, and one."""
    found: list[tuple[bytes, int]] = []

    def note(name: bytes, info: Any) -> bool:
        found.append((name, info.type))
        return len(found) > MOST_LINKS

    group.links.iterate(note, info=True)
    return found


def _opened(group: Any, link: bytes, kind: int, name: str) -> Any:
    """The object that a link of a group leads to, in the same file."""
    from h5py import h5o

    if kind not in (HARD, SOFT):
        raise _RefusedError(f"has the link `{name}` to another file")
    try:
        return h5o.open(group, link)
    except (KeyError, RuntimeError) as error:  # no such name; soft links in a circle
        if kind == HARD:
            raise
        raise _RefusedError(f"has the link `{name}`, which leads nowhere") from error


def _check_attributes(entry: Any, name: str) -> None:
    """Refuse attributes that netCDF4 cannot read safely."""
    from h5py import h5a, h5t

    names: list[bytes] = []
    if not isinstance(entry, h5t.TypeID):
        h5a.iterate(entry, names.append)
    for attribute in names:
        text = attribute.decode("utf-8", "replace")
        if len(attribute) > LONGEST_NAME:
            raise _RefusedError(f"has an attribute of `{name}` with a name of more than {LONGEST_NAME} bytes")
        if attribute in NUMBERS and not _is_as_written(h5a.open(entry, attribute), one=attribute in ONE_NUMBER):
            raise _RefusedError(f"has the attribute `{text}` of `{name}` with other values than NetCDF writes")


def _is_as_written(attribute: Any, *, one: bool) -> bool:
    """Whether an attribute that NetCDF writes for itself holds integers of 4 bytes; with `one`, a single small integer.

    NetCDF converts the single ones, which other writers keep in 8 bytes.
    """
    import numpy as np

    kind = attribute.get_type()
    if kind.get_class() != INTEGER:
        return False
    if not one:
        return bool(kind.get_size() == INTEGER_BYTES)
    if attribute.get_space().get_simple_extent_npoints() != 1:
        return False
    value = np.zeros(attribute.shape, np.int64)
    attribute.read(value)
    return bool(0 <= value.item() <= MOST_LINKS)


def _reason(variable: Any, name: str) -> str:
    """Why the values of a variable cannot be read; empty if they can."""
    from h5py import h5d

    creation, kind = variable.get_create_plist(), variable.get_type()
    if creation.get_external_count():
        raise _RefusedError(f"keeps the values of the variable `{name}` in another file")
    if creation.get_layout() == h5d.VIRTUAL:
        raise _RefusedError(f"has the virtual variable `{name}`, whose values lie in other variables or files")
    if kind.get_class() == FLOAT and kind.get_size() not in FLOAT_BYTES:
        raise _RefusedError(
            f"has the variable `{name}` of floats of {kind.get_size()} bytes, which NetCDF does not have"
        )
    if kind.get_class() in NOT_NUMBERS:
        return f"holds {NOT_NUMBERS[kind.get_class()]}"
    filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
    unknown = [number for number in filters if number not in SAFE_FILTERS]
    return f"is packed by the filter {unknown[0]}, which is not known" if unknown else ""
