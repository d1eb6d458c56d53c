"""What errors of the writers propose, carried out: the forecast can be written, or its record be read."""

import dataclasses
import os

import numpy as np
import pytest
import xarray as xr
from wxml.errors import WxmlError

carries_out = pytest.mark.carries_out
SIX_HOURS = np.timedelta64(6, "h")
MORE = np.timedelta64(18, "h").astype("timedelta64[s]")


@pytest.fixture
def steps(tmp_path, make_writer, make_header, make_fields):
    """Writes the first step, with changes to the header or to the fields, and gives the values of `msl` at each step.

    Each call is a forecast of its own; the step has the value 5.
    """
    folders = (tmp_path / str(number) for number in range(9))

    def write(header=None, lead_time=SIX_HOURS, before=("open",), after=("close",), **changes):
        folder = next(folders)
        folder.mkdir()
        writer, header = make_writer(folder), header or make_header()
        calls = {"open": lambda: writer.open(header), "close": writer.close}
        try:
            for name in before:
                calls[name]()
            writer.write(dataclasses.replace(make_fields(make_header(), 0, 0, 5.0), **changes), lead_time)
        finally:
            for name in after:
                calls[name]()
        with xr.open_dataset(writer.target, decode_timedelta=True) as dataset:
            return dataset.msl.load()

    return write


@pytest.fixture
def refused(steps):
    """Insists that a writer refuses this, and leaves what it says to the mark of the test."""

    def refuse(*arguments, **options):
        with pytest.raises(WxmlError):
            steps(*arguments, **options)

    return refuse


@carries_out("call `open` with a header first")
def test_a_writer_is_opened_first(refused, steps) -> None:
    refused(before=())
    assert steps(before=("open",))[0, 0].values.tolist() == np.full((3, 4), 5.0).tolist()


@carries_out("call `close` first, or use a second writer")
def test_a_writer_is_closed_before_it_is_opened_again(refused, tmp_path, make_writer, make_header) -> None:
    refused(before=("open", "open"))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first, second = make_writer(tmp_path / "one"), make_writer(tmp_path / "two")
    first.open(make_header())
    second.open(make_header())  # a second writer
    first.close()
    second.close()
    os.rename(first.target, tmp_path / "elsewhere")
    first.open(make_header())  # closed first
    first.close()


@carries_out("give each of these once, in any order: {}")
def test_variables_are_given_once_in_any_order(refused, steps, make_fields, make_header) -> None:
    values = make_fields(make_header(), 0, 0, [[[5.0], [7.0]]]).values
    refused(variables=("msl", "msl"), values=values)
    assert float(steps(variables=("msl", "t_850"), values=values)[0, 0].max()) == 5.0
    assert float(steps(variables=("t_850", "msl"), values=values)[0, 0].max()) == 7.0


@carries_out("write fields on the grid of the header, with all of its members")
def test_fields_have_the_nodes_and_members_of_the_header(refused, steps, make_fields, make_header) -> None:
    refused(values=np.zeros((1, 2, 11), "f4"))
    refused(make_header(members=3))
    found = steps(
        make_header(members=3), values=make_fields(make_header(members=3), 0, 0, [[[1]], [[2]], [[3]]]).values
    )
    assert found[0, 0, :, 0, 0].values.tolist() == [1, 2, 3]


@carries_out("add it to the header, or choose one of these: {}")
def test_a_lead_time_is_added_to_the_header_or_one_of_it_is_chosen(refused, steps, make_header) -> None:
    later = {"lead_time": MORE, "valid_time": np.datetime64("2020-01-01T18")}
    refused(**later)
    longer = make_header(lead_times=np.array([6, 12, 18], "timedelta64[h]").astype("timedelta64[s]"))
    assert float(steps(longer, **later).sel(prediction_timedelta=MORE)[0].max()) == 5.0
    day = {"lead_time": np.timedelta64(24, "h"), "valid_time": np.datetime64("2020-01-02T00")}
    assert float(steps(**day).sel(prediction_timedelta="24h")[0].max()) == 5.0


@carries_out("give the header at least one")
@pytest.mark.parametrize("changes", [{"variables": ()}, {"members": 0}, {"lead_times": np.array([], "timedelta64[s]")}])
def test_a_header_has_at_least_one_of_each(refused, steps, make_header, changes) -> None:
    refused(make_header(**changes))
    steps(make_header())


@carries_out("turn other values into text")
def test_a_record_holds_text_for_other_values(refused, tmp_path, make_writer, make_header, write_forecast) -> None:
    when = np.datetime64("2020-01-01")
    refused(make_header(provenance={"when": when}))
    writer = make_writer(tmp_path)
    path = write_forecast(writer, make_header(provenance={"when": str(when)}), [])
    assert writer.read_provenance(path) == {"when": "2020-01-01"}


@carries_out("name a file that `wxml forecast` or `wxml verify` wrote, or write it again")
@pytest.mark.parametrize("damage", ["absent", "another file", "no record", "a record cut short", "a list"])
def test_the_record_of_a_file_that_wxml_wrote_is_read(
    tmp_path, make_writer, make_header, write_forecast, damage
) -> None:
    writer = make_writer(tmp_path)
    if damage == "another file":
        (tmp_path / os.path.basename(writer.target)).write_text("no forecast")
    elif damage != "absent":
        record = {"a record cut short": {"wxml_provenance": '{"a'}, "a list": {"wxml_provenance": "[1]"}}.get(damage)
        content = xr.Dataset({"x": ("time", [1.0])}, attrs=record)
        if writer.target.endswith("zarr"):
            content.to_zarr(writer.target, consolidated=False)
        else:
            content.to_netcdf(writer.target)
    with pytest.raises(WxmlError):
        writer.read_provenance(writer.target)
    if damage != "absent":
        os.rename(writer.target, tmp_path / "foreign")
    path = write_forecast(writer, make_header(), [])
    assert writer.read_provenance(path) == {"checkpoint": "abc"}
