"""`wxml dataset validate`: nothing is wrong with a whole dataset, and each fault of a spoilt one is told."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from wxml.errors import ArtefactError
from wxml_dataset_builder.checksums import write_checksums
from wxml_dataset_builder.records import FIELDS
from wxml_dataset_builder.validating import values as reading
from wxml_dataset_builder.validation import validate

carries_out = pytest.mark.carries_out
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")


def array(store: Path, name: str) -> Any:
    return zarr.open_array(store / name, mode="r+")


def change_attributes(store: Path, **changes: Any) -> None:
    """Set attributes of the root, or drop those that are None."""
    path = store / ("zarr.json" if (store / "zarr.json").exists() else ".zattrs")
    document = json.loads(path.read_text())
    attributes = document["attributes"] if path.name == "zarr.json" else document
    attributes.update(changes)
    for name in [name for name, value in changes.items() if value is None]:
        del attributes[name]
    path.write_text(json.dumps(document))


def data_files(store: Path) -> list[Path]:
    return sorted(path for path in (store / "data").rglob("*") if path.is_file() and path.name[-1].isdigit())


def chunk(store: Path, dates: int) -> Path:
    """The file of the data of a pair of dates."""
    return store / "data" / (f"c/{dates}/0/0/0" if (store / "zarr.json").exists() else f"{dates}.0.0.0")


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_wrong_with_a_dataset_that_was_built(built: Path, whole: bool) -> None:
    assert validate(built, whole=whole) == []


def test_nothing_is_wrong_without_checksums(store: Path) -> None:
    (store / "checksums.sha256").unlink()
    assert validate(store, whole=True) == []


def cut_short(store: Path) -> None:
    path = chunk(store, 3)
    path.write_bytes(path.read_bytes()[:20])


def rubbish(store: Path) -> None:
    """A chunk whose length is right, and nothing else."""
    path = chunk(store, 3)
    length = path.stat().st_size
    path.write_bytes(bytes(12) + length.to_bytes(4, "little") + bytes(length - 16))


def one_byte_other(store: Path) -> None:
    path = chunk(store, 3)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def absent_chunk(store: Path) -> None:
    chunk(store, 3).unlink()


def absent_array(store: Path) -> None:
    shutil.rmtree(store / "latitudes")


def wrong_names(store: Path) -> None:
    change_attributes(store, variables=["t_500", "t_850"])


def names_twice(store: Path) -> None:
    change_attributes(store, variables=["t_500", "t_500", "sst"])


def no_frequency(store: Path) -> None:
    change_attributes(store, frequency=None)


def wrong_type(store: Path) -> None:
    change_attributes(store, missing_dates="2000-01-02")


def other_frequency(store: Path) -> None:
    change_attributes(store, frequency="3h")


def later_end(store: Path) -> None:
    change_attributes(store, end_date="2000-01-07T18:00:00")


def strange_missing_date(store: Path) -> None:
    change_attributes(store, missing_dates=["2000-01-02T06:00:00", "2000-02-01T00:00:00"])


def value_at_missing_date(store: Path) -> None:
    array(store, "data")[5, 0, 0, 3] = 250.0


def no_value_at_a_date(store: Path) -> None:
    array(store, "data")[7] = np.nan


def missing_value(store: Path) -> None:
    array(store, "data")[7, 0, 0, 3] = np.nan


def infinite_value(store: Path) -> None:
    array(store, "data")[23, 0, 0, 3] = np.inf


def wrong_units(store: Path) -> None:
    data = array(store, "data")
    data[:, 2] = data[:, 2] - 273.15


def mean_outside(store: Path) -> None:
    array(store, "mean")[0] = 1e4


def falling_dates(store: Path) -> None:
    dates = array(store, "dates")
    dates[:] = dates[:][::-1]


def no_place(store: Path) -> None:
    array(store, "latitudes")[4] = 97.0


def same_place(store: Path) -> None:
    for name in ("latitudes", "longitudes"):
        places = array(store, name)
        places[1] = places[0]


def shorter_than_dates(store: Path) -> None:
    data = array(store, "data")
    data.resize((20, *data.shape[1:]))


def unfinished(store: Path) -> None:
    array(store, "_build/flags")[3] = False


def no_json(store: Path) -> None:
    name = "zarr.json" if (store / "zarr.json").exists() else ".zattrs"
    (store / name).write_text("{")


def objects(store: Path) -> None:
    for path in (store / "mean" / ".zarray", store / "mean" / "zarr.json"):
        if path.exists():
            document = json.loads(path.read_text())
            document.update({"dtype": "|O", "filters": [{"id": "pickle"}]} if path.name == ".zarray" else {})
            document.update({"data_type": "object"} if path.name == "zarr.json" else {})
            path.write_text(json.dumps(document))


def code(store: Path) -> None:
    for path in (store / "_build" / "flags" / ".zarray", store / "_build" / "flags" / "zarr.json"):
        if path.exists():
            document = json.loads(path.read_text())
            document["codecs" if path.name == "zarr.json" else "filters"] = [{"id": "pickle", "name": "pickle"}]
            path.write_text(json.dumps(document))


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (cut_short, "1 files of `data` are not whole, the first of them data/"),
    (rubbish, "2 dates of `data` cannot be read, the first of them 2000-01-02T12"),
    (absent_chunk, "1 of the 12 files of `data` are not there, the first of them data/"),
    (absent_array, "the array `latitudes` is missing"),
    (wrong_names, "`data` holds 3 variables, and the attribute `variables` names 2"),
    (names_twice, "the attribute `variables` names 't_500' twice"),
    (no_frequency, "the attribute `frequency` is missing"),
    (wrong_type, "the attribute `missing_dates` must be a list of texts, got '2000-01-02'"),
    (other_frequency, "`dates` is not regular: 21600 s from 2000-01-01T00 to the next date, where `frequency` is 3h"),
    (later_end, "and `dates` ends at 2000-01-06T18: the store is shorter than its dates"),
    (strange_missing_date, "`missing_dates` lists 2000-02-01T00:00:00, which is not on the axis"),
    (
        value_at_missing_date,
        "values at dates that `missing_dates` lists: 1 at 1 dates, the first of them 2000-01-02T06",
    ),
    (no_value_at_a_date, "dates without any value that `missing_dates` does not list: 1 at 1 dates"),
    (missing_value, "`t_500` has missing values where none are allowed: 1 at 1 dates, the first of them 2000-01-02T18"),
    (infinite_value, "`t_500` has infinite values: 1 at 1 dates, the first of them 2000-01-06T18"),
    (wrong_units, "`sst` has values outside of the range of its statistics"),
    (mean_outside, "the statistics of the values of `t_500` are those of no values: mean 10000"),
    (falling_dates, "`dates` does not rise after 2000-01-06T18"),
    (no_place, "`latitudes` holds 1 values that are not within -90 and 90 degrees, the first of them 97 at node 4"),
    (same_place, "1 of the 48 nodes lie where another node does"),
    (shorter_than_dates, "`dates` has 24 entries, and `data` holds 20 dates"),
    (unfinished, "1 of the 12 parts of the dataset were not written"),
    (no_json, "cannot be read"),
    (objects, "so the store is not opened"),
    (code, "names the codec 'pickle', which is not known to be safe, so the store is not opened"),
]


IN_BOTH = {cut_short, rubbish, absent_chunk, shorter_than_dates, no_json, objects, code}
"""The faults that lie in files, which differ in zarr 2 and 3."""


@pytest.mark.parametrize(
    ("built", "spoil", "says"),
    [
        pytest.param(zarr_format, spoil, says, id=f"{spoil.__name__}-{zarr_format}")
        for spoil, says in FAULTS
        for zarr_format in ("zarr3", "zarr2")
        if zarr_format == "zarr3" or spoil in IN_BOTH
    ],
    indirect=["built"],
    scope="session",
)
def test_a_fault_is_told_without_checksums_too(store: Path, spoil: Callable[[Path], None], says: str) -> None:
    (store / "checksums.sha256").unlink()
    spoil(store)
    faults = validate(store)
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize("spoil", [cut_short, one_byte_other, absent_chunk, no_frequency, mean_outside])
def test_checksums_tell_any_other_byte(store: Path, spoil: Callable[[Path], None]) -> None:
    spoil(store)
    faults = validate(store, whole=True)
    assert "checksums.sha256" in faults[0] or "have other bytes than were written" in faults[0], faults


@carries_out("copy the dataset again from where it was made, or delete the file")
@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_checksums_that_are_none_are_told(store: Path) -> None:
    (store / "checksums.sha256").write_text("rubbish\n")
    assert "line 1 of" in validate(store)[0]
    assert "holds no checksum: 'rubbish'" in validate(store)[0]
    (store / "checksums.sha256").unlink()
    assert validate(store) == []


def test_files_that_nobody_listed_are_told(store: Path) -> None:
    (store / "data" / "stranger").write_text("x")
    assert validate(store)[0] == "1 files are not in `checksums.sha256`, the first of them data/stranger"


STATISTICS = ["mean", "stdev", "maximum", "statistics_tendencies_6h_stdev", "statistics_tendencies_1d_mean"]


def a_little_off(store: Path, name: str) -> None:
    stored = array(store, name)
    stored[0] = stored[0] * (1 + 1e-4) + 1e-4
    write_checksums(store)


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_that_are_possible_but_not_those_of_the_moments(store: Path, name: str) -> None:
    a_little_off(store, name)
    (fault,) = validate(store)
    assert "of `t_500` is" in fault
    assert "and that of its moments" in fault
    (fault,) = validate(store, whole=True)
    assert "and that of its values" in fault


@carries_out("build the dataset again")
def test_moments_that_are_not_those_of_the_values(store: Path, dataset: Callable[..., Any], tmp_path: Path) -> None:
    weight = array(store, "_build/moments/area/mean")
    weight[2, 1] *= 1 + 1e-4
    write_checksums(store)
    says = "`_build/moments/area` of `t_850` are not those of its values at 1 dates, the first of them 2000-01-01T12"
    assert validate(store) == validate(store, whole=True) == [says]
    for name in FIELDS:
        array(store, f"_build/moments/equal/{name}").resize((7, 3))
    write_checksums(store)
    assert any("`_build/moments/equal` has the shape (7, 3), and" in fault for fault in validate(store))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"source: {{plugin: anemoi, path: {store}, missing_dates: skip}}\ndates: {{missing: any}}\n")
    dataset("build", recipe, tmp_path / "again.zarr")
    assert validate(tmp_path / "again.zarr") == []


@pytest.mark.parametrize("name", STATISTICS)
def test_without_moments_statistics_a_little_off_need_all_values(store: Path, name: str) -> None:
    shutil.rmtree(store / "_build" / "moments")
    a_little_off(store, name)
    assert validate(store) == []
    (fault,) = validate(store, whole=True)
    assert "of `t_500` is" in fault
    assert "and that of its values" in fault


def test_a_sample_tells_a_mean_that_is_far_off(store: Path) -> None:
    for name, value in (("mean", 299.0), ("stdev", 1.0), ("minimum", 280.0), ("maximum", 300.0)):
        array(store, name)[1] = value
    change_attributes(store, statistics_start_date="2000-01-01T00:00:00")
    assert any("the mean of `t_850` is 299, and that of 18 dates" in fault for fault in validate(store))


def test_a_sample_reads_no_more_than_it_says(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SAMPLED", 3)
    (store / "checksums.sha256").unlink()
    infinite_value(store)
    array(store, "data")[1, 0, 0, 3] = np.inf
    (fault,) = validate(store)
    assert fault == "`t_500` has infinite values: 1 at 1 dates, the first of them 2000-01-06T18"
    assert "2 at 2 dates" in validate(store, whole=True)[0]


def test_what_is_written_meanwhile_is_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reading._count

    def written_meanwhile(*arguments: Any) -> None:
        writer = threading.Thread(target=change_attributes, args=(store,), kwargs={"description": "other"})
        writer.start()
        writer.join()
        read(*arguments)

    monkeypatch.setattr(reading, "_count", written_meanwhile)
    assert "it was written while it was read: validate it again once it is finished" in validate(store)


def test_the_command_says_so_and_ends_with_1(store: Path, dataset: Callable[..., Any]) -> None:
    done = dataset("validate", store)
    assert (done.exit_code, done.stdout) == (0, f"{store}: nothing is wrong in what was read (all of it: --all)\n")
    no_frequency(store)
    write_checksums(store)
    done = dataset("validate", store, "--all")
    assert (done.exit_code, done.stdout) == (1, f"{store}: 1 faults\n  the attribute `frequency` is missing\n")
    told = json.loads(dataset("validate", store, "--json").stdout)
    assert told["faults"] == ["the attribute `frequency` is missing"]


@carries_out("name the folder of a zarr store")
def test_what_is_no_folder_is_refused(built: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, says in ((tmp_path / "file", "is a file"), (tmp_path / "nothing", "does not exist")):
        with pytest.raises(ArtefactError, match=says):
            validate(path)
    assert validate(built) == []
