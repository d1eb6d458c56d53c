"""`scores.nc` says how sure scores and their differences from the baselines are; regions and groups can be required."""

import numpy as np
import xarray as xr
from wxml import Grid
from wxml.verification.requirements import outcomes, parse_requirement
from wxml_verification.regions import Region

GRID = Grid.regular([50.0, -50.0], [0.0, 180.0])
TIMES = np.arange(np.datetime64("2001-02-20", "s"), np.datetime64("2001-03-12", "s"), np.timedelta64(12, "h"))
LEADS = np.array([12], "timedelta64[h]").astype("timedelta64[s]")


def test_scores_have_intervals_and_differences_p(source, write, verify) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(len(TIMES), 1, 4))
    near, initial = values[1:] + 0.3 * random.normal(size=(len(TIMES) - 1, 1, 4)), TIMES[:-1]
    path = write(GRID, initial, LEADS, {"t": near})
    regions = {"north": Region(south=0)}
    scores, folder = verify(path, source(GRID, ["t"], TIMES, values), TIMES, maps=0, regions=regions)
    with xr.open_dataset(folder / "scores.nc") as stored:
        rmse = stored.sel(metric="rmse", variable="t").isel(prediction_timedelta=0)
        own = rmse.sel(forecast="forecast")
        assert own.ci_low < own.scores < own.ci_high
        square = np.square(near - values[1:]).mean(axis=(1, 2))
        width = np.std(square, ddof=1) / np.sqrt(len(square)) / 2 / np.sqrt(square.mean())  # independent cases
        np.testing.assert_allclose(own.ci_high - own.ci_low, 2 * 2.78 * width, rtol=0.6)  # four degrees of freedom
        away = rmse.sel(baseline="persistence")
        difference = own.scores - rmse.scores.sel(forecast="persistence")
        np.testing.assert_allclose(away.difference.sel(region="all"), difference)
        assert (away.p < 0.01).all()
        assert (away.p <= away.p_adjusted).all()
        assert (away.difference_ci_high < 0).all()
        assert away.p.dims == ("region",)
        north = stored.group_scores.sel(group="all", region="north", metric="rmse", forecast="forecast", variable="t")
        march = stored.group_scores.sel(group="MAM", region="all", metric="rmse", forecast="forecast", variable="t")
        wanted = [parse_requirement(f"rmse:t:12h@{name}<persistence") for name in ("north", "MAM")]
        found = outcomes(scores, wanted)
        np.testing.assert_allclose([one.value for one in found], [north.item(), march.item()])
        assert all(one.is_met for one in found)
