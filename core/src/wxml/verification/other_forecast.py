"""Verify forecasts of other programs, which have no record: the user names the truth, and how the files are read."""

__all__ = ["OtherForecast", "check_other", "read_other_forecast", "verify_other"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from wxml.artefacts.brief_files import with_brief_files
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.replacement import check_target, source_paths
from wxml.config.opened_source import open_source
from wxml.config.overrides import parse_assignments, value_layer
from wxml.config.schema import ExperimentConfig
from wxml.config.section import Section
from wxml.config.tree import DEFAULT, overlay, tree_of
from wxml.data.forecast_series import ForecastSeries
from wxml.data.same_quantity import matched, with_usual_units
from wxml.data.source import DataSource
from wxml.errors import ConfigError, Fault
from wxml.experiment.parts import describe_source
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, staged
from wxml.plugins.create import choice_faults, create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.choices import Kind, PluginChoice, choices_in
from wxml.plugins.options.environment import tell_variables
from wxml.plugins.options.faults import faults_of
from wxml.plugins.resolve import resolve
from wxml.verification.asked import check_asked, check_beforehand
from wxml.verification.elsewhere import Origin, check_takes_workers
from wxml.verification.job import made_verifier, training_times
from wxml.verification.requirements import Requirement
from wxml.verification.verifier import Scores, VerificationTask, VerificationWorkers

logger = logging.getLogger("wxml")
READER = "xarray"
"""The data source that reads files of most formats."""
SECTIONS = ("data.source", "forecast", "verification")


class _Truth(Section):
    """The data that forecasts are held against."""

    source: Annotated[PluginChoice, Kind("data-source")]
    """The truth."""


class OtherForecast(Section):
    """What is chosen for a forecast of another program."""

    data: _Truth
    """The truth."""
    forecast: Annotated[PluginChoice, Kind("data-source")]
    """How the files of the forecast are read."""
    verification: Annotated[PluginChoice, Kind("verifier")]
    """How the forecasts are scored."""


def read_other_forecast(
    forecast: Path, changes: Sequence[str] = (), *, truth: Path | None = None, config: ExperimentConfig | None = None
) -> OtherForecast:
    """What the command line chooses for a forecast of another program.

    Args:
        forecast: a file, a store, or a pattern.
        changes: `key=value` of `data.source` (the truth), `forecast` (how the forecast is read) and `verification`.
        truth: a file or a store with the truth.
        config: an experiment, whose `data.source` is the truth and whose `verification` says how to score.

    Raises:
        ConfigError: a change is of another section or wrong, or nothing says where the truth is.
    """
    chosen: dict[str, Any] = {"forecast": {"plugin": READER, "path": str(forecast)}}
    if config is not None:
        chosen["data"] = {"source": config.data.source.model_dump(mode="json")}
        chosen["verification"] = config.verification.model_dump(mode="json")
    if truth is not None:
        chosen["data"] = {"source": {"plugin": READER, "path": str(truth)}}
    values = parse_assignments(changes)
    listed = ", ".join(f"`{section}`" for section in SECTIONS)
    faults = [
        Fault(key, f"only {listed} can be chosen for a forecast that wxml did not write, got {key!r}")
        for key, _ in values
        if not any(f"{key}.".startswith(f"{section}.") for section in SECTIONS)
    ]
    if faults:
        raise ConfigError(faults)
    usual = {"data": {"source": {"plugin": READER}}, "verification": {"plugin": "scorecard"}}
    below = tree_of(usual | chosen, DEFAULT)
    plain = overlay(below, value_layer(values, below)).plain()
    plain["forecast"].setdefault("path", str(forecast))
    return _checked(plain)


def _checked(plain: dict[str, Any]) -> OtherForecast:
    faults = [fault for place in choices_in(plain, OtherForecast) for fault in choice_faults(place)]
    try:
        found = OtherForecast.model_validate(plain)
    except ValidationError as error:
        raise ConfigError([*faults_of(error, OtherForecast), *faults]) from error
    if faults:
        raise ConfigError(faults)
    return found


def verify_other(
    chosen: OtherForecast,
    output: Path,
    *,
    metric: str | None = None,
    requirements: Sequence[Requirement] = (),
    config: ExperimentConfig | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
) -> tuple[Scores, Path]:
    """Score forecasts of another program against the truth that is named.

    Variables are found by their names, or by what the names mean: `temperature` at 850 hPa, `t850` and `t_850` are one.

    Args:
        chosen: the truth, the reading and the verifier.
        output: a new folder for `scores.nc` and `report.html`.
        metric: a metric that the scores must have; None: any.
        requirements: what is asked of the scores; here, only the names in them are looked at.
        config: the experiment whose training period makes the climatology; None: `verification` says what does.
        scheduler: the address of a scheduler of dask.distributed whose workers score the cases; None: this process.
        overwrite: replace `output` if it holds scores and nothing else.

    Returns:
        The scores, and the path of the report.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    check_absent(output, overwrite=overwrite)
    sources = chosen.data.source, chosen.forecast
    tell_variables([*(one.options for one in sources), chosen.verification.options], "the command line")
    verifier = made_verifier(chosen.verification, metric, requirements)
    check_takes_workers(verifier, chosen.verification, scheduler)
    check_target(output, "scores", chain.from_iterable(map(source_paths, sources)), overwrite=overwrite)
    series = _with_units(_opened(chosen.forecast))
    truth = open_source(chosen.data.source)
    names = matched(series.variables, truth.header.variables)
    _tell(series, names)
    record = _record(chosen, truth, series, names)
    again = partial(_task_again, chosen, config, Origin.of(truth))
    with staged(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        task = replace(
            _task(chosen, series, truth, config),
            directory=temporary,
            provenance=record,
            check=partial(check_asked, metric=metric, requirements=requirements),
            workers=None if scheduler is None else VerificationWorkers(scheduler, again),
        )
        scores = verifier.verify(task)
        write_record(temporary / "scores.nc", record_text(temporary / "scores.nc", record))
    return scores, output / "report.html"


def check_other(
    chosen: OtherForecast,
    *,
    metric: str | None = None,
    requirements: Sequence[Requirement] = (),
    config: ExperimentConfig | None = None,
    scheduler: str | None = None,
) -> None:
    """Raise the error with which `verify_other` would end before the first case; see there. Nothing is scored."""
    verifier = made_verifier(chosen.verification, metric, requirements)
    check_takes_workers(verifier, chosen.verification, scheduler)
    series, truth = _with_units(_opened(chosen.forecast)), open_source(chosen.data.source)
    check_beforehand(verifier, _task(chosen, series, truth, config), metric=metric, requirements=requirements)


def _task(
    chosen: OtherForecast, series: ForecastSeries, truth: DataSource, config: ExperimentConfig | None
) -> VerificationTask:
    """What is verified, without a folder for the results."""
    times = truth.header.times[:0] if config is None else training_times(truth, config)
    name = Path(str(chosen.forecast.options.get("path", READER)))
    names = matched(series.variables, truth.header.variables)
    return VerificationTask(name, truth, times, Path(), series=series.renamed(names))


def _task_again(chosen: OtherForecast, config: ExperimentConfig | None, origin: Origin) -> VerificationTask:
    """The task in another process."""
    truth = open_source(chosen.data.source)
    origin.check(truth)
    return _task(chosen, _with_units(_opened(chosen.forecast)), truth, config)


def _opened(choice: PluginChoice) -> ForecastSeries:
    def make(plugin: type[DataSource], options: dict[str, Any]) -> ForecastSeries:
        return plugin.forecasts(options)

    series: ForecastSeries = create("data-source", choice.plugin, choice.options, where="forecast", make=make)
    return series


def _with_units(series: ForecastSeries) -> ForecastSeries:
    """The series; variables that state no units have those of ECMWF's parameter, which is told."""
    known = with_usual_units(series.variables)
    taken = [f"{new.name} in {new.units}" for new, old in zip(known, series.variables, strict=True) if new != old]
    if taken:
        logger.warning("the forecast states no units of these, and ECMWF's are taken: %s", ", ".join(taken))
    return replace(series, variables=known)


def _tell(series: ForecastSeries, names: dict[str, str]) -> None:
    """Say which variables go by another name in the truth, and which are not scored."""
    logger.info("verify: %d initial times, %d lead times", len(series.initial_times), len(series.lead_times))
    others = [f"{old} is {new}" for new, old in names.items() if new != old]
    if others:
        logger.info("by the names of the truth: %s", ", ".join(others))
    lost = [one.name for one in series.variables if one.name not in names.values()]
    if lost:
        logger.warning("the truth has no %s: not scored", ", ".join(lost))


def _record(chosen: OtherForecast, truth: DataSource, series: ForecastSeries, names: dict[str, str]) -> dict[str, Any]:
    """The provenance of the scores; that of the forecast is what its files say of themselves."""
    used = [
        UsedPlugin(resolve(kind, choice.plugin), choice.options)
        for kind, choice in (("verifier", chosen.verification), ("data-source", chosen.data.source))
    ]
    reader = UsedPlugin(resolve("data-source", chosen.forecast.plugin), chosen.forecast.options)
    units = {one.name: one.units for one in series.variables}
    read = {"grid": series.grid.identity, "source": dict(series.record), "names": names, "units": units}
    parent = Provenance(artefact="forecast", plugins=lock([reader]), data=read)
    own = Provenance(
        artefact="scores",
        config=chosen.model_dump(mode="json"),
        plugins=lock(used),
        data=describe_source(truth),
        parents=[with_brief_files(parent.to_dict())],
    )
    return own.to_dict()
