"""Mass, water, energy and balance of air, in closed form."""

import numpy as np
import pytest
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.verification.metric_choice import made_metrics

UNITS = {"sp": "Pa", "t": "K", "q": "kg kg-1", "u": "m s-1", "v": "m s-1", "z": "m2 s-2", "tcwv": "kg m-2"}
GRID = Grid.regular([60.0, 0.0, -60.0], [0.0, 180.0])
GRAVITY, DRY_AIR = 9.80665, 287.0597


def computed(name, forecast, truth, units=UNITS):
    """Subject → the numbers by lead time; fields `[lead_time, node]` or single numbers."""
    variables = tuple(Variable(one, units=units[one.partition("_")[0]]) for one in truth)
    space = VerificationSpace(variables, GRID, {"all": GRID.area_weights}, 1)
    (metric,) = made_metrics([PluginChoice(plugin=name)], space).values()
    own, other = (
        {key: np.broadcast_to(np.asarray(one, float), (2, 6)) for key, one in fields.items()}
        for fields in (forecast, truth)
    )
    start, leads = np.datetime64("2001-01-01", "s"), np.array([6, 12], "timedelta64[h]")
    members = {key: one[None] for key, one in own.items()}
    fields = VerifiedFields(members, other, {}, GRID.area_weights[None], start, leads)
    found = {}
    for subject in metric.subjects:
        sums = metric.statistics(subject, fields)
        numbers = {"value": metric.value(sums), **metric.further_values(sums)}
        found[subject.name] = {key: one[:, 0] for key, one in numbers.items()}
    return found


def test_dry_air_is_surface_pressure_without_water() -> None:
    truth = {"sp": 98_000.0, "tcwv": 25.0}
    forecast = {"sp": np.array([[98_000.0], [98_100.0]]), "tcwv": 20.0}
    found = computed("conservation", forecast, truth)
    np.testing.assert_allclose(found["dry air"]["value"], [5 * GRAVITY, 100 + 5 * GRAVITY])
    np.testing.assert_allclose(found["dry air"]["drift"], [0, 100])
    np.testing.assert_allclose(found["water"]["truth"], 25)


def test_water_is_the_integral_of_humidity_over_pressure() -> None:
    """q rises linearly with pressure from 0 at 500 hPa to 0.01 at 1000 hPa, of which trapezia know all."""
    truth = {"q_500": 0.0, "q_850": 0.007, "q_1000": 0.010}
    found = computed("conservation", {key: 2 * one for key, one in truth.items()}, truth)
    np.testing.assert_allclose(found["water"]["truth"], 0.005 * 50_000 / GRAVITY)
    np.testing.assert_allclose(found["water"]["value"], 0.005 * 50_000 / GRAVITY)


def test_energy_is_warmth_motion_and_vapour() -> None:
    truth = {f"{name}_{level}": one for name, one in {"t": 270.0, "u": 6.0, "v": 8.0}.items() for level in (500, 1000)}
    found = computed("conservation", truth, truth)["energy"]
    np.testing.assert_allclose(found["truth"], (1004.709 * 270 + 50) * 50_000 / GRAVITY)
    np.testing.assert_allclose(found["value"], 0, atol=1e-6)
    moist = truth | {"q_500": 0.01, "q_1000": 0.01}
    more = computed("conservation", moist, moist)["energy"]["truth"] - found["truth"]
    np.testing.assert_allclose(more, 2.5008e6 * 0.01 * 50_000 / GRAVITY)


def test_air_of_one_temperature_is_in_balance() -> None:
    """Φ₁ − Φ₂ = R T ln(p₂/p₁) exactly; a forecast that is 30 m² s⁻² off beside a truth that is 10 off."""
    thickness = DRY_AIR * 280 * np.log(850 / 500)
    air = {"t_500": 280.0, "t_850": 280.0, "z_850": 14_000.0}
    forecast, truth = ({**air, "z_500": 14_000 + thickness + off} for off in (30.0, -10.0))
    found = computed("hydrostatic", forecast, truth)["500 to 850 hPa"]
    np.testing.assert_allclose(found["forecast"], 30)
    np.testing.assert_allclose(found["truth"], 10)
    np.testing.assert_allclose(found["value"], 3)
    moist = {"q_500": 0.0, "q_850": 0.01}
    humid = computed("hydrostatic", {**truth, **moist}, {**truth, **moist})["500 to 850 hPa"]["truth"]
    np.testing.assert_allclose(humid, abs(-10 - DRY_AIR * 280 * 0.6077 * 0.005 * np.log(850 / 500)))


def test_other_units_are_converted_and_what_is_missing_has_no_subject() -> None:
    hectopascal = computed(
        "conservation", {"sp": 980.0, "tcwv": 0.0}, {"sp": 981.0, "tcwv": 0.0}, UNITS | {"sp": "hPa"}
    )
    np.testing.assert_allclose(hectopascal["dry air"]["value"], -100)
    assert list(computed("conservation", {"sp": 1.0}, {"sp": 1.0})) == []
    assert list(computed("hydrostatic", {"t_500": 1.0, "z_500": 1.0}, {"t_500": 1.0, "z_500": 1.0})) == []


def test_a_node_that_lacks_a_variable_does_not_count() -> None:
    truth = {"sp": 98_000.0, "tcwv": np.where(np.arange(6) == 2, np.nan, 25.0)}
    forecast = {"sp": np.where(np.arange(6) == 2, 5e5, 98_000.0), "tcwv": 25.0}
    assert computed("conservation", forecast, truth)["dry air"]["value"] == pytest.approx([0, 0])
