"""Statistics of the members of an ensemble in GRIB 2: derived forecasts, and percentiles."""

__all__ = ["set_statistic"]

import re

from wxml import Variable
from wxml.errors import DataError

from wxml_grib_writer.handles import Keys, set_keys

STATISTIC = re.compile(r"(mean|standard deviation|quantile (?P<share>[\d.e-]+)) of (?P<members>\d+) members")
"""As `Variable.statistic` says it."""
DERIVED = {"mean": 0, "standard deviation": 4}
"""The numbers of code table 4.7: the unweighted mean of all members, and their spread."""
ENSEMBLE = {"typeOfProcessedData": 5, "typeOfGeneratingProcess": 4}
"""Control and perturbed forecasts (code table 1.4), of an ensemble (4.3)."""


def set_statistic(handle: int, variable: Variable, *, is_instant: bool) -> None:
    """Make a message one of a statistic of the members, if the variable is one.

    The templates are 2 and 6 for a moment, 12 and 10 for a period (code table 4.0): derived forecasts, percentiles.

    Raises:
        DataError: the statistic is none that GRIB has, such as the quantile 0.025.
    """
    if not variable.statistic:
        return
    found = STATISTIC.fullmatch(variable.statistic)
    if found is None:
        raise _refusal(variable)
    keys: dict[str, int | float | str]
    if found["share"] is None:
        keys = {"productDefinitionTemplateNumber": 2 if is_instant else 12, "derivedForecast": DERIVED[found[1]]}
        keys["numberOfForecastsInEnsemble"] = int(found["members"])
    else:
        percent = 100 * float(found["share"])
        if abs(percent - round(percent)) > 1e-9:
            raise _refusal(variable)
        keys = {"productDefinitionTemplateNumber": 6 if is_instant else 10, "percentileValue": round(percent)}
    every: Keys = {**ENSEMBLE, **keys}
    set_keys(handle, every)


def _refusal(variable: Variable) -> DataError:
    return DataError(
        f"`{variable.name}` is the {variable.statistic}, for which GRIB 2 has no template that is written",
        fix="write means, standard deviations, and quantiles of whole per cent, or choose zarr",
    )
