"""A zarr store is refused, before anything decodes it, for whatever is not known to be safe."""

import json
from pathlib import Path
from typing import Any

import pytest
from wxml.errors import DataError
from wxml.files.zarr_metadata import SAFE_CODECS, check_zarr_store

EVIL = [
    "pickle",
    "numcodecs.pickle",
    "msgpack2",
    "json2",
    "categorize",
    "vlen-array",
    "acme.codec",
    "imagecodecs_webp",
    "",
]
TYPES_2 = [
    "|O",
    "<O8",
    "O",
    [["a", "<f4"], ["b", "|O"]],
    [["a", [["b", "|O", [2]]]]],
    None,
    7,
    "object",
    "|O\n",
    "<f4\n",
]
TYPES_3 = ["object", "acme.type", {"name": "acme.type", "configuration": {}}, {"name": "object"}, 7]
TYPES_3 += [{"name": "structured", "configuration": {"fields": [["a", "object"]]}}]
TYPES_3 += [{"name": "struct", "configuration": {"fields": [{"name": "float32", "data_type": "object"}]}}]


def array_2(**changes: Any) -> dict[str, Any]:
    usual = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "<f4", "order": "C", "fill_value": None}
    return usual | {"compressor": {"id": "zlib", "level": 1}, "filters": [{"id": "shuffle"}]} | changes


def array_3(**changes: Any) -> dict[str, Any]:
    usual = {"zarr_format": 3, "node_type": "array", "shape": [1], "data_type": "float32", "attributes": {}}
    keys = {"name": "default", "configuration": {"separator": "/"}}
    return usual | {"codecs": ["bytes", {"name": "gzip"}], "chunk_key_encoding": keys, "fill_value": 0} | changes


def sharded(name: object, key: str) -> dict[str, Any]:
    inner = {"codecs": [{"name": "bytes"}], "index_codecs": [{"name": "bytes"}, {"name": "crc32c"}]}
    inner[key] = [*inner[key], {"name": name}]
    return {"name": "sharding_indexed", "configuration": {"chunk_shape": [1], **inner}}


def stores(array: dict[str, Any]) -> list[dict[str, object]]:
    """The files of stores that hold `array`: at the root, in a folder, and consolidated, by any name of the array."""
    if array["zarr_format"] == 2:
        plain = {".zgroup": {"zarr_format": 2}}
        merged = [{"metadata": {f"{name}/.zarray": array}} for name in ("x", "attributes", "a/b")]
        return [{".zarray": array}, plain | {"x/.zarray": array}, *(plain | {".zmetadata": one} for one in merged)]
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    merged = [{"consolidated_metadata": {"metadata": {name: array}}} for name in ("x", "attributes", ".zattrs")]
    inner = {"consolidated_metadata": {"metadata": {"g": group | merged[0]}}}
    plain = [{"zarr.json": array}, {"zarr.json": group, "x/zarr.json": array}]
    return [*plain, *({"zarr.json": group | one} for one in (*merged, inner))]


def written(folder: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def check_refused(array: dict[str, Any], tmp_path: Path, words: str) -> None:
    for number, files in enumerate(stores(array)):
        store = written(tmp_path / str(number), files)
        with pytest.raises(DataError, match=rf"`{store}/.*` (names|holds) {words}.*, so the store is not opened"):
            check_zarr_store(store)


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("key", ["compressor", "filters"])
def test_a_codec_of_format_2_that_is_not_listed(name: str, key: str, tmp_path: Path) -> None:
    codec = {"id": name}
    check_refused(array_2(**{key: codec if key == "compressor" else [{"id": "delta"}, codec]}), tmp_path, "the codec ")


@pytest.mark.parametrize("name", EVIL)
def test_a_codec_of_format_3_that_is_not_listed(name: str, tmp_path: Path) -> None:
    hidden = {"name": "numcodecs.zlib", "configuration": {"id": name}}
    nested = sharded("bytes", "codecs")
    nested["configuration"]["codecs"] = [sharded(name, "index_codecs")]
    wrong = [name, {"name": name}, hidden, sharded(name, "codecs"), sharded(name, "index_codecs"), nested]
    for number, codec in enumerate(wrong):
        check_refused(array_3(codecs=["bytes", codec]), tmp_path / str(number), "the codec ")


@pytest.mark.parametrize("dtype", TYPES_2)
def test_a_type_of_format_2_that_may_hold_objects(dtype: object, tmp_path: Path) -> None:
    check_refused(array_2(dtype=dtype), tmp_path, "the type ")


@pytest.mark.parametrize("data_type", TYPES_3)
def test_a_type_of_format_3_that_is_not_listed(data_type: object, tmp_path: Path) -> None:
    check_refused(array_3(data_type=data_type), tmp_path, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"storage_transformers": [{"name": "acme"}]},
        {"chunk_key_encoding": {"name": "acme"}},
        {"codecs": "pickle"},
        {"codecs": [7]},
        {"codecs": [{}]},
        {"codecs": [{"name": {}}]},
        {"filters": {"id": "pickle"}},
    ],
)
def test_other_places_that_name_code(changes: dict[str, Any], tmp_path: Path) -> None:
    check_refused(array_3(**changes), tmp_path, "")


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "\x00", "7", "[]", '{"consolidated_metadata": 7}'])
def test_metadata_of_another_shape(text: str, tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text(text)
    with pytest.raises(ValueError, match=r"so the store is not opened|zarr.json` cannot be read as JSON"):
        check_zarr_store(tmp_path)


def test_metadata_that_are_too_large(tmp_path: Path) -> None:
    with open(tmp_path / "zarr.json", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match="has more than 32 MiB of metadata"):
        check_zarr_store(tmp_path)


@pytest.mark.parametrize("name", sorted(SAFE_CODECS))
def test_a_listed_codec_passes(name: str, tmp_path: Path) -> None:
    arrays = [array_2(compressor={"id": name}), array_2(filters=[{"id": name}], compressor=None)]
    arrays += [array_3(codecs=[name]), array_3(codecs=[{"name": f"numcodecs.{name}", "configuration": {"id": name}}])]
    for number, files in enumerate(files for array in arrays for files in stores(array)):
        check_zarr_store(written(tmp_path / str(number), files))


@pytest.mark.parametrize("dtype", ["<f4", ">i2", "|b1", "<M8[ns]", "|S10", "<U3", [["a", "<f4"], ["b", "<i2", [3]]]])
def test_a_plain_type_of_format_2_passes(dtype: object, tmp_path: Path) -> None:
    for number, files in enumerate(stores(array_2(dtype=dtype))):
        check_zarr_store(written(tmp_path / str(number), files))


def test_text_and_attributes_pass(tmp_path: Path) -> None:
    attributes = {"codecs": [{"name": "pickle"}], "dtype": "|O", "filters": [{"id": "pickle"}]}
    text = array_2(dtype="|O", filters=[{"id": "vlen-utf8"}])
    merged = {"metadata": {"x/.zarray": text, "x/.zattrs": attributes, ".zattrs": attributes}}
    check_zarr_store(
        written(tmp_path / "2", {".zgroup": {"zarr_format": 2}, ".zmetadata": merged, ".zattrs": attributes})
    )
    check_zarr_store(written(tmp_path / "3", {"zarr.json": array_3(attributes=attributes, data_type="string")}))


@pytest.mark.parametrize("chunk", ["0", "0.0.0", "c", ".zattrs"])
def test_an_array_without_its_metadata(tmp_path: Path, chunk: str) -> None:
    store = written(tmp_path / "s.zarr", {".zgroup": {"zarr_format": 2}, "x/.zarray": array_2(), f"x/{chunk}": {}})
    check_zarr_store(store)
    (store / "x" / ".zarray").unlink()
    with pytest.raises(DataError, match=r"`.*/x` holds an array without its metadata"):
        check_zarr_store(store)


def test_other_folders_in_a_store(tmp_path: Path) -> None:
    check_zarr_store(written(tmp_path / "s.zarr", {".zgroup": {"zarr_format": 2}, "plots/map.png": {}}))
