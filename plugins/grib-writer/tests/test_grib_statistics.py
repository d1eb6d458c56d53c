"""Statistics of members are derived forecasts and percentiles in GRIB 2, told by ecCodes and read back."""

from dataclasses import replace

import eccodes
import numpy as np
import pytest
from wxml import Fields, ForecastHeader, Grid, Variable
from wxml.errors import DataError
from wxml_grib_writer.writer import Grib2Writer

LEAD = np.timedelta64(21600, "s")
T = Variable("t_850", param="t", level=850, level_units="hPa", level_type="isobaric", units="K")
TP = Variable("tp", units="kg m-2", step_type="accum", period="6h")


def header(*variables: Variable) -> ForecastHeader:
    grid = Grid.regular([60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0])
    return ForecastHeader(grid, variables, np.array(["2020-01-01"], "datetime64[s]"), np.array([LEAD]), 1, {"a": 1})


def written(path, *variables: Variable) -> str:
    whole = header(*variables)
    writer = Grib2Writer(str(path), packing="ieee")
    values = np.arange(len(variables) * 12, dtype="f4").reshape(1, len(variables), 12)
    try:
        writer.open(whole)
        names = tuple(one.name for one in variables)
        writer.write(Fields(whole.initial_times[0] + LEAD, names, values), LEAD)
    finally:
        writer.close()
    return str(path)


def told(path: str, *keys: str) -> list[tuple[int, ...]]:
    found = []
    with open(path, "rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            found.append(tuple(int(eccodes.codes_get(handle, key)) for key in keys))
            eccodes.codes_release(handle)
    return found


def of_members(variable: Variable, suffix: str, statistic: str) -> Variable:
    return replace(variable, name=variable.name + suffix, statistic=f"{statistic} of 20 members")


def test_means_and_deviations_are_derived_forecasts(tmp_path) -> None:
    variables = [of_members(one, suffix, kind) for one in (T, TP)
                 for suffix, kind in (("", "mean"), ("_std", "standard deviation"))]  # fmt: skip
    path = written(tmp_path / "f.grib2", *variables)
    keys = ("productDefinitionTemplateNumber", "derivedForecast", "numberOfForecastsInEnsemble", "paramId", "endStep")
    assert told(path, *keys) == [
        (2, 0, 20, 130, 6), (2, 4, 20, 130, 6), (12, 0, 20, 228228, 6), (12, 4, 20, 228228, 6),
    ]  # fmt: skip
    with Grib2Writer.read(path) as stored:
        assert stored.header.variables == tuple(variables)
        for number, one in enumerate(variables):
            np.testing.assert_array_equal(stored.read(0, one.name)[0, 0], np.arange(12) + 12 * number)


def test_quantiles_are_percentiles(tmp_path) -> None:
    variables = [of_members(one, f"_q{share}", f"quantile {share / 100:g}") for one in (T, TP) for share in (10, 90)]
    path = written(tmp_path / "f.grib2", *variables)
    keys = ("productDefinitionTemplateNumber", "percentileValue")
    assert told(path, *keys) == [(6, 10), (6, 90), (10, 10), (10, 90)]
    with Grib2Writer.read(path) as stored:
        np.testing.assert_array_equal(stored.read(0, "tp_q90")[0, 0], np.arange(12) + 36)


@pytest.mark.carries_out("write means, standard deviations, and quantiles of whole per cent, or choose zarr")
def test_other_quantiles_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"`t_850_q2.5` is the quantile 0.025 of 20 members, for which GRIB 2"):
        written(tmp_path / "f.grib2", of_members(T, "_q2.5", "quantile 0.025"))
    written(tmp_path / "g.grib2", of_members(T, "_q3", "quantile 0.03"))
