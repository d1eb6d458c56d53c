"""Names as people read them: of metrics, units and times."""

__all__ = ["instant", "number_title", "pretty_units"]

import re

import numpy as np

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
"""Digits as superscripts."""
TITLES = {
    "acc": "Anomaly correlation",
    "bias": "Bias",
    "crps": "CRPS",
    "fair-crps": "Fair CRPS",
    "mae": "Mean absolute error",
    "mse": "Mean square error",
    "rank-histogram": "Rank histogram, reliability index",
    "rmse": "RMSE",
    "roc": "ROC, area under the curve",
    "spread-skill": "Spread over skill",
    "vector-rmse": "Vector RMSE",
}
CAPITALS = {"acc": "ACC", "crps": "CRPS", "fss": "FSS", "mae": "MAE", "rmse": "RMSE", "roc": "ROC", "seeps": "SEEPS"}


def number_title(name: str) -> str:
    """What a number of a metric is called.

    >>> number_title("rmse"), number_title("acc-pooled"), number_title("acme-near")
    ('RMSE', 'ACC pooled', 'Acme near')
    """
    if name in TITLES:
        return TITLES[name]
    words = " ".join(CAPITALS.get(word, word) for word in name.split("-"))
    return words[:1].upper() + words[1:]


def pretty_units(units: str) -> str:
    """Units as people read them, with powers as superscripts; anything else stays as it is.

    >>> pretty_units("m**2 s**-2"), pretty_units("kg kg-1"), pretty_units("K")
    ('m² s⁻²', 'kg kg⁻¹', 'K')
    """
    return re.sub(r"(?<=[a-zA-Z])(?:\*\*|\^)?(-?\d+)\b", lambda power: power[1].translate(RAISED), units)


def instant(time: np.datetime64) -> str:
    """A time as text, such as 2000-01-01 06 UTC."""
    date, clock = str(time.astype("datetime64[s]")).split("T")
    hour, minute, second = clock.split(":")
    return f"{date} {hour}" + (f":{minute}" if minute != "00" or second != "00" else "") + " UTC"
