"""An HDF5 file is refused, before anything decodes it, if it leads to other files or would end the process."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml.errors import DataError
from wxml.files import hdf5_structure
from wxml.files.hdf5_structure import SAFE_FILTERS, check_hdf5_file

h5py = pytest.importorskip("h5py")

Change = Callable[[Any, str], None]
TYPES = {
    "records": np.dtype([("a", "f4"), ("b", "i4")]),
    "opaque bytes": np.dtype("V4"),
    "lists of varying length": h5py.vlen_dtype(np.float32),
    "references": h5py.ref_dtype,
    "arrays": np.dtype(("f4", (2,))),
}


def external_storage(group: Any, other: str) -> None:
    group.create_dataset("t", shape=(2, 3), dtype="f4", external=[(other, 0, 24)])


def two_parts_of_storage(group: Any, other: str) -> None:
    group.create_dataset("t", shape=(2, 3), dtype="f4", external=[(other, 0, 8), (other, 8, 16)])


def external_link(group: Any, other: str) -> None:
    group["t"] = h5py.ExternalLink(other, "/t")


def link_to_a_linked_file(group: Any, other: str) -> None:
    group["t"] = h5py.ExternalLink(other, "/")
    group["s"] = h5py.SoftLink(f"{group.name}/t/x")


def virtual(group: Any, other: str) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(other, "t", (2, 3))
    group.create_virtual_dataset("t", layout)


def virtual_of_all_lengths(group: Any, other: str) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4", maxshape=(None, 3))
    source = h5py.VirtualSource(other, "t", (2, 3), maxshape=(None, 3))
    layout[: h5py.UNLIMITED :, :] = source[: h5py.UNLIMITED :, :]
    group.create_virtual_dataset("t", layout)


def virtual_of_itself(group: Any, other: str) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(".", f"{group.name}/t", (2, 3))
    group.create_virtual_dataset("t", layout)


def half_floats(group: Any, other: str) -> None:
    group["t"] = np.ones((2, 3), np.float16)


def long_floats(group: Any, other: str) -> None:
    group["t"] = np.ones((2, 3), np.longdouble)


def dangling(group: Any, other: str) -> None:
    group["t"] = h5py.SoftLink("/nowhere")


def soft_circle(group: Any, other: str) -> None:
    group["t"], group["s"] = h5py.SoftLink(f"{group.name}/s"), h5py.SoftLink(f"{group.name}/t")


def group_in_itself(group: Any, other: str) -> None:
    inner = group.create_group("t")
    inner["again"] = inner


def root_in_a_group(group: Any, other: str) -> None:
    group.create_group("t")["root"] = group.file["/"]


def soft_link_upwards(group: Any, other: str) -> None:
    group["t"] = h5py.SoftLink("/")


def deep_groups(group: Any, other: str) -> None:
    for _ in range(300):
        group = group.create_group("t")


def many_ways(group: Any, other: str) -> None:
    """16 groups, of which each is twice in the one before: 65 536 ways to the last one."""
    for _ in range(16):
        group, outer = group.create_group("t"), group
        outer["s"] = group


def long_name(group: Any, other: str) -> None:
    group["t" * 256] = np.ones(3)


def long_name_of_a_group(group: Any, other: str) -> None:
    group.create_group("t" * 256)


def long_name_of_an_attribute(group: Any, other: str) -> None:
    group.create_dataset("t", shape=3, dtype="f4").attrs["a" * 256] = 1


def long_name_of_an_attribute_of_a_group(group: Any, other: str) -> None:
    group.attrs["a" * 1000] = 1


def with_attribute(name: str, value: Any) -> Change:
    """Adds an attribute to a variable, as NetCDF writes it or not."""
    return lambda group, _: group.create_dataset("t", shape=(2, 3), dtype="f4").attrs.__setitem__(name, value)


REFUSED = {
    external_storage: "keeps the values of the variable `{0}t` in another file",
    two_parts_of_storage: "keeps the values of the variable `{0}t` in another file",
    external_link: "has the link `{0}t` to another file",
    link_to_a_linked_file: "has the link `{0}t` to another file",
    virtual: "has the virtual variable `{0}t`, whose values lie in other variables or files",
    virtual_of_all_lengths: "has the virtual variable `{0}t`",
    virtual_of_itself: "has the virtual variable `{0}t`",
    half_floats: "has the variable `{0}t` of floats of 2 bytes",
    long_floats: "has the variable `{0}t` of floats of 16 bytes",
    dangling: "has the link `{0}t`, which leads nowhere",
    soft_circle: "which leads nowhere",
    group_in_itself: "nests groups more than 256 deep, or in a circle",
    root_in_a_group: "in a circle",
    soft_link_upwards: "in a circle",
    deep_groups: "nests groups more than 256 deep",
    many_ways: "has more than 50000 links",
    long_name: "has a name of more than 255 bytes: `{0}t",
    long_name_of_a_group: "has a name of more than 255 bytes: `{0}t",
    long_name_of_an_attribute: "has an attribute of `{0}t` with a name of more than 255 bytes",
    long_name_of_an_attribute_of_a_group: "with a name of more than 255 bytes",
}


def made(path: Path, change: Change, place: str = "", other: str = "", **options: Any) -> Path:
    """An HDF5 file with a plain variable, and with a change in the group `place`."""
    with h5py.File(path, "w", **options) as file:
        file["plain"] = np.arange(6, dtype="f4").reshape(2, 3)
        change(file.require_group(place) if place else file, other)
    return path


@pytest.mark.parametrize("block", [0, 512], ids=["plain", "behind a user block"])
@pytest.mark.parametrize("place", ["", "g/h/"], ids=["root", "nested"])
@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_a_file_that_leads_elsewhere_is_refused(change: Change, place: str, block: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "other")  # whoever opens this pipe waits without end
    path = made(tmp_path / "a.nc", change, place, str(tmp_path / "other"), userblock_size=block)
    with pytest.raises(DataError) as caught:
        check_hdf5_file(path)
    assert caught.value.message.startswith(f"`{path}` ")
    assert REFUSED[change].format(place) in caught.value.message
    assert caught.value.message.endswith(", so the file is not opened")


INTERNAL = {
    "_Netcdf4Dimid": np.int32(7),
    "_Netcdf4Coordinates": np.array([0, 1], "i4"),
    "_QuantizeBitGroomNumberOfSignificantDigits": np.array([3], "i4"),
    "_QuantizeGranularBitRoundNumberOfSignificantDigits": np.array([3], "i4"),
    "_QuantizeBitRoundNumberOfSignificantBits": np.array([3], "i4"),
}
OTHERS = [np.float64(1e300), np.float32(0), "0", np.zeros((), [("a", "i4", (300,))])]
NOT_ONE = [np.arange(2, dtype="i4"), np.arange(1000, dtype="i4"), np.int32(-1), np.int64(2**40), h5py.Empty("i4")]
NOT_INT = [np.zeros(2, "i8"), np.zeros(2, "u1")]


@pytest.mark.parametrize("place", ["", "g/h/"], ids=["root", "nested"])
@pytest.mark.parametrize("name", INTERNAL)
def test_attributes_of_netcdf_itself_are_as_it_writes_them(name: str, place: str, tmp_path: Path) -> None:
    for number, value in enumerate([*OTHERS, *(NOT_INT if name == "_Netcdf4Coordinates" else NOT_ONE)]):
        path = made(tmp_path / f"{number}.nc", with_attribute(name, value), place)
        with pytest.raises(DataError, match=f"has the attribute `{name}` of `{place}t` with other values than NetCDF"):
            check_hdf5_file(path)
    for number, value in enumerate([INTERNAL[name], *([] if name == "_Netcdf4Coordinates" else [np.int64(3)])]):
        assert check_hdf5_file(made(tmp_path / f"fine{number}.nc", with_attribute(name, value), place)) == {}


@pytest.mark.parametrize("place", ["", "g/h/"], ids=["root", "nested"])
@pytest.mark.parametrize("kind", TYPES)
def test_values_that_are_no_numbers_are_named(kind: str, place: str, tmp_path: Path) -> None:
    def change(group: Any, _: str) -> None:
        if kind == "arrays":
            array = h5py.h5t.array_create(h5py.h5t.NATIVE_FLOAT, (2,))
            h5py.h5d.create(group.id, b"t", array, h5py.h5s.create_simple((2, 3)))
        else:
            group.create_dataset("t", shape=(2, 3), dtype=TYPES[kind])

    (name, reason), *others = check_hdf5_file(made(tmp_path / "a.nc", change, place)).items()
    assert (name, others) == (f"{place}t", [])
    assert reason.startswith(f"holds {kind}")


def packed(number: int) -> Change:
    """Adds a variable that is packed by the filter with this number."""

    def change(group: Any, _: str) -> None:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((2, 3))
        creation.set_filter(2, h5py.h5z.FLAG_OPTIONAL, ())
        creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(group.id, b"t", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((2, 3)), creation)

    return change


@pytest.mark.parametrize("number", [256, 308, 32000, 40000, 65535])
def test_a_filter_that_is_not_listed_is_named(number: int, tmp_path: Path) -> None:
    found = check_hdf5_file(made(tmp_path / "a.nc", packed(number)))
    assert found == {"t": f"is packed by the filter {number}, which is not known"}


@pytest.mark.parametrize("number", [2, 3, 40000])
def test_a_listed_filter_passes(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAFE_FILTERS, 40000, "a number that no plugin of HDF5 has")
    assert check_hdf5_file(made(tmp_path / "a.nc", packed(number))) == {}


PLAIN: dict[str, Change] = {
    "nothing more": lambda group, _: None,
    "integers": lambda group, _: [group.create_dataset(kind, shape=3, dtype=kind) for kind in ("i1", ">u2", "<i8")],
    "floats": lambda group, _: [group.create_dataset(kind, shape=3, dtype=kind) for kind in ("<f4", ">f8")],
    "text": lambda group, _: group.create_dataset("t", data=["a", "bc"], dtype=h5py.string_dtype()),
    "fixed text": lambda group, _: group.create_dataset("t", data=np.array([b"a", b"bc"])),
    "names of numbers": lambda group, _: group.create_dataset("t", shape=3, dtype=h5py.enum_dtype({"A": 1}, "i1")),
    "booleans": lambda group, _: group.create_dataset("t", data=[True, False]),
    "chunks": lambda group, _: group.create_dataset("t", data=np.ones((4, 4)), compression="gzip", shuffle=True),
    "a soft link": lambda group, _: group.__setitem__("t", h5py.SoftLink("/plain")),
    "a second name": lambda group, _: group.__setitem__("t", group.file["plain"]),
    "a soft link to a group": lambda group, _: group.update({"b": group.create_group("a")}),
    "a named type": lambda group, _: group.__setitem__("t", np.dtype([("a", "f4")])),
    "attributes": lambda group, _: group.attrs.update({"a": "text", "b": np.zeros(2, [("c", "f4")])}),
    "long names": lambda group, _: group.create_dataset("n" * 255, shape=3, dtype="f4").attrs.update({"a" * 255: 1}),
    "a letter of another alphabet": lambda group, _: group.create_dataset("температура", data=[1.0]),
}


@pytest.mark.parametrize("place", ["", "g/h/"], ids=["root", "nested"])
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_file_passes(name: str, place: str, tmp_path: Path) -> None:
    assert check_hdf5_file(made(tmp_path / "a.nc", PLAIN[name], place)) == {}


@pytest.mark.parametrize("start", [b"", b"CDF\x01" + bytes(28), b"GRIB", b"text " * 1000])
def test_a_file_of_another_format_passes(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(start)
    assert check_hdf5_file(tmp_path / "a.nc") == {}


def test_the_number_of_links_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_structure, "MOST_LINKS", 3)
    path = made(tmp_path / "a.nc", lambda group, _: [group.create_group(str(number)) for number in range(3)])
    with pytest.raises(DataError, match="has more than 3 links"):
        check_hdf5_file(path)


def test_a_file_that_is_open_already_is_checked(tmp_path: Path) -> None:
    path = made(tmp_path / "a.nc", lambda group, _: None)
    with h5py.File(path):
        assert check_hdf5_file(path) == {}
