"""SEEPS and its climatology, by hand, by brute force and by what is known of it."""

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml import DataSource, Grid, PluginChoice, SourceHeader, Variable, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, DataError
from wxml.verification.metric import PastFields
from wxml.verification.metric_choice import made_metrics

GRID = Grid.regular([30.0, -30.0], [0.0, 120.0, 240.0])
PAST = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2003-01-01", "s"), np.timedelta64(12, "h"))
START, LEADS = np.datetime64("2004-03-01", "s"), np.array([12, 24], "timedelta64[h]").astype("timedelta64[s]")


class Rain(DataSource):
    """Amounts in memory, shape `[time, node]`."""

    def __init__(self, values, units="mm"):
        self.header = SourceHeader(GRID, (Variable("tp", units=units),), PAST)
        self.values = values

    def _read(self, time_indices, variable_indices, out):
        out[...] = self.values[time_indices][:, None, None]

    def provenance(self):
        return {"source": "rain"}


def rain(seed=0, size=None):
    """Dry in four of ten times, else up to some 10 mm."""
    draw, size = np.random.default_rng(seed), size or len(PAST)
    return np.where(draw.random((size, 6)) < 0.4, 0.0, draw.gamma(0.8, 3, (size, 6))).astype(np.float32)


def seeps(past=None, units="mm", **options):
    known = None if past is None else PastFields(Rain(past, units), PAST)
    variable = Variable("tp", units=units, period=options.pop("period", ""))
    space = VerificationSpace((variable,), GRID, {"all": GRID.area_weights}, 1, known)
    (metric,) = made_metrics([PluginChoice(plugin="seeps", variables=["tp"], **options)], space).values()
    return metric


def value(metric, forecast, truth):
    """The score of one case; forecast `[member, lead_time, node]`, truth `[lead_time, node]`."""
    weights = GRID.area_weights[None]
    sums = 0
    for nodes in (slice(0, 4), slice(4, 6)):  # as the pass does it
        fields = VerifiedFields(
            {"tp": forecast[..., nodes]}, {"tp": truth[..., nodes]}, {}, weights[:, nodes], START, LEADS, nodes.start
        )
        sums = sums + metric.statistics(metric.subjects[0], fields)
    return metric.value(metric.of_case(sums))[:, 0]


def expected(past, forecast, truth, dry=0.25, window=15):
    """From the definitions, value by value."""
    hours = PAST.astype("datetime64[h]").astype(int) % 24
    day = (PAST.astype("datetime64[D]") - PAST.astype("datetime64[Y]")).astype(int)
    near = lambda wanted: np.minimum(abs(day - wanted), 366 - abs(day - wanted)) <= window  # noqa: E731
    found = []
    for lead, after in enumerate(LEADS):
        valid = START + after
        own = (valid.astype("datetime64[D]") - valid.astype("datetime64[Y]")).astype(int)
        hour = valid.astype("datetime64[h]").astype(int) % 24
        total = weight = 0.0
        for node in range(6):
            shares = [np.mean(past[near(one) & (hours == at), node] <= dry) for one in range(366) for at in (0, 12)]
            p = np.mean(np.float32(shares))
            sample = past[near(own) & (hours == hour), node]
            heavy = np.float32(np.quantile(sample[sample > dry], 2 / 3))
            matrix = 0.5 * np.array(
                [[0, 1 / (1 - p), 4 / (1 - p)], [1 / p, 0, 3 / (1 - p)], [1 / p + 3 / (2 + p), 3 / (2 + p), 0]]
            )
            row, column = (
                0 if one <= dry else 1 if one < heavy else 2 for one in (forecast[lead, node], truth[lead, node])
            )
            if 0.1 <= p <= 0.85:
                total += GRID.area_weights[node] * matrix[row, column]
                weight += GRID.area_weights[node]
        found.append(total / weight)
    return found


def test_the_score_follows_from_the_definitions() -> None:
    past, forecast, truth = rain(), rain(1, 2), rain(2, 2)
    assert value(seeps(past), forecast[None], truth) == pytest.approx(expected(past, forecast, truth), rel=1e-6)
    day = seeps(past, accumulation="24h", window=40)
    assert value(day, forecast[None], truth) == pytest.approx(expected(past, forecast, truth, 0.2, 40), rel=1e-6)


def test_always_the_same_forecast_has_the_expectation_one() -> None:
    """Over a truth that has the categories as often as the climatology says: p₁ dry, two thirds of the rest light."""
    past = np.tile(np.array([0, 0, 0, 1, 2, 3], np.float32)[:, None], (len(PAST) // 6 + 1, 6))[: len(PAST)]
    metric = seeps(past, window=182)
    share = metric._climatology("tp").dry_share
    np.testing.assert_allclose(share, 0.5, atol=2e-3)
    heavy = metric._climatology("tp").threshold(START)
    assert heavy[0] == pytest.approx(2 + 1 / 3, abs=0.34)
    for amount in (0.0, 1.5, 9.0):
        scores = [value(metric, np.full((1, 2, 6), amount), np.full((2, 6), other))[0] for other in (0, 0, 0, 1, 2, 3)]
        assert np.mean(scores) == pytest.approx(1, abs=5e-3)


def test_missing_values_and_dry_places_do_not_count() -> None:
    past, forecast, truth = rain(), rain(1, 2), rain(2, 2)
    past[:, 3] = 0.0  # p₁ is 1 there
    changed = forecast.copy()
    changed[:, 3] = 50.0
    truth[0] = np.nan
    found = value(seeps(past), forecast[None], truth)
    assert np.isnan(found[0])
    assert found[1] == value(seeps(past), changed[None], truth)[1]


def test_members_are_scored_one_by_one() -> None:
    past, members, truth = rain(), rain(1, 6).reshape(3, 2, 6), rain(2, 2)
    metric = seeps(past)
    each = [value(metric, member[None], truth) for member in members]
    assert value(metric, members, truth) == pytest.approx(np.mean(each, axis=0))


def test_metres_are_converted_and_other_units_refused() -> None:
    past, forecast, truth = rain(), rain(1, 2), rain(2, 2)
    in_metres = value(seeps(past / 1000, units="m"), forecast[None] / 1000, truth / 1000)
    assert in_metres == pytest.approx(value(seeps(past), forecast[None], truth))
    assert value(seeps(past, units="kg m-2"), forecast[None], truth) == pytest.approx(in_metres)
    with pytest.raises(ConfigError, match="must be in m, mm or kg m-2, got 'K'"):
        seeps(past, units="K")
    with pytest.raises(ConfigError, match="is of 3h, got '6h'"):
        seeps(past, period="3h")


def test_a_climatology_is_kept_and_used_again(tmp_path) -> None:
    path, forecast, truth = tmp_path / "rain.zarr", rain(1, 2), rain(2, 2)
    first = value(seeps(rain(), climatology=str(path)), forecast[None], truth)
    with xr.open_zarr(path) as kept:
        assert kept["tp_seeps_threshold"].dims == ("hour", "dayofyear", "latitude", "longitude")
        assert kept["hour"].values.tolist() == [0, 12]
    assert value(seeps(climatology=str(path)), forecast[None], truth) == pytest.approx(first)
    metres = value(seeps(units="m", climatology=str(path)), forecast[None] / 1000, truth / 1000)
    assert metres == pytest.approx(first)


def test_one_of_weatherbench_is_read_in_its_order_of_nodes(tmp_path) -> None:
    path, forecast, truth = tmp_path / "rain.zarr", rain(1, 2), rain(2, 2)
    first = value(seeps(rain(), climatology=str(path)), forecast[None], truth)
    with xr.open_zarr(path) as kept:
        turned = kept.load().isel(latitude=[1, 0]).transpose("hour", "dayofyear", "longitude", "latitude")
    turned.to_zarr(tmp_path / "turned.zarr", zarr_format=2)
    assert value(seeps(climatology=str(tmp_path / "turned.zarr")), forecast[None], truth) == pytest.approx(first)


def test_blocks_of_nodes_give_the_same_climatology(tmp_path, monkeypatch) -> None:
    for name, size in (("whole", 2**28), ("parts", 4 * len(PAST))):
        monkeypatch.setattr("wxml_verification.rain_climatology.BYTES", size)
        value(seeps(rain(), climatology=str(tmp_path / name)), rain(1, 2)[None], rain(2, 2))
    both = [zarr.open_group(str(tmp_path / name), mode="r")["tp_seeps_threshold"][...] for name in ("whole", "parts")]
    np.testing.assert_array_equal(*both)


def test_stations_close_together_share_their_weight() -> None:
    """Two nodes at one place, and one far away: the two count half each."""
    grid = Grid.unstructured([0.0, 0.0, 60.0], [0.0, 0.0, 90.0])
    space = VerificationSpace((Variable("tp", units="mm"),), grid, {"all": grid.area_weights}, 1)
    (metric,) = made_metrics([PluginChoice(plugin="seeps", variables=["tp"], density=True)], space).values()
    np.testing.assert_allclose(metric._density, [0.5, 0.5, 1.0])


@pytest.mark.carries_out("name past data in `verification.climatology.source`, or a `climatology` of `seeps`")
def test_without_any_past_there_is_nothing_to_compare_with(tmp_path) -> None:
    with pytest.raises(DataError, match="neither past data nor a `climatology`"):
        value(seeps(), rain(1, 2)[None], rain(2, 2))
    assert np.isfinite(value(seeps(rain()), rain(1, 2)[None], rain(2, 2))).all()


@pytest.mark.carries_out("remove it, so that it is made again, or name another `climatology`")
def test_a_climatology_of_another_grid_or_variable_is_refused(tmp_path) -> None:
    path = tmp_path / "rain.zarr"
    xr.Dataset({"other": ("latitude", [1.0])}, {"latitude": [3.0]}).to_zarr(path, zarr_format=2)
    with pytest.raises(DataError, match="lacks tp_seeps_dry_fraction, tp_seeps_threshold"):
        value(seeps(rain(), climatology=str(path)), rain(1, 2)[None], rain(2, 2))
    other = str(tmp_path / "other.zarr")
    assert np.isfinite(value(seeps(rain(), climatology=other), rain(1, 2)[None], rain(2, 2))).all()
