"""A climatology that was made elsewhere, such as those of WeatherBench 2: opened, and fitted to the forecast."""

__all__ = ["Given", "given_of"]

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, PluginChoice, ReadRequest, SelectiveSource, Variable, YearlyFields, create
from wxml.data.same_quantity import meaning, with_usual_units
from wxml.data.source_fit import Sides, check_variables, in_units_of, on_grid
from wxml.data.times import format_time
from wxml.errors import DataError
from wxml.masking import masked_values

from wxml_verification.truth import SAME_PLACE

logger = logging.getLogger("wxml")
Times = NDArray[np.datetime64]
WHERE = "verification.climatology.means"
SIDES = Sides(
    "the forecast",
    "the forecast has",
    "the climatology",
    "name a climatology on the grid that is scored, or let it be brought there: `verification.regrid`",
)
STATISTIC = re.compile(r"(.+?)(_mean|_seeps_threshold|_seeps_dry_fraction|_quantile_[\d.e-]+)?")
"""A name, and what the variable is of it."""
OWN_UNITS = ("_seeps_threshold", "_seeps_dry_fraction")
"""Of these whoever reads them looks at the units."""
YEARS = re.compile(r"(?<!\d)([12]\d{3})-([12]\d{3})(?!\d)")


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A climatology that is given, on the nodes and in the units of the forecast."""

    fields: YearlyFields
    lacking: tuple[str, ...]
    """The variables of the forecast that it lacks."""
    name: str
    """What it is called, for a sentence."""
    years: tuple[int, int] | None
    """The first and the last year that it is of, as the name of its file says; None if that says none."""
    record: Mapping[str, Any]
    """What its source says of itself, for a provenance."""
    uncompared: tuple[str, ...] = ()
    """Sentences on what it and the forecast do not both state."""

    def check(self, verified: Times) -> None:
        """Raise a DataError if it lacks an instant that is verified.

        Args:
            verified: the instants, rising.
        """
        lacking = verified[~self.fields.has(verified)]
        if not len(lacking):
            return
        times = self.fields.source.header.times
        hours = np.unique((times - times.astype("datetime64[D]")).astype("timedelta64[m]").astype(np.int64))
        clock = ", ".join(f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in hours[:24].tolist())
        days = len(np.unique(times.astype("datetime64[D]")))
        raise DataError(
            f"the climatology {self.name} has no values for {len(lacking)} of {len(verified)} times that are verified, "
            f"the first of which is {format_time(lacking[0])}: it has {days} days of the year, at {clock} UTC",
            fix="verify a forecast at these times of day alone, or name past data in place of `means`: "
            "`verification.climatology.source`",
        )


class _Named(SelectiveSource):
    """Some variables of a source, under other names."""

    def __init__(self, source: DataSource, variables: Mapping[int, Variable]) -> None:
        """Take the variables at some positions."""
        self._source, self._places = source, np.array(list(variables), np.intp)
        self.header = replace(source.header, variables=tuple(variables.values()))

    def provenance(self) -> dict[str, Any]:
        """That of the source."""
        return self._source.provenance()

    def forget(self) -> None:
        """See `DataSource.forget`."""
        self._source.forget()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._source.fill(replace(request, variables=self._places[request.variables]), out)


def given_of(
    choice: PluginChoice, wanted: Sequence[Variable], truth: DataSource, settle: Callable[[DataSource], DataSource]
) -> Given:
    """Open a climatology, and bring it to the nodes and the units of the forecast.

    Args:
        choice: the data source.
        wanted: the variables of the forecast that are scored.
        truth: the truth, on the nodes that are scored.
        settle: brings a source to these.

    Raises:
        WxmlError: it cannot be opened, its times are not those of one year of means, it has none of the variables, or
            has one in other units, at another level, over other periods, or other nodes.
    """
    source: DataSource = create("data-source", choice.plugin, choice.options, where=WHERE)
    YearlyFields(source)  # before anything else is looked at
    chosen = _chosen(source.header.variables, wanted)
    named = _Named(source, chosen)
    by_name = {one.name: one for one in wanted}
    means = [one for one in wanted if one.name in named.header.names]
    if not means:
        theirs = ", ".join(source.header.names[:12])
        raise DataError(
            f"the climatology has none of the variables of the forecast, {', '.join(by_name)}: it has {theirs}",
            fix="give them their names in the forecast with `rename`",
        )
    alike = [
        replace(by_name[_base(one.name, by_name)], name=one.name)
        for one in named.header.variables
        if not one.name.endswith(OWN_UNITS)
    ]
    converted = in_units_of(named, alike, SIDES)
    uncompared = tuple(check_variables(converted.header, alike, SIDES))
    for sentence in uncompared:
        logger.warning("%s", sentence)
    record = masked_values(source.provenance())
    path = _file_of(record)
    lacking = tuple(one.name for one in wanted if one not in means)
    placed = _placed(converted, truth, settle)
    name = f"`{path}`" if path else f"`{WHERE}`"
    return Given(YearlyFields(placed), lacking, name, _years(path), record, uncompared)


def _chosen(variables: Sequence[Variable], wanted: Sequence[Variable]) -> dict[int, Variable]:
    """Position → the variable under its name in the forecast, of all that are wanted and of what is known of them.

    Raises:
        DataError: two of them may be one of the forecast.
    """
    found: dict[int, Variable] = {}
    for one in wanted:
        bases = [_parted(other) for other in variables]
        same = [place for place, (base, _) in enumerate(bases) if base.name == one.name]
        alike = same or [place for place, (base, _) in enumerate(bases) if meaning(base) == meaning(one)]
        names: dict[str, int] = {}
        for place in alike:
            base, statistic = bases[place]
            if statistic == "_mean" and any(bases[other][1] == "" for other in alike):
                continue
            name = one.name + statistic.removesuffix("_mean")
            if name in names:
                both = f"{variables[names[name]].name!r} and {variables[place].name!r}"
                raise DataError(
                    f"{both} of the climatology may both be {name!r} of the forecast",
                    fix="choose one of them with `variables`",
                )
            names[name] = place
            units = "1" if statistic == "_seeps_dry_fraction" else with_usual_units([base])[0].units
            found[place] = replace(variables[place], name=name, units=variables[place].units or units)
    return found


def _parted(variable: Variable) -> tuple[Variable, str]:
    """The variable that a statistic is of, and the statistic: `t_quantile_0.95_850` is `_quantile_0.95` of `t_850`."""
    match = STATISTIC.fullmatch(variable.param)
    base, statistic = (match[1], match[2] or "") if match else (variable.param, "")
    name = base + variable.name.removeprefix(variable.param)
    return replace(variable, name=name, param=base), statistic


def _base(name: str, known: Mapping[str, Variable]) -> str:
    """The name of the variable that a statistic is of."""
    return max((one for one in known if name == one or name.startswith(f"{one}_quantile_")), key=len)


def _placed(source: DataSource, truth: DataSource, settle: Callable[[DataSource], DataSource]) -> DataSource:
    """The source on the nodes that are scored."""
    try:
        return settle(source)
    except DataError:
        on_grid(source, truth.header.grid, SIDES, SAME_PLACE)  # says it of the climatology
        raise


def _file_of(record: Mapping[str, Any]) -> str:
    """The name of the first file of a source; empty if it tells none."""
    files = record.get("files")
    first = files[0] if isinstance(files, list) and files else {}
    name = str(first.get("name", "")) if isinstance(first, dict) else ""
    return name.rstrip("/").rpartition("/")[2]


def _years(name: str) -> tuple[int, int] | None:
    """The years in a name, such as `1990-2019_6h_240x121.zarr`."""
    match = YEARS.search(name)
    return (int(match[1]), int(match[2])) if match else None
