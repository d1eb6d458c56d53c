"""A writer refuses wrong input with a sentence."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from wxml import Fields, Grid, Variable
from wxml.errors import ArtefactError, ContractError, DataError

SIX_HOURS = np.timedelta64(6, "h")


@pytest.fixture
def opened(tmp_path, make_writer, make_header):
    writer = make_writer(tmp_path)
    writer.open(make_header())
    yield writer
    writer.close()


def test_writing_before_open_and_after_close(tmp_path, make_writer, make_header, make_fields) -> None:
    header = make_header()
    fields = make_fields(header, 0, 0, 1.0)
    writer = make_writer(tmp_path)
    with pytest.raises(ContractError, match="not open"):
        writer.write(fields, SIX_HOURS)
    writer.open(header)
    writer.close()
    with pytest.raises(ContractError, match="not open"):
        writer.write(fields, SIX_HOURS)


def test_opening_twice(opened, make_header) -> None:
    with pytest.raises(ContractError, match="called twice"):
        opened.open(make_header())


def test_closing_is_harmless_before_open_and_twice(tmp_path, make_writer, make_header) -> None:
    writer = make_writer(tmp_path)
    writer.close()
    writer.open(make_header())
    writer.close()
    writer.close()
    with xr.open_dataset(writer.target) as dataset:
        assert bool(dataset.msl.isnull().all())


def test_a_lead_time_that_was_not_announced(opened, make_header, make_fields) -> None:
    fields = make_fields(make_header(), 0, 0, 1.0)
    with pytest.raises(DataError, match="no lead time 18h") as caught:
        opened.write(dataclasses.replace(fields, valid_time=np.datetime64("2020-01-01T18")), np.timedelta64(18, "h"))
    assert "6h, 12h, 24h" in caught.value.fix


def test_an_initial_time_that_was_not_announced(opened, make_header, make_fields) -> None:
    fields = make_fields(make_header(), 0, 0, 1.0)
    with pytest.raises(DataError, match="no initial time 2020-01-01T01") as caught:
        opened.write(dataclasses.replace(fields, valid_time=np.datetime64("2020-01-01T07")), SIX_HOURS)
    assert "2020-01-01T00, 2020-01-01T12" in caught.value.fix


def test_a_long_list_of_times_is_cut(tmp_path, make_writer, make_header, make_fields) -> None:
    header = make_header(lead_times=3600 * np.arange(1, 41).astype("timedelta64[s]"))
    writer = make_writer(tmp_path)
    writer.open(header)
    with pytest.raises(DataError) as caught:
        writer.write(make_fields(header, 0, 0, 1.0), np.timedelta64(90, "s"))
    writer.close()
    assert caught.value.fix.endswith("11h, 12h, and 28 more")


def test_other_variables(opened, make_header, make_fields) -> None:
    fields = make_fields(make_header(variables=[Variable("msl"), Variable("u")]), 0, 0, 1.0)
    with pytest.raises(DataError, match="got msl, u") as caught:
        opened.write(fields, SIX_HOURS)
    assert "t_850, msl" in caught.value.fix


def test_other_nodes_or_members(opened, make_header, make_fields) -> None:
    fewer = make_fields(make_header(Grid.healpix(2)), 0, 0, 1.0)
    with pytest.raises(DataError, match=r"= \[1, 2, 12\] values, got \[1, 2, 48\]"):
        opened.write(fewer, SIX_HOURS)
    with pytest.raises(DataError, match=r"got \[3, 2, 12\]"):
        opened.write(make_fields(make_header(members=3), 0, 0, 1.0), SIX_HOURS)


def test_a_refused_step_leaves_the_file_as_it_was(opened, make_header, make_fields) -> None:
    good = make_fields(make_header(), 0, 0, 5.0)
    with pytest.raises(DataError):
        opened.write(Fields(good.valid_time, good.variables, good.values[:, :, :5]), SIX_HOURS)
    opened.write(good, SIX_HOURS)
    opened.close()
    with xr.open_dataset(opened.target) as dataset:
        assert int(dataset.msl.notnull().sum()) == 12


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".zattrs", "__hidden", "two words", "tab\t", "température", "t" * 300, "t\n"]
)
def test_names_that_a_file_cannot_hold(tmp_path, make_writer, make_header, name) -> None:
    writer = make_writer(tmp_path)
    with pytest.raises(DataError, match="cannot hold a variable"):
        writer.open(make_header(variables=[Variable(name)]))
    writer.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["time", "prediction_timedelta", "latitude", "area_weight"])
def test_names_of_coordinates(tmp_path, make_writer, make_header, name) -> None:
    with pytest.raises(DataError, match="that of a coordinate"):
        make_writer(tmp_path).open(make_header(variables=[Variable(name)]))


def test_a_name_twice(tmp_path, make_writer, make_header) -> None:
    with pytest.raises(DataError, match=r"\['msl'\] twice"):
        make_writer(tmp_path).open(make_header(variables=[Variable("msl"), Variable("msl")]))


@pytest.mark.parametrize("changes", [{"variables": ()}, {"members": 0}, {"lead_times": np.array([], "timedelta64[s]")}])
def test_nothing_to_write(tmp_path, make_writer, make_header, changes) -> None:
    with pytest.raises(DataError, match="must be at least one, got 0"):
        make_writer(tmp_path).open(make_header(**changes))


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, np.float32(1)])
def test_provenance_that_is_not_json(tmp_path, make_writer, make_header, value) -> None:
    with pytest.raises(DataError, match="`provenance` must hold JSON values only"):
        make_writer(tmp_path).open(make_header(provenance={"value": value}))


def test_a_target_that_exists_is_left_alone(tmp_path, make_writer, make_header) -> None:
    writer = make_writer(tmp_path)
    with open(writer.target, "w") as file:
        file.write("precious")
    with pytest.raises(ArtefactError, match="exists already"):
        writer.open(make_header())
    with open(writer.target) as file:
        assert file.read() == "precious"


def test_a_folder_that_is_not_there(tmp_path, make_writer, make_header) -> None:
    with pytest.raises(ArtefactError, match="there is no folder"):
        make_writer(tmp_path / "absent").open(make_header())
