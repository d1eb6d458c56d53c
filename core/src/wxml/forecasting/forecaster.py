"""Forecasts from Python: `wxml.load("model.safetensors").forecast(dataset, lead_time="5d")`."""

__all__ = ["Forecaster", "Forecasts", "load"]

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.run_folder import checkpoint_in
from wxml.artefacts.source_changes import read_changes
from wxml.data.fields import Fields
from wxml.data.source import DataSource
from wxml.data.times import format_duration, format_time, parse_time
from wxml.data.variables import Variable
from wxml.forecasting.as_xarray import step_dataset, whole_dataset, with_xarray
from wxml.forecasting.given_data import data_source
from wxml.forecasting.latest import LATEST
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.plan import ForecastPlan, plan_forecast
from wxml.forecasting.record import forecast_record
from wxml.forecasting.request import ForecastRequest
from wxml.plugins.options.choices import PluginChoice
from wxml.terminal import progress

if TYPE_CHECKING:
    import xarray as xr

    Data = xr.Dataset | str | os.PathLike[str] | Mapping[str, Any] | PluginChoice | DataSource

Time = str | date | datetime | np.datetime64
"""An instant in UTC."""
Duration = str | np.timedelta64
"""Such as `5d`, `36h`, `30min`."""


def load(path: str | os.PathLike[str], *, step: str | int | None = None) -> "Forecaster":
    """Load a trained model.

    Args:
        path: a checkpoint, or the folder of a run.
        step: of a run that keeps checkpoints: a number of steps, `best` or `last`; None: the checkpoint that the
            training has made, else the best that it keeps.

    Raises:
        ArtefactError: there is no such checkpoint, or it is damaged.
    """
    chosen = checkpoint_in(Path(path), None if step is None else str(step))
    header = read_header(chosen)
    return Forecaster(chosen, tuple(Variable(**one) for one in header["variables"]), read_provenance(chosen))


@dataclass(frozen=True, slots=True, eq=False)
class Forecaster:
    """A trained model; each forecast reads its weights again."""

    path: Path
    """The checkpoint."""
    variables: tuple[Variable, ...]
    """What it forecasts, with the units of the training."""
    provenance: Provenance
    """How it was made: config, plugins, data."""

    def __repr__(self) -> str:
        return f"Forecaster({str(self.path)!r}, forecasts {_names(self.variables)})"

    def forecast(
        self,
        data: "Data | None" = None,
        *,
        start: Time | Sequence[Time] | None = None,
        end: Time | None = None,
        every: Duration | None = None,
        lead_time: Duration | None = None,
        members: int | None = None,
        spread: bool = False,
        changes: Sequence[str] = (),
        show_progress: bool = True,
    ) -> "Forecasts":
        """Plan forecasts; they are made while they are iterated over, and what is wrong is said before the first step.

        Args:
            data: the initial states, and the forcings that the model reads: an `xarray.Dataset`, a path, a section like
                `data.source` of a config, or a `DataSource`. Nodes, units, step types and periods are held against the
                training and converted where that is possible. None: the data of the training.
            start: the first initial time, several of them in a list, or `latest`; None: `latest` where `data` are
                given, else the test period.
            end: the last initial time; None: `start`.
            every: the time between two initial times; None: as the task says, such as the model's time step.
            lead_time: how far; None: `forecast.lead_time` of the config.
            members: how many forecasts are made from each state, by noise or perturbations; None: as the config says.
            spread: the standard deviations of a model with a spread, too.
            changes: changes to `forecast` and, without `data`, to `data.source` of the config, as on the command line:
                `["forecast.device=cpu"]`.
            show_progress: show a bar in a notebook or on a terminal; else there are a few lines in the log `wxml`.

        Raises:
            WxmlError: names what is wrong and the fix.
        """
        sections = ("data.source", "forecast") if data is None else ("forecast",)
        changed = read_changes(self.path, list(changes), sections)
        source: PluginChoice | DataSource | None = changed.source if changed else None
        source = source if data is None else data_source(data, self.provenance.config["data"]["source"])
        several = () if start is None or isinstance(start, Time) else tuple(map(_time_text, start))
        first = LATEST if start is None and data is not None else start
        request = ForecastRequest(
            self.path,
            start=_time_text(first) if isinstance(first, Time) else None,
            end=None if end is None else _time_text(end),
            every=_duration_text(every),
            lead_time=_duration_text(lead_time),
            source=source,
            members=members,
            spread=spread,
            changed=changed,
            dates=several,
        )
        return Forecasts.of(request, show_progress=show_progress)


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """Planned forecasts: iterating over them makes them, one step after the other; doing so again makes them again.

    `len` is the number of steps of all initial times together.
    """

    header: ForecastHeader
    """Grid, variables, initial times, lead times, members and provenance."""
    plan: ForecastPlan
    show_progress: bool

    @classmethod
    def of(cls, request: ForecastRequest, *, show_progress: bool) -> "Forecasts":
        """Plan what is asked for."""
        with with_xarray("a forecast as datasets"):
            import xarray  # noqa: F401  # before the model is made
        plan = plan_forecast(request)
        record = forecast_record(plan, request, []).to_dict()
        return cls(replace(plan.header, provenance=record), plan, show_progress)

    def __repr__(self) -> str:
        header = self.header
        first, last = format_time(header.initial_times[0]), format_duration(header.lead_times[-1])
        counts = f"{len(header.initial_times)} in all; {len(header.lead_times)} steps to {last}"
        members = f"{header.members} member{'s' if header.members > 1 else ''}"
        return f"Forecasts(of {_names(header.variables)}; from {first} on, {counts}; {members})"

    def __len__(self) -> int:
        return len(self.header.initial_times) * len(self.header.lead_times)

    def __iter__(self) -> "Iterator[xr.Dataset]":
        """Each lead time of an initial time as a dataset, with `time`, `prediction_timedelta` and `valid_time`.

        All lead times of an initial time follow each other, unless several are forecast at once
        (`forecast.batch_size`): then each lead time comes for all of these.
        """
        for lead_time, fields in self._steps():
            yield step_dataset(self.header, fields, lead_time)

    def to_xarray(self) -> "xr.Dataset":
        """Make all steps, as one dataset in memory: what `xarray.open_zarr` makes of a file, and `valid_time`.

        Raises:
            ResourceError: it does not fit the free memory.
        """
        return whole_dataset(self.header, self._steps())

    def _steps(self) -> Iterator[tuple[np.timedelta64, Fields]]:
        steps = self.plan.fields()
        yield from progress(steps, len(self), "forecast") if self.show_progress else steps


def _time_text(time: Time) -> str:
    return str(time) if str(time) == LATEST else format_time(parse_time(time))


def _duration_text(duration: Duration | None) -> str | None:
    return format_duration(duration) if isinstance(duration, np.timedelta64) else duration


def _names(variables: Sequence[Variable]) -> str:
    return ", ".join(variable.name for variable in variables)
