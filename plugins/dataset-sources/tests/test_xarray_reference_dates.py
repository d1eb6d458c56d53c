"""The reference date in the units of times: every part counts, and what is not clear is refused."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.dates import decoded_dates

DAYS = {
    "2020-03-04": "2020-03-04",
    "2020-3-4": "2020-03-04",
    "2020/03/04": "2020-03-04",
    "20200304": "2020-03-04",
    "2020": "2020-01-01",
    "850-12-31": "0850-12-31",
}
CLOCKS = {
    "": 0,
    "T06": 6,
    " 06": 6,
    " 6": 6,
    " 06:30": 6.5,
    " 6:30": 6.5,
    "  06:30": 6.5,
    "_06:30": 6.5,
    " 6:3": 6.05,
    " 06:30:0.0": 6.5,
    " 06:30:00.": 6.5,
    "T06:30:15": 6.5 + 15 / 3600,
}
ZONES = {
    "": 0,
    "Z": 0,
    " UTC": 0,
    " GMT": 0,
    "+02:00": 2,
    " +0200": 2,
    " +2": 2,
    " -5:00": -5,
    " -02:30": -2.5,
    " 2:00": 2,
}


@pytest.mark.parametrize("day", list(DAYS))
@pytest.mark.parametrize("clock", list(CLOCKS))
@pytest.mark.parametrize("zone", list(ZONES))
def test_every_part_counts(day: str, clock: str, zone: str) -> None:
    """The year, the month, the day, the time and the zone in every usual spelling."""
    if (day == "2020" and clock + zone) or (zone == " 2:00" and ":" not in clock):
        return  # a year stands alone; after a day, 2:00 is the time
    attributes = {"units": f"hours since {day}{clock}{zone}", "calendar": "proleptic_gregorian"}
    expected = np.datetime64(DAYS[day], "s") + np.timedelta64(round(3600 * (CLOCKS[clock] - ZONES[zone])), "s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xr.SerializationWarning)  # of years that are far away
        found = decoded_dates("time", xr.Variable(("t",), [0.0, 1.0], attributes)).values
    np.testing.assert_array_equal(found, expected + np.array([0, 3600], "m8[s]"))


@pytest.mark.parametrize(
    "text",
    [
        "01-02-2020",
        "Jan 1 2020",
        "2020-01",
        "20200",
        "yesterday",
        "2020-13-01",
        "2020-02-30",
        "0-1-1",
        "2020-01-01 00:00 EST",
        "2020-01-01 CET",
        "2020-01-01 0630",
        "2020-01-01 24:00",
        "2020-01-01 6:30 PM",
        "2020-01-01T06Z+02:00",
    ],
)
def test_what_is_not_clear_is_refused(text: str) -> None:
    variable = xr.Variable(("t",), [0.0], {"units": f"hours since {text}"})
    with pytest.raises(DataError, match=re.escape(f"got units 'hours since {text}'")):
        decoded_dates("time", variable)
