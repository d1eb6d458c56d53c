"""The forecast that `wxml verify` is given: a file of wxml's, which says what it is made of, or another program's."""

__all__ = ["Named", "checked", "compared", "scored", "standing"]

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from wxml.artefacts.formats import read_provenance
from wxml.artefacts.migrated import recorded_today
from wxml.artefacts.source_changes import Changes, read_changes
from wxml.config.load import load_config
from wxml.config.schema import ExperimentConfig
from wxml.errors import DataError, WxmlError
from wxml.plugins.options.choices import PluginChoice
from wxml.verification.job import check_verifiable, made_verifier, verify
from wxml.verification.other_forecast import OtherForecast, check_other, read_other_forecast, verify_other
from wxml.verification.requirements import Requirement
from wxml.verification.verifier import Scores


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line names."""

    forecast: Path
    changes: tuple[str, ...] = ()
    truth: Path | None = None
    experiment: Path | None = None
    scheduler: str | None = None
    """The cluster that scores the cases."""

    @property
    def names_truth(self) -> bool:
        """Whether it says what the forecast is held against."""
        by_change = any(change.startswith("data.source") for change in self.changes)
        return by_change or self.truth is not None or self.experiment is not None


def scored(
    named: Named, output: Path, *, metric: str | None, requirements: Sequence[Requirement] = (), overwrite: bool
) -> tuple[Scores, Path]:
    """Score the forecast; return the scores and the path of the report.

    Raises:
        WxmlError: names what is wrong and the fix.
        UsageError: an experiment is named, and the forecast has its own.
    """
    reason = _not_ours(named.forecast)
    if reason is None:
        return verify(
            named.forecast,
            output,
            metric=metric,
            requirements=requirements,
            changed=_changed(named),
            scheduler=named.scheduler,
            overwrite=overwrite,
        )
    chosen, config = _chosen(named, reason)
    return verify_other(
        chosen,
        output,
        metric=metric,
        requirements=requirements,
        config=config,
        scheduler=named.scheduler,
        overwrite=overwrite,
    )


def checked(named: Named, *, metric: str | None, requirements: Sequence[Requirement] = ()) -> None:
    """Raise the error with which `scored` would end before the first case is read; nothing is scored."""
    reason = _not_ours(named.forecast)
    if reason is None:
        check_verifiable(
            named.forecast,
            metric=metric,
            requirements=requirements,
            changed=_changed(named),
            scheduler=named.scheduler,
        )
        return
    chosen, config = _chosen(named, reason)
    check_other(chosen, metric=metric, requirements=requirements, config=config, scheduler=named.scheduler)


def _changed(named: Named) -> Changes | None:
    """What is changed in the config that a forecast of wxml's holds."""
    if named.experiment is not None:
        raise click.UsageError(f"`{named.forecast}` holds its own config: leave --config out")
    return read_changes(named.forecast, _changes(named), ("data.source", "verification"))


def _chosen(named: Named, reason: WxmlError) -> tuple[OtherForecast, ExperimentConfig | None]:
    """What is chosen for a forecast of another program, and the experiment that chooses it."""
    if not named.names_truth:
        raise DataError(
            reason.message,
            fix=f"{reason.fix}; if another program wrote it, name the truth: --truth ERA5.nc",
        ) from reason
    config = None if named.experiment is None else load_config(named.experiment).config
    return read_other_forecast(named.forecast, named.changes, truth=named.truth, config=config), config


@contextmanager
def standing(what: str, path: Path) -> Iterator[None]:
    """Say what is written by now, if what follows fails."""
    try:
        yield
    except WxmlError:
        click.echo(f"{what}: {path}", err=True)
        raise


def compared(named: Named, folders: Sequence[Path], output: Path, *, overwrite: bool) -> str:
    """Compare the first of several forecasts with the others; return the result for a terminal.

    Args:
        named: the first forecast.
        folders: the scores of all of them, by `scored`.
        output: a new folder.
        overwrite: replace `output` if it holds a comparison and nothing else.
    """
    return made_verifier(_choice(named), None).compare(folders, output, overwrite=overwrite)


def _choice(named: Named) -> PluginChoice:
    """The verifier of a forecast."""
    if _not_ours(named.forecast) is None:
        changed = _changed(named)
        config = changed.config if changed else recorded_today(read_provenance(named.forecast), str(named.forecast))
        return config.verification
    experiment = None if named.experiment is None else load_config(named.experiment).config
    return read_other_forecast(named.forecast, named.changes, truth=named.truth, config=experiment).verification


def _changes(named: Named) -> tuple[str, ...]:
    """The changes to the config in the forecast, the named truth among them."""
    if named.truth is None:
        return named.changes
    return (f"data.source={json.dumps({'plugin': 'xarray', 'path': str(named.truth)})}", *named.changes)


def _not_ours(forecast: Path) -> WxmlError | None:
    """Why the file holds no record of wxml; None if it does."""
    try:
        read_provenance(forecast)
    except WxmlError as error:
        return error
    return None
