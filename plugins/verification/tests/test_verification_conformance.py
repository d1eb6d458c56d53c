"""The conformance kit on the scorecard and on each metric."""

from importlib.metadata import distribution

import pytest
from wxml.testing import VerificationMetricContract, VerifierContract
from wxml.testing.conformance import run_checks
from wxml_verification.scorecard import Scorecard

OPTIONS = {
    "brier": {"thresholds": {"t": [278.0, 282.0]}},
    "reliability": {"thresholds": {"t": [280.0]}},
    "roc": {"thresholds": {"t": [280.0]}},
    "energy": {"groups": {"wind": ["u_850", "v_850"]}},
    "variogram": {"groups": {"wind": ["u_850", "v_850"]}},
}
EVENTS = ("csi", "ets", "hss", "sedi", "f1", "pod", "far", "pofd", "frequency-bias", "economic-value")
OPTIONS |= {name: {"thresholds": {"t": [280.0]}} for name in EVENTS}
OPTIONS["fss"] = {"thresholds": {"t": [280.0]}, "windows_km": [0.0, 4000.0]}
OPTIONS["seeps"] = {"variables": ["tp"]}
COLUMN = {"sp": ("Pa", 98000.0), "tcwv": ("kg m-2", 20.0), "t_500": ("K", 250.0), "t_850": ("K", 280.0)}
COLUMN |= {"z_500": ("m2 s-2", 55000.0), "z_850": ("m2 s-2", 14000.0)}
COLUMN |= {f"{name}_{level}": ("m s-1", 1.0) for name in "uv" for level in (500, 850)}
VARIABLES = {"conservation": COLUMN, "hydrostatic": COLUMN, "geostrophic": COLUMN, "seeps": {"tp": ("mm", 1.0)}}
METRICS = distribution("wxml-verification").entry_points.select(group="wxml.verification_metrics")


class TestScorecard(VerifierContract):
    plugin = Scorecard
    options = {"maps": 0}


@pytest.mark.parametrize("entry", METRICS, ids=lambda entry: entry.name)
def test_metrics_fill_their_contract(entry) -> None:
    members = {"plugin": entry.load(), "options": OPTIONS.get(entry.name, {})}
    if entry.name in VARIABLES:
        members["variables"] = VARIABLES[entry.name]
    kit = type("Kit", (VerificationMetricContract,), members)
    results = list(run_checks(kit))
    assert [(one.name, one.message) for one in results if one.result == "failed"] == []
    assert sum(one.result == "passed" for one in results) >= 16
