"""The attributes of a dataset, those of anemoi-datasets and our own."""

__all__ = ["attributes_of"]

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import wxml
from numpy.typing import NDArray
from wxml import Moments
from wxml.masking import masked_values

from wxml_dataset_builder.date_axis import peer_duration
from wxml_dataset_builder.plan import Plan, change_set

LAYOUT: Final = "0.22"
"""The version of the layout of anemoi-datasets."""
PROCESSES: Final = {
    "accum": "accumulation",
    "avg": "average",
    "max": "maximum",
    "min": "minimum",
    "instant": "instantaneous",
    "rms": "root_mean_square",
    "sd": "standard_deviation",
}
"""The step type of a variable as in GRIB, and as `process` in the layout."""
LEVEL_TYPES: Final = {"hPa": "pl", "1": "ml", "K": "pt"}
"""The MARS type of a level by the units of its number."""


def attributes_of(plan: Plan, moments: Mapping[str, Moments]) -> dict[str, Any]:
    """All attributes of the root, but for `uuid`."""
    dates, values = plan.axis.dates, moments["equal"]
    with_nans = [name for name, missing in zip(plan.names, values.missing.sum(0), strict=True) if missing]
    change = moments[change_set("equal", plan, 1)]
    return {
        "variables": list(plan.names),
        "variables_metadata": {one["name"]: variable_metadata(one) for one in plan.variables},
        "missing_dates": [str(date) for date in dates[plan.axis.is_missing]],
        "frequency": peer_duration(plan.axis.frequency),
        "start_date": str(dates[0]),
        "end_date": str(dates[-1]),
        "last_date": str(dates[-1]),
        "statistics_start_date": str(plan.period[0]),
        "statistics_end_date": str(plan.period[1]),
        "constant_fields": _constant(plan.names, change),
        "variables_with_nans": with_nans,
        "allow_nans": bool(with_nans),
        "dimensions": ["dates", "variables", "ensembles", "values"],
        "shape": list(plan.geometry.shape),
        "chunks": list(plan.geometry.chunks),
        "dtype": plan.geometry.dtype,
        "grid": dict(plan.grid),
        "field_shape": list(plan.grid["shape"]),
        "resolution": plan.grid["resolution"],
        "data_request": {},
        "proj_string": None,
        "remapping": {},
        "version": LAYOUT,
        **{key: plan.recipe[key] for key in ("description", "licence", "attribution")},
        "recipe": masked_values(dict(plan.recipe)),
        "provenance": masked_values(dict(plan.provenance)),
        "plugins": dict(_plugins(plan.recipe)),
        "history": list(plan.history),
        "builder": {"wxml-core": wxml.__version__, "wxml-dataset-builder": _own_version()},
    }


def variable_metadata(variable: Mapping[str, Any]) -> dict[str, Any]:
    """What the layout says of a variable, and under `wxml` everything that a `Variable` knows."""
    mars: dict[str, Any] = {"param": variable["param"]}
    if variable["level"] is not None:
        level = variable["level"]
        mars |= {"levelist": int(level) if level == int(level) else level}
        mars |= {"levtype": LEVEL_TYPES[variable["level_units"]]} if variable["level_units"] in LEVEL_TYPES else {}
    found: dict[str, Any] = {"mars": mars, "wxml": {key: value for key, value in variable.items() if value}}
    if variable["units"]:
        found["units"] = variable["units"]
    if variable["step_type"] in PROCESSES:
        found["process"] = PROCESSES[variable["step_type"]]
    if variable["period"] and " " not in variable["period"]:
        found["period"] = ["0h", variable["period"]]
    return found


def _constant(names: tuple[str, ...], change: Moments) -> list[str]:
    """The variables that never change from one date to the next."""
    whole = change.merged()
    is_constant: NDArray[np.bool_] = (whole.weight > 0) & (whole.minimum == 0) & (whole.maximum == 0)
    return [name for name, is_still in zip(names, is_constant, strict=True) if is_still]


def _plugins(value: Any) -> Iterator[tuple[str, str]]:
    """The name and the version of every source that a recipe names, at any depth."""
    if isinstance(value, Mapping):
        if isinstance(value.get("plugin"), str):
            record = wxml.resolve("data-source", value["plugin"])
            yield record.full_name, record.version
        for inner in value.values():
            yield from _plugins(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _plugins(inner)


def _own_version() -> str:
    from importlib.metadata import version

    return version("wxml-dataset-builder")
