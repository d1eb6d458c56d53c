"""Each metric against numbers worked out by hand, brute force in double precision, and what must hold of it."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError
from wxml.verification.metric_choice import directions, made_metrics, section_names

NAN = np.nan
START = np.datetime64("2001-01-01", "s")
LEADS = np.array([6 * 3600], "timedelta64[s]")
UNITS = {"t": "K", "u_850": "m s-1", "v_850": "m s-1", "10u": "m s-1", "10v": "m s-1"}


def computed(name, cases, weights, climatology=0.0, variables=("t",), **options):
    """The numbers of the first subject by name, and the curves.

    Args:
        name: the plugin.
        cases: pairs of forecast and truth, `[member, node]` and `[node]`, or a mapping of these by variable.
        weights: of the nodes.
        climatology: of the nodes.
        variables: the ones to compare.
        options: of the plugin.
    """
    by_name = [(own, other) if isinstance(own, dict) else ({"t": own}, {"t": other}) for own, other in cases]
    members = len(next(iter(by_name[0][0].values())))
    nodes = len(weights)
    space = VerificationSpace(
        tuple(Variable(one, units=UNITS[one]) for one in variables),
        Grid.unstructured(np.zeros(nodes), np.arange(nodes), weights),
        {"all": np.array(weights)},
        members,
    )
    (metric,) = made_metrics([PluginChoice(plugin=name, **options)], space).values()
    subject = metric.subjects[0]
    kept = []
    for number, (forecasts, truths) in enumerate(by_name):
        fields = VerifiedFields(
            {one: np.array(forecasts[one], float)[:, None] for one in forecasts},
            {one: np.array(truths[one], float)[None] for one in truths},
            {one: np.broadcast_to(np.array(climatology, float), (1, nodes)) for one in truths},
            np.array(weights, float)[None],
            START + number * np.timedelta64(1, "D"),
            LEADS,
        )
        kept.append(metric.of_case(metric.statistics(subject, fields)))
    sums = np.sum(kept, axis=0)
    values = {name: metric.value(sums), **{f"{name}-{key}": one for key, one in metric.further_values(sums).items()}}
    curves = {key: curve.values[:, 0, 0] for key, curve in metric.curves(sums).items()}
    return {key: float(one[0, 0]) for key, one in values.items()}, curves


def value(name, cases, weights, **options):
    """The value alone."""
    return computed(name, cases, weights, **options)[0][name]


WEIGHTS = [0.4, 0.3, 0.2, 0.1]
TRUTH = [1.0, 2.0, 3.0, 4.0]
FORECAST = [[2.0, 2.0, 1.0, 4.0]]  # errors 1, 0, -2, 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bias", 0.4 * 1 + 0.2 * -2),
        ("mae", 0.4 * 1 + 0.2 * 2),
        ("mse", 0.4 * 1 + 0.2 * 4),
        ("rmse", np.sqrt(0.4 * 1 + 0.2 * 4)),
    ],
)
def test_errors_are_weighted_means(name, expected) -> None:
    assert value(name, [(FORECAST, TRUTH)], WEIGHTS) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "expected"), [("bias", 0.5), ("mae", 0.5), ("rmse", np.sqrt(0.5))])
@pytest.mark.parametrize("where", ["forecast", "truth"])
def test_a_missing_node_is_left_out_and_the_others_count_more(name, expected, where) -> None:
    forecast, truth = [list(FORECAST[0])], list(TRUTH)
    (forecast[0] if where == "forecast" else truth)[2] = NAN
    assert value(name, [(forecast, truth)], WEIGHTS) == pytest.approx(expected)  # 0.4 · 1 over 0.8


def test_over_cases_each_node_counts_by_its_area_and_the_mean_is_inside_of_the_root() -> None:
    cases = [([[1.0, 4.0]], [1.0, 2.0]), ([[3.0, NAN]], [1.0, 1.0])]  # errors 0, 2 and 2, none
    weights = [0.75, 0.25]
    assert value("rmse", cases, weights) == pytest.approx(np.sqrt((0.25 * 4 + 0.75 * 4) / 1.75))
    assert value("bias", cases, weights) == pytest.approx((0.25 * 2 + 0.75 * 2) / 1.75)


def test_nodes_of_weight_zero_alone_have_no_value() -> None:
    assert np.isnan(value("rmse", [([[1.0, NAN]], [0.0, 1.0])], [0.0, 1.0]))


def test_the_error_of_a_wind_is_the_length_of_its_error() -> None:
    case = {"u_850": [[3.0, 1.0]], "v_850": [[4.0, 1.0]]}, {"u_850": [0.0, 0.0], "v_850": [0.0, 0.0]}
    found = value("vector-rmse", [case], [0.5, 0.5], variables=("t", "u_850", "v_850"))
    assert found == pytest.approx(np.sqrt((25 + 2) / 2))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("u_850", "v_850", "t"), ["u_850, v_850"]),
        (("10u", "10v"), ["10u, 10v"]),
        (("u10", "v10", "u", "v"), ["u10, v10", "u, v"]),
        (("uwnd", "vwnd"), ["uwnd, vwnd"]),
        (("10m_u_component_of_wind", "10m_v_component_of_wind"), ["10m_u_component_of_wind, 10m_v_component_of_wind"]),
        (("eastward_wind_500", "northward_wind_500"), ["eastward_wind_500, northward_wind_500"]),
        (("humidity", "u_850", "q"), []),
    ],
)
def test_pairs_of_components_are_found_by_their_names(names, pairs) -> None:
    variables = tuple(Variable(name, units="m s-1") for name in names)
    space = VerificationSpace(variables, Grid.unstructured([0.0], [0.0]), {"all": np.ones(1)}, 1)
    (metric,) = made_metrics([PluginChoice(plugin="vector-rmse")], space).values()
    assert [one.name for one in metric.subjects] == pairs


# f′ = 1, 1, 0, 3 and o′ = 0, 1, 2, 3: Σ w f′o′ = 0.3 + 0.9; Σ w f′² = 0.4 + 0.3 + 0.9; Σ w o′² = 0.3 + 0.8 + 0.9
ANOMALIES = ([[2.0, 2.0, 1.0, 4.0]], TRUTH)


def test_anomaly_correlations_by_hand() -> None:
    first = 1.2 / np.sqrt(1.6 * 2.0)
    other = ([[2.0, 0.0, 1.0, 1.0]], [3.0, 3.0, 1.0, 1.0])  # f′ = 1, −1, 0, 0; o′ = 2, 2, 0, 0
    second = (0.8 - 0.6) / np.sqrt(0.7 * 2.8)
    cases = [ANOMALIES, other]
    assert value("acc", cases[:1], WEIGHTS, climatology=1.0) == pytest.approx(first)
    assert value("acc", cases, WEIGHTS, climatology=1.0) == pytest.approx((first + second) / 2)
    pooled = (1.2 + 0.2) / np.sqrt((1.6 + 0.7) * (2.0 + 2.8))
    assert value("acc-pooled", cases, WEIGHTS, climatology=1.0) == pytest.approx(pooled)
    numbers, _ = computed("activity", cases, WEIGHTS, climatology=1.0)
    assert numbers["activity"] == pytest.approx(np.sqrt((1.6 + 0.7) / (2.0 + 2.8)))
    assert numbers["activity-forecast"] == pytest.approx(np.sqrt((1.6 + 0.7) / 2))
    assert numbers["activity-truth"] == pytest.approx(np.sqrt((2.0 + 2.8) / 2))


def test_the_centred_correlation_takes_the_means_over_the_area_off() -> None:
    forecast, truth = np.array(ANOMALIES[0][0]), np.array(TRUTH)
    covariance = np.cov(forecast, truth, aweights=WEIGHTS, bias=True)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert value("acc-centred", [ANOMALIES], WEIGHTS, climatology=1.0) == pytest.approx(expected)
    shifted = ([[one + 100 for one in ANOMALIES[0][0]]], TRUTH)
    assert value("acc-centred", [shifted], WEIGHTS, climatology=1.0) == pytest.approx(expected)
    assert np.isnan(value("acc-centred", [([[2.0] * 4], TRUTH)], WEIGHTS, climatology=1.0))


def test_the_correlation_of_a_case_without_anomaly_is_unknown_and_the_case_counts_nowhere() -> None:
    usual = ([[1.0] * 4], TRUTH)
    assert np.isnan(value("acc", [usual], WEIGHTS, climatology=1.0))
    first = 1.2 / np.sqrt(1.6 * 2.0)
    assert value("acc", [usual, ANOMALIES], WEIGHTS, climatology=1.0) == pytest.approx(first)


def test_correlations_of_small_numbers_such_as_humidity() -> None:
    small = ([[1e-3 * one for one in ANOMALIES[0][0]]], [1e-3 * one for one in TRUTH])
    assert value("acc", [small], WEIGHTS, climatology=1e-3) == pytest.approx(1.2 / np.sqrt(1.6 * 2.0))


ensembles = st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=2, max_size=6)
truths = st.lists(st.floats(-50, 50), min_size=3, max_size=3)
AREAS = [0.5, 0.3, 0.2]


@settings(deadline=None, max_examples=50)
@given(members=ensembles, truth=truths)
def test_the_crps_is_that_of_all_pairs(members, truth) -> None:
    x, y = np.array(members), np.array(truth)
    pairs = np.abs(x[:, None] - x[None]).sum(axis=(0, 1))
    size = len(x)
    for name, divisor in (("crps", 2 * size**2), ("fair-crps", 2 * size * (size - 1))):
        expected = (np.abs(x - y).mean(axis=0) - pairs / divisor) @ AREAS
        assert value(name, [(members, truth)], AREAS) == pytest.approx(expected, abs=1e-10)


@settings(deadline=None, max_examples=50)
@given(forecast=truths, truth=truths)
def test_the_crps_of_one_member_is_its_absolute_error(forecast, truth) -> None:
    expected = value("mae", [([forecast], truth)], AREAS)
    for name in ("crps", "fair-crps"):
        assert value(name, [([forecast], truth)], AREAS) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(cases=st.lists(st.tuples(st.lists(truths, min_size=4, max_size=4), truths), min_size=1, max_size=4))
def test_reliability_and_potential_add_up_to_the_crps(cases) -> None:
    numbers, _ = computed("crps-decomposition", cases, AREAS)
    expected = value("crps", cases, AREAS)
    assert numbers["crps-decomposition"] == pytest.approx(expected, abs=1e-9)
    total = numbers["crps-decomposition-reliability"] + numbers["crps-decomposition-potential"]
    assert total == pytest.approx(expected, abs=1e-9)
    assert numbers["crps-decomposition-reliability"] >= -1e-12


def test_the_crps_of_a_normal_ensemble_is_the_closed_form() -> None:
    """σ (2 φ(z) + z (2 Φ(z) − 1) − 1/√π) with z = y/σ, for many members (Gneiting et al. 2005, eq. 5)."""
    from scipy.stats import norm

    members = norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None] * 2
    z = 1.5 / 2
    expected = 2 * (2 * norm.pdf(z) + z * (2 * norm.cdf(z) - 1) - 1 / np.sqrt(np.pi))
    assert value("crps", [(members, [1.5])], [1.0]) == pytest.approx(expected, abs=1e-3)


def drawn(members, cases=400, seed=0):
    """Members and truth from one distribution whose mean changes from case to case."""
    random = np.random.default_rng(seed)
    for _ in range(cases):
        centre = 3 * random.normal(size=3)
        yield centre + random.normal(size=(members, 3)), centre + random.normal(size=3)


def test_an_ensemble_of_the_truth_s_own_distribution_is_reliable() -> None:
    cases = list(drawn(5))
    numbers, _ = computed("spread-skill", cases, AREAS)
    assert numbers["spread-skill"] == pytest.approx(1, abs=0.06)
    assert numbers["spread-skill-unbiased"] == pytest.approx(1, abs=0.06)
    assert value("spread", cases, AREAS) == pytest.approx(1, abs=0.03)
    skill, _ = computed("skill", cases, AREAS)
    assert skill["skill"] == pytest.approx(np.sqrt(1 + 1 / 5), abs=0.05)
    assert skill["skill-unbiased"] == pytest.approx(1, abs=0.06)
    index, curves = computed("rank-histogram", cases, AREAS)
    np.testing.assert_allclose(curves["histogram"], 1 / 6, atol=0.05)
    assert index["rank-histogram"] < 0.2
    assert index["rank-histogram-outliers"] == pytest.approx(2 / 6, abs=0.06)


def test_spread_and_skill_by_hand() -> None:
    case = ([[1.0], [3.0]], [4.0])  # mean 2, variance 2, squared error 4
    assert value("spread", [case], [1.0]) == pytest.approx(np.sqrt(2))
    numbers, _ = computed("spread-skill", [case], [1.0])
    assert numbers["spread-skill"] == pytest.approx(np.sqrt(3 / 2) * np.sqrt(2) / 2)
    assert numbers["spread-skill-unbiased"] == pytest.approx(np.sqrt(2) / np.sqrt(4 - 1))


def test_ranks_by_hand() -> None:
    cases = [([[1.0, 5.0, 9.0], [2.0, 6.0, 8.0]], [0.0, 5.5, 10.0])]  # below, between, above
    index, curves = computed("rank-histogram", cases, AREAS)
    np.testing.assert_allclose(curves["histogram"], AREAS)
    assert index["rank-histogram"] == pytest.approx(sum(abs(share - 1 / 3) for share in AREAS))


def test_a_truth_that_equals_members_has_any_of_its_ranks_and_always_the_same() -> None:
    """As rain has, of which truth and many members have none."""
    nodes = 3000
    members = np.zeros((4, nodes))
    members[3] = 1.0  # three members equal the truth, so ranks 0 to 3 are as likely
    case, weights = (members, np.zeros(nodes)), np.full(nodes, 1 / nodes)
    _, curves = computed("rank-histogram", [case], weights)
    np.testing.assert_allclose(curves["histogram"], [0.25, 0.25, 0.25, 0.25, 0.0], atol=0.03)
    assert np.array_equal(computed("rank-histogram", [case], weights)[1]["histogram"], curves["histogram"])
    other = computed("rank-histogram", [case], weights, seed=1)[1]["histogram"]
    assert not np.array_equal(other, curves["histogram"])


EVENT = {"thresholds": {"t": [0.0]}}


def test_brier_score_by_hand() -> None:
    case = ([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]], [2.0, -2.0, -2.0])  # p = 1, ½, 0 and o = 1, 0, 0
    numbers, _ = computed("brier", [case], AREAS, **EVENT)
    assert numbers["brier"] == pytest.approx(0.3 / 4)
    assert numbers["brier-skill"] == pytest.approx(1 - (0.3 / 4) / (0.5 * 0.5))
    weibull = 0.5 * (1 - 2 / 3) ** 2 + 0.3 * (1 / 3) ** 2
    assert value("brier", [case], AREAS, probability="weibull", **EVENT) == pytest.approx(weibull)


@settings(deadline=None, max_examples=50)
@given(cases=st.lists(st.tuples(st.lists(truths, min_size=3, max_size=3), truths), min_size=1, max_size=5))
def test_the_brier_score_is_reliability_less_resolution_and_uncertainty(cases) -> None:
    parts, _ = computed("reliability", cases, AREAS, **EVENT)
    total = parts["reliability"] - parts["reliability-resolution"] + parts["reliability-uncertainty"]
    assert value("brier", cases, AREAS, **EVENT) == pytest.approx(total, abs=1e-12)


def test_the_diagram_of_reliability_by_hand() -> None:
    case = ([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]], [2.0, -2.0, -2.0])
    _, curves = computed("reliability", [case], AREAS, **EVENT)
    np.testing.assert_allclose(curves["frequency"], [0, 0, 1])
    np.testing.assert_allclose(curves["share"], [0.2, 0.3, 0.5])


@settings(deadline=None, max_examples=50)
@given(cases=st.lists(st.tuples(st.lists(truths, min_size=3, max_size=3), truths), min_size=1, max_size=5))
def test_the_area_under_the_roc_is_the_chance_that_an_event_has_more_members_than_none(cases) -> None:
    """That of Mann and Whitney, ties counting half, each node by its area."""
    pool = Counter()
    for members, truth in cases:
        for node, area in enumerate(AREAS):
            pool[sum(row[node] > 0 for row in members), truth[node] > 0] += area
    found = value("roc", cases, AREAS, **EVENT)
    pairs = [
        (first * second, 1.0 if many > few else 0.5 if many == few else 0.0)
        for ((many, event), first), ((few, other), second) in product(pool.items(), pool.items())
        if event and not other
    ]
    if not pairs:
        assert np.isnan(found)
        return
    weights, wins = np.array(pairs).T
    assert found == pytest.approx(np.average(wins, weights=weights))


def test_a_perfect_warning_has_all_of_the_area() -> None:
    case = ([[1.0, -1.0, -1.0], [2.0, -1.0, -2.0]], [2.0, -2.0, -2.0])
    assert value("roc", [case], AREAS, **EVENT) == pytest.approx(1.0)


GROUP = {"groups": {"wind": ["u_850", "v_850"]}, "variables": ("t", "u_850", "v_850")}


@settings(deadline=None, max_examples=30)
@given(members=ensembles, truth=truths)
def test_the_energy_score_of_one_variable_is_its_crps(members, truth) -> None:
    for fair, name in ((True, "fair-crps"), (False, "crps")):
        found = value("energy", [(members, truth)], AREAS, groups={"only": ["t"]}, fair=fair)
        assert found == pytest.approx(value(name, [(members, truth)], AREAS), abs=1e-10)


@settings(deadline=None, max_examples=30)
@given(u=ensembles, v=ensembles, truth=truths)
def test_scores_of_winds_are_those_of_all_pairs(u, v, truth) -> None:
    size = min(len(u), len(v))
    x, y = np.array([u[:size], v[:size]]), np.array([truth, truth[::-1]])
    case = {"u_850": x[0], "v_850": x[1]}, {"u_850": y[0], "v_850": y[1]}
    apart = np.sqrt(np.square(x[:, :, None] - x[:, None]).sum(axis=0)).sum(axis=(0, 1))
    error = np.sqrt(np.square(x - y[:, None]).sum(axis=0)).mean(axis=0)
    expected = (error - apart / (2 * size * (size - 1))) @ AREAS
    assert value("energy", [case], AREAS, **GROUP) == pytest.approx(expected, abs=1e-9)
    known, found = np.sqrt(np.abs(y[0] - y[1])), np.sqrt(np.abs(x[0] - x[1])).mean(axis=0)
    variogram = (2 * (known - found) ** 2) @ AREAS  # each pair in both orders
    assert value("variogram", [case], AREAS, **GROUP) == pytest.approx(variogram, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(members=ensembles, truth=truths)
def test_the_energy_score_of_fields_is_that_of_all_pairs(members, truth) -> None:
    x, y, size = np.array(members), np.array(truth), len(members)
    norm = lambda d: np.sqrt(np.square(d) @ AREAS)  # noqa: E731
    expected = norm(x - y).mean() - norm(x[:, None] - x[None]).sum() / (2 * size * (size - 1))
    assert value("energy-in-space", [(members, truth)], AREAS) == pytest.approx(expected, abs=1e-5)
    assert value("energy-in-space", [(members[:1], truth)], AREAS) == pytest.approx(float(norm(x[0] - y)), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("brier", {"thresholds": {"tt": [1.0]}}, "'tt' is not scored"),
        ("energy", {"groups": {"both": ["t", "w"]}}, "'w' is not scored"),
        ("energy", {"groups": {"both": ["t", "u_850"]}}, "needs variables of one unit, got t in K, u_850 in m s-1"),
        ("variogram", {"groups": {"none": []}}, "needs variables of one unit, got none"),
    ],
)
def test_what_is_not_scored_is_refused_with_its_name(name, options, words) -> None:
    with pytest.raises(ConfigError, match=words):
        value(name, [(FORECAST, TRUTH)], WEIGHTS, variables=("t", "u_850"), **options)


def test_a_metric_can_be_chosen_twice() -> None:
    twice = [PluginChoice(plugin="brier", thresholds={"t": [limit]}) for limit in (0.0, 1.0)]
    assert list(section_names(twice)) == ["brier", "brier-2"]
    assert list(directions(twice)) == ["brier", "brier-skill", "brier-2", "brier-2-skill"]
