"""Verify forecasts: from a file of forecasts and the truth to scores and a report."""

__all__ = ["check_verifiable", "made_verifier", "training_times", "verify", "verify_series"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.brief_files import with_brief_files
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.migrated import recorded_today
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.replacement import check_target, source_paths
from wxml.artefacts.source_changes import Changes
from wxml.config.opened_source import asked_for, open_source
from wxml.config.schema import ExperimentConfig
from wxml.config.task_choice import task_of
from wxml.data.forecast_series import ForecastSeries
from wxml.data.source import DataSource
from wxml.errors import ArtefactError, DataError, nearest
from wxml.experiment.parts import describe_source
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, staged
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.environment import tell_variables
from wxml.plugins.resolve import resolve
from wxml.verification.asked import check_asked, check_beforehand
from wxml.verification.elsewhere import Origin, check_takes_workers
from wxml.verification.requirements import Requirement
from wxml.verification.verifier import Scores, VerificationTask, VerificationWorkers, Verifier

logger = logging.getLogger("wxml")
UNSTORED = "forecast"
"""What forecasts are called that no file holds."""


def verify(
    forecast: Path,
    output: Path,
    *,
    metric: str | None = None,
    requirements: Sequence[Requirement] = (),
    changed: Changes | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
) -> tuple[Scores, Path]:
    """Score a file of forecasts against the data that the forecasts started from, or against others.

    Args:
        forecast: the file that `wxml forecast` wrote.
        output: a new folder for `scores.nc` and `report.html`.
        metric: a metric that the scores must have; None: any.
        requirements: what is asked of the scores; here, only the names in them are looked at.
        changed: the config behind the forecast with changes to `data.source` (the truth) or `verification`.
        scheduler: the address of a scheduler of dask.distributed whose workers score the cases; None: this process.
        overwrite: replace `output` if it holds scores and nothing else.

    Returns:
        The scores, and the path of the report.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind. An unknown metric is refused before any data
            are read, and a requirement of what will have no score before the first case is.
    """
    check_absent(output, overwrite=overwrite)
    subject = replace(_subject(forecast, changed), requirements=tuple(requirements), scheduler=scheduler)
    return _scored(subject, output, metric, overwrite=overwrite)


def check_verifiable(
    forecast: Path,
    *,
    metric: str | None = None,
    requirements: Sequence[Requirement] = (),
    changed: Changes | None = None,
    scheduler: str | None = None,
) -> None:
    """Raise the error with which `verify` would end before the first case; see there. Nothing is scored."""
    subject = _subject(forecast, changed)
    scored_by = subject.config.verification
    verifier = made_verifier(scored_by, metric, requirements)
    check_takes_workers(verifier, scored_by, scheduler)
    check_beforehand(verifier, _task(subject, _truth(subject.config)), metric=metric, requirements=requirements)


def verify_series(
    series: ForecastSeries,
    record: Provenance,
    output: Path,
    *,
    scored_by: PluginChoice | None = None,
    overwrite: bool = False,
) -> tuple[Scores, Path]:
    """Score forecasts that are stored nowhere; see `verify`.

    Args:
        series: the forecasts.
        record: what they are made of, as their file would have it.
        output: a new folder for `scores.nc` and `report.html`.
        scored_by: the verifier; None: that of the config behind the forecasts.
        overwrite: replace `output` if it holds scores and nothing else.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    subject = _Subject(Path(UNSTORED), record, None, series, scored_by)
    return _scored(subject, output, None, overwrite=overwrite)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Forecasts and what they were made of."""

    path: Path
    """The file, or what the forecasts are called."""
    record: Provenance
    changed: Changes | None
    series: ForecastSeries | None = None
    scored_by: PluginChoice | None = None
    requirements: tuple[Requirement, ...] = ()
    scheduler: str | None = None

    @property
    def config(self) -> ExperimentConfig:
        """The config behind the forecasts."""
        found = self.changed.config if self.changed else recorded_today(self.record, str(self.path))
        return found if self.scored_by is None else found.model_copy(update={"verification": self.scored_by})


def _subject(forecast: Path, changed: Changes | None) -> _Subject:
    """A file of forecasts."""
    record = read_provenance(forecast)
    if record.artefact != "forecast" or not record.parents:
        raise ArtefactError(
            f"`{forecast}` is no forecast: it says that it is {record.artefact!r}",
            fix="name a file that `wxml forecast` wrote",
        )
    return _Subject(forecast, record, changed)


def _scored(subject: _Subject, output: Path, metric: str | None, *, overwrite: bool) -> tuple[Scores, Path]:
    forecast, record, changed, config = subject.path, subject.record, subject.changed, subject.config
    source, scored_by = config.data.source, config.verification
    tell_variables([source.options, scored_by.options], str(forecast))
    verifier = made_verifier(scored_by, metric, subject.requirements)
    check_takes_workers(verifier, scored_by, subject.scheduler)
    check_target(output, "scores", chain([forecast], source_paths(source)), overwrite=overwrite)
    truth = _truth(config)
    logger.info("verify: %s", forecast)
    used = [
        UsedPlugin(resolve(kind, choice.plugin), choice.options)
        for kind, choice in (("verifier", scored_by), ("data-source", source))
    ]
    own = Provenance(
        artefact="scores",
        plugins=lock(used),
        data=describe_source(truth),
        parents=[with_brief_files(record.to_dict())],
        **(changed.record() if changed else {}),
    )
    if changed is None or changed.source is None:  # the truth is what the forecast's record describes
        own = replace(own, data=with_brief_files(own.to_dict())["data"])
    with staged(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        task = replace(
            _task(subject, truth),
            directory=temporary,
            provenance=own.to_dict(),
            check=partial(check_asked, metric=metric, requirements=subject.requirements),
            workers=_workers(subject, truth),
        )
        scores = verifier.verify(task)
        write_record(temporary / "scores.nc", record_text(temporary / "scores.nc", own.to_dict()))
    return scores, output / "report.html"


def _truth(config: ExperimentConfig) -> DataSource:
    return open_source(config.data.source, asked_for(config.data.variables))


def _task(subject: _Subject, truth: DataSource) -> VerificationTask:
    """What is verified, without a folder for the results."""
    config, trained = subject.config, _trained(subject.record, str(subject.path))
    return VerificationTask(
        subject.path,
        truth,
        training_times(truth, config),
        Path(),
        task=task_of(config.data),
        training=None if trained.data.source == config.data.source else partial(_training, trained),
        series=subject.series,
    )


def _workers(subject: _Subject, truth: DataSource) -> VerificationWorkers | None:
    if subject.scheduler is None:
        return None
    there = replace(subject, path=subject.path.absolute())
    return VerificationWorkers(subject.scheduler, partial(_task_again, there, Origin.of(truth)))


def _task_again(subject: _Subject, origin: Origin) -> VerificationTask:
    """The task in another process."""
    truth = _truth(subject.config)
    origin.check(truth)
    return _task(subject, truth)


def _trained(record: Provenance, name: str) -> ExperimentConfig:
    """The config of the training: the forecast may have started from other data."""
    parent = Provenance.from_dict(record.parents[0])
    return recorded_today(parent if parent.config else record, name)


def _training(config: ExperimentConfig) -> tuple[DataSource, NDArray[np.datetime64]]:
    """The data that the model was trained on, and the training times in them."""
    source = open_source(config.data.source, asked_for(config.data.variables))
    return source, training_times(source, config)


def training_times(source: DataSource, config: ExperimentConfig) -> NDArray[np.datetime64]:
    """The times of a source in the period of the training."""
    first, last = config.data.split.period("training")
    times = source.header.times
    return times[(times >= first) & (times <= last)]


def made_verifier(choice: PluginChoice, metric: str | None, requirements: Sequence[Requirement] = ()) -> Verifier:
    """Make the verifier; raise a DataError if it does not have a metric that is asked for."""
    verifier: Verifier = create("verifier", choice.plugin, choice.options, where="verification")
    for name, asked in [(metric, "--metric"), *((one.metric, f"--require {one.text!r}") for one in requirements)]:
        if name is not None and name not in verifier.known_metrics:
            raise DataError(
                f"verifier {choice.plugin!r} has no metric {name!r} ({asked})",
                fix=nearest(name, verifier.known_metrics),
            )
    return verifier
