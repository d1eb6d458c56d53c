"""`wxml dataset copy`: the same values bit for bit, in any chunks and format, or a part; whole, or not there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from wxml.errors import ArtefactError, DataError
from wxml_dataset_builder.checksums import read_checksums
from wxml_dataset_builder.copying import copying
from wxml_dataset_builder.stored import open_stored
from wxml_dataset_builder.validation import validate

carries_out = pytest.mark.carries_out
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
Run = Callable[..., Any]


def data(store: Path) -> Any:
    return zarr.open_array(store / "data", mode="r")


def bits(values: np.ndarray) -> np.ndarray:
    return np.asarray(values).view(np.uint32)


@pytest.mark.parametrize(
    ("built", "options", "chunks"),
    [
        ("zarr3", (), (2, 3, 1, 48)),
        ("zarr3", ("--rechunk", "dates=5", "--rechunk", "values=7"), (5, 3, 1, 7)),
        ("zarr3", ("--rechunk", "dates=all", "--rechunk", "variables=1", "--format", "zarr2"), (24, 1, 1, 48)),
        ("zarr2", ("--format", "zarr3", "--shards", "6", "--compression", "lz4"), (2, 3, 1, 48)),
        ("zarr2", ("--compression", "none"), (2, 3, 1, 48)),
    ],
    indirect=["built"],
    scope="session",
)
def test_the_copy_has_the_same_bits_in_the_chunks_asked_for(built, tmp_path, dataset: Run, options, chunks) -> None:
    target = tmp_path / "copy.zarr"
    assert dataset("copy", built, target, *options).stdout == f"{target}\n"
    copied = data(target)
    assert copied.chunks == chunks
    assert np.array_equal(bits(copied[:]), bits(data(built)[:]))
    assert validate(target, whole=True) == []
    assert dataset("compare", built, target).exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == ["copy.zarr"]


def test_the_copy_is_the_same_dataset_with_one_more_entry_in_its_history(built, tmp_path, dataset: Run) -> None:
    dataset("copy", built, tmp_path / "copy.zarr")
    ours, theirs = (dict(open_stored(path).attributes) for path in (tmp_path / "copy.zarr", built))
    assert ours.pop("history") == [
        *theirs.pop("history"),
        {"action": "copy", "dates": 24, "variables": 3, "of": theirs["uuid"]},
    ]
    assert ours == theirs
    names = set(read_checksums(built) or {}) - {"zarr.json", ".zattrs", ".zmetadata"}
    before, after = read_checksums(built) or {}, read_checksums(tmp_path / "copy.zarr") or {}
    assert {name: before[name] for name in names} == {name: after[name] for name in names}


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
@pytest.mark.parametrize("block", [1, 64 * 2**20])
def test_a_part_is_the_part(built, tmp_path, dataset: Run, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(copying, "BLOCK_BYTES", block)
    target = tmp_path / "part.zarr"
    dataset("copy", built, target, "--start", "2000-01-02", "--end", "2000-01-04", "--variables", "sst,t_500")
    expected = data(built)[4:16][:, [2, 0]]
    assert np.array_equal(bits(data(target)[:]), bits(expected))
    part, whole = open_stored(target), open_stored(built)
    assert part.names == ("sst", "t_500")
    assert np.array_equal(part.dates, whole.dates[4:16])
    assert part.dates[part.is_missing].tolist() == whole.dates[whole.is_missing].tolist()
    assert (part.attributes["start_date"], part.attributes["end_date"]) == (
        "2000-01-02T00:00:00",
        "2000-01-04T18:00:00",
    )
    assert part.attributes["variables_with_nans"] == ["sst"]
    assert part.attributes["uuid"] != whole.attributes["uuid"]
    for prefix in ("", *whole.tendencies().values()):
        for name, values in whole.statistics(prefix).items():
            assert np.array_equal(part.statistics(prefix)[name], values[[2, 0]])
    assert validate(target) == []


@carries_out("build it again; all that is wrong: wxml dataset validate")
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
@pytest.mark.parametrize("has_checksums", [True, False])
@pytest.mark.parametrize("damage", ["other", "absent", "short"])
def test_a_damaged_dataset_is_not_copied(store, tmp_path, dataset: Run, damage: str, has_checksums: bool) -> None:
    chunk = store / "data" / "c" / "3" / "0" / "0" / "0"
    content = chunk.read_bytes()
    if damage == "other" and not has_checksums:
        pytest.skip("nothing tells another byte without checksums")
    if not has_checksums:
        (store / "checksums.sha256").unlink()
    chunk.unlink() if damage == "absent" else chunk.write_bytes(content[:-1] + (b"" if damage == "short" else b"x"))
    with pytest.raises(DataError, match="is damaged: "):
        dataset("copy", store, tmp_path / "copy.zarr")
    assert not (tmp_path / "copy.zarr").exists()
    assert validate(store) != []
    chunk.write_bytes(content)
    dataset("copy", store, tmp_path / "copy.zarr")
    assert validate(tmp_path / "copy.zarr", whole=True) == []


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
@pytest.mark.parametrize("step", ["_copy_data", "write_checksums"])
def test_a_copy_that_stops_leaves_nothing_and_begins_anew(built, tmp_path, dataset: Run, monkeypatch, step) -> None:
    done = getattr(copying, step)

    def stop(*arguments: Any) -> None:
        done(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copying, step, stop)
        dataset("copy", built, tmp_path / "copy.zarr")
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
    dataset("copy", built, tmp_path / "copy.zarr")
    assert validate(tmp_path / "copy.zarr", whole=True) == []


@carries_out("copy it once it is finished")
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_a_dataset_that_is_written_meanwhile_is_not_copied(store, tmp_path, dataset: Run, monkeypatch) -> None:
    done = copying._copy_data

    def meanwhile(*arguments: Any) -> None:
        done(*arguments)
        document = json.loads((store / "zarr.json").read_text())
        (store / "zarr.json").write_text(json.dumps(document))

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_copy_data", meanwhile)
        with pytest.raises(DataError, match="was written while it was copied"):
            dataset("copy", store, tmp_path / "copy.zarr")
    assert not (tmp_path / "copy.zarr").exists()
    (store / "checksums.sha256").unlink()
    dataset("copy", store, tmp_path / "copy.zarr")


@carries_out("choose another path")
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_what_is_no_dataset_and_the_input_are_never_replaced(store, tmp_path, dataset: Run) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table.csv").write_text("1")
    (tmp_path / "link.zarr").symlink_to(store)
    for target, says in (
        (tmp_path / "results", "is no dataset"),
        (tmp_path / "link.zarr", "would replace the input"),
        (store, "would replace the input"),
        (store / "data", "would replace the input"),
    ):
        with pytest.raises(ArtefactError, match=says):
            dataset("copy", store, target, "--overwrite")
    assert (tmp_path / "results" / "table.csv").read_text() == "1"
    assert validate(store) == []
    dataset("copy", store, tmp_path / "other.zarr")
    with pytest.raises(ArtefactError, match="exists already"):
        dataset("copy", store, tmp_path / "other.zarr")
    dataset("copy", store, tmp_path / "other.zarr", "--overwrite", "--variables", "sst")
    assert open_stored(tmp_path / "other.zarr").names == ("sst",)


@carries_out(
    "{}known: {}",
    "it has {} dates from {} to {}; choose among these",
    "write `--rechunk {}=1` or `--rechunk {}=all`",
)
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_wrong_options_are_told_with_what_is_there(built, tmp_path, dataset: Run) -> None:
    for options, says, hint in (
        (("--variables", "t_805"), "names 't_805'", "did you mean 't_850'?"),
        (("--rechunk", "date=4"), "the dimension 'date'", "did you mean 'dates'?"),
        (("--rechunk", "dates=0"), "got '0'", "write `--rechunk dates=1` or `--rechunk dates=all`"),
        (("--start", "2001"), "has no date from 2001-01-01T00", "it has 24 dates from 2000-01-01T00 to 2000-01-06T18"),
    ):
        with pytest.raises(DataError, match=says) as caught:
            dataset("copy", built, tmp_path / "copy.zarr", *options)
        assert hint in caught.value.fix
    dataset("copy", built, tmp_path / "copy.zarr", "--variables", "t_850", "--rechunk", "dates=1", "--start", "2000")
    assert open_stored(tmp_path / "copy.zarr").data.chunks == (1, 1, 1, 48)


@carries_out("choose another path")
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_a_build_replaces_a_dataset_alone(built, tmp_path, dataset: Run) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table.csv").write_text("1")
    recipe = built.with_name("recipe.yaml")
    with pytest.raises(ArtefactError, match="is no dataset, so it is not replaced"):
        dataset("build", recipe, tmp_path / "results", "--overwrite")
    assert (tmp_path / "results" / "table.csv").read_text() == "1"
    dataset("copy", built, tmp_path / "world.zarr", "--variables", "sst")
    dataset("build", recipe, tmp_path / "world.zarr", "--overwrite")
    assert dataset("compare", built, tmp_path / "world.zarr").exit_code == 0
