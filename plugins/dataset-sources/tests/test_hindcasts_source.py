"""Hindcasts by reference date and year, as trajectories."""

from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.hindcasts_source import Hindcasts

carries_out = pytest.mark.carries_out
DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
LEADS = 12 * np.arange(5)
YEARS = [2000, 2001, 2003]


def starts(reference: str) -> list[np.datetime64]:
    return [np.datetime64(f"{year}{reference[4:]}", "s") for year in YEARS]


def value(start: np.datetime64, lead: int) -> int:
    """Days since 2000-01-01 and hours of lead time, as one number."""
    return int((start - np.datetime64("2000-01-01")) / DAY) * 100 + lead


def write(folder: Path, reference: str) -> None:
    """One file for a reference date, with all of its hindcasts: starts × lead times, as many centres keep them."""
    own = starts(reference)
    fields = np.array([[[[value(start, int(lead))] * 2] for lead in LEADS] for start in own], "f4")
    axes = ("hindcast", "step", "latitude", "longitude")
    xr.Dataset(
        {"t": (axes, fields, {"units": "K"})},
        {
            "hindcast": ("hindcast", np.array(own, "M8[ns]"), {"standard_name": "forecast_reference_time"}),
            "step": ("step", LEADS * HOUR.astype("m8[ns]"), {"standard_name": "forecast_period"}),
            "latitude": ("latitude", [0.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
        },
    ).to_netcdf(folder / f"h{reference.replace('-', '')}.nc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hindcasts")
    for reference in ("2020-01-02", "2020-01-06", "2020-01-08"):
        write(folder, reference)
    return folder


def options(folder: Path, *references: str, **more: object) -> dict[str, object]:
    return {"path": str(folder / "h{reference}.nc"), "reference_dates": list(references), "years": YEARS, **more}


class TestHindcasts(DataSourceContract):
    plugin = Hindcasts

    @pytest.fixture(autouse=True)
    def _files(self, folder):
        self.options = options(folder, "2020-01-02", "2020-01-06")


def test_each_year_of_each_reference_date_is_a_trajectory(folder, everything):
    source = Hindcasts(**options(folder, "2020-01-06", "2020-01-02"))
    wanted = sorted(start for reference in ("2020-01-02", "2020-01-06") for start in starts(reference))
    times = [start + int(lead) * HOUR for start in wanted for lead in LEADS]
    assert source.header.times.tolist() == [time.item() for time in times]
    found = everything(source)["t"]
    assert found[:, 0, 0].tolist() == [value(start, int(lead)) for start in wanted for lead in LEADS]
    shuffled = np.random.default_rng(0).permutation(len(times))
    np.testing.assert_array_equal(source.read(source.header.times[shuffled], ["t"])[:, :, 0], found[shuffled])


def test_some_lead_times(folder, everything):
    source = Hindcasts(**options(folder, "2020-01-06", first_lead_time="12h", last_lead_time="1d"))
    assert everything(source)["t"][:, 0, 0].tolist() == [
        value(s, lead) for s in starts("2020-01-06") for lead in (12, 24)
    ]


def test_a_file_for_each_start(folder, tmp_path):
    with xr.open_dataset(folder / "h20200102.nc", decode_timedelta=False) as whole:
        for number, start in enumerate(starts("2020-01-02")):
            name = f"{start.astype('M8[D]')}".replace("-", "")
            whole.isel(hindcast=[number]).to_netcdf(tmp_path / f"{name}.nc")
    one = Hindcasts(**options(folder, "2020-01-02") | {"path": str(tmp_path / "{start}.nc")})
    other = Hindcasts(**options(folder, "2020-01-02"))
    np.testing.assert_array_equal(one.read(one.header.times, ["t"]), other.read(other.header.times, ["t"]))
    names = [Path(file["name"]).name for file in one.provenance()["files"]]
    assert names == ["20000102.nc", "20010102.nc", "20030102.nc"]


@carries_out("choose a `last_lead_time` that is shorter by {} or more, or name fewer `reference_dates`")
def test_trajectories_that_overlap_or_touch(folder):
    both = options(folder, "2020-01-06", "2020-01-08")
    with pytest.raises(DataError, match=r"of 2000-01-06T00 ends at 2000-01-08T00, .*2000-01-08T00 begins") as caught:
        Hindcasts(**both)
    assert caught.match("shorter by 24h or more")
    with pytest.raises(DataError, match="a sample would reach from one into the other"):
        Hindcasts(**both, last_lead_time="36h")  # 12 hours after one ends the next one begins, as if it were its next
    assert len(Hindcasts(**both, last_lead_time="24h").header.times) == 18
    assert len(Hindcasts(**options(folder, "2020-01-08")).header.times) == 15


def test_29_february_has_hindcasts_in_leap_years_alone(tmp_path, caplog):
    write_leap(tmp_path)
    source = Hindcasts(path=str(tmp_path / "h.nc"), reference_dates=["2020-02-29"], years=[2000, 2001, 2004])
    assert [str(time) for time in source.header.times] == ["2000-02-29T00:00:00", "2004-02-29T00:00:00"]
    assert "no hindcasts start on 29 February of 2001" in caplog.text


def write_leap(folder: Path) -> None:
    days = np.array(["2000-02-29", "2004-02-29"], "M8[ns]")
    xr.Dataset(
        {"t": (("hindcast", "step", "lat", "lon"), np.ones((2, 1, 1, 2), "f4"))},
        {
            "hindcast": ("hindcast", days, {"standard_name": "forecast_reference_time"}),
            "step": ("step", np.array([0], "m8[ns]"), {"standard_name": "forecast_period"}),
            "lat": [0.0],
            "lon": [0.0, 1.0],
        },
    ).to_netcdf(folder / "h.nc")


@carries_out("name other `years` or other `reference_dates`")
@carries_out("name each day and hour of the year once")
def test_dates_that_give_nothing_or_the_same_twice(folder, tmp_path):
    write_leap(tmp_path)
    leap = {"path": str(tmp_path / "h.nc"), "reference_dates": ["2020-02-29"]}
    with pytest.raises(DataError, match="`years` holds no leap year"):
        Hindcasts(**leap, years=[2001, 2003])
    assert len(Hindcasts(**leap, years=[2000]).header.times) == 1
    with pytest.raises(DataError, match="`reference_dates` 2020-01-02T00 and 2021-01-02T00 have the same hindcasts"):
        Hindcasts(**options(folder, "2020-01-02", "2021-01-02"))
    assert len(Hindcasts(**options(folder, "2020-01-02")).header.times) == 15


def messages(path: Path, reference: str, members: int = 1) -> None:
    """GRIB 2 messages of the hindcasts of a reference date: 2 m temperature of each start, lead time and member."""
    with path.open("wb") as file:
        for start in starts(reference):
            for lead in LEADS:
                for member in range(members):
                    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
                    keys = {"dataDate": int(str(start.astype("M8[D]")).replace("-", "")), "dataTime": 0}
                    keys |= {"productDefinitionTemplateNumber": 1 if members > 1 else 0, "shortName": "2t"}
                    keys |= {"stepUnits": "h", "forecastTime": int(lead), "bitsPerValue": 24}
                    if members > 1:
                        keys |= {"perturbationNumber": member, "numberOfForecastsInEnsemble": members}
                    for key, wanted in keys.items():
                        eccodes.codes_set(handle, key, wanted)
                    nodes = eccodes.codes_get(handle, "numberOfValues")
                    eccodes.codes_set_values(handle, np.full(nodes, value(start, int(lead)) + 0.25 * member))
                    eccodes.codes_write(handle, file)
                    eccodes.codes_release(handle)


@pytest.mark.parametrize("members", [1, 3])
def test_hindcasts_of_grib_with_their_members(tmp_path, members):
    references = ["2020-01-02", "2020-01-06"]
    for reference in references:
        messages(tmp_path / f"h{reference.replace('-', '')}.grib2", reference, members)
    source = Hindcasts(path=str(tmp_path / "h{reference}.grib2"), reference_dates=references, years=YEARS)
    assert (source.header.names, source.header.members) == (("t2m",), members)
    wanted = sorted(start for reference in references for start in starts(reference))
    times = [start + int(lead) * HOUR for start in wanted for lead in LEADS]
    assert source.header.times.tolist() == [time.item() for time in times]
    found = source.read(source.header.times, ["t2m"])[:, :, 0, 0]
    expected = [
        [value(start, int(lead)) + 0.25 * member for member in range(members)] for start in wanted for lead in LEADS
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    last = source.read(source.header.times[[7, 2]], ["t2m"], members=[members - 1])[:, 0, 0, 0]
    np.testing.assert_allclose(last, np.array(expected)[[7, 2], -1], rtol=1e-6)
    some = Hindcasts(
        path=str(tmp_path / "h{reference}.grib2"),
        reference_dates=references[:1],
        years=YEARS[1:],
        first_lead_time="12h",
        last_lead_time="24h",
    )
    assert some.header.times.tolist() == [
        (start + lead * HOUR).item() for start in starts(references[0])[1:] for lead in (12, 24)
    ]
