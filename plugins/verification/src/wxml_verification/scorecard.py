"""The `scorecard` verifier: scores against two baselines, a score file and a report."""

__all__ = ["Scorecard"]

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from wxml import Better, Kind, NameOrChoice, ScoreNames, Scores, VerificationTask, Verifier
from wxml.errors import DataError, nearest
from wxml.verification.metric_choice import directions

from wxml_verification.comparison import Significance
from wxml_verification.further_baselines import CaseBaseline, Further, Wanted, further_baselines
from wxml_verification.groups import Grouping
from wxml_verification.reading import ForecastFile
from wxml_verification.regions import Region
from wxml_verification.regridding import Regridding
from wxml_verification.ridge import RidgeOptions
from wxml_verification.stations.bands import elevation_regions
from wxml_verification.stations.options import Stations
from wxml_verification.truth import Members
from wxml_verification.truths import Against, FurtherTruth, Ways, against, open_further
from wxml_verification.usual import ClimatologyOptions, Past, past_of

if TYPE_CHECKING:
    from wxml_verification.case_scoring import Asked
    from wxml_verification.evaluation import Evaluation
    from wxml_verification.given_climatology import Given
    from wxml_verification.question import Question

METRICS = tuple(
    NameOrChoice(plugin=name)
    for name in (
        "rmse",
        "bias",
        "mae",
        "acc",
        "activity",
        "vector-rmse",
        "crps",
        "fair-crps",
        "spread",
        "spread-skill",
        "rank-histogram",
    )
)


class Scorecard(Verifier):
    """Scores of a forecast, of persistence and of climatology, their statistics, and a report to look at.

    The statistics of each case are kept, so that scores of other groups of cases need no second look at the forecasts.
    """

    def __init__(
        self,
        *,
        variables: Annotated[
            tuple[str, ...], Field(description="the variables to score; all of the forecast if empty")
        ] = (),
        metrics: Annotated[
            tuple[NameOrChoice, ...],
            Kind("verification-metric"),
            Field(
                description="what is computed, rmse in any case; those that need members only if there are some",
                examples=[["rmse", "bias", "crps", {"plugin": "brier", "thresholds": {"t_850": [273.15]}}]],
            ),
        ] = METRICS,
        regions: Annotated[
            dict[str, Region],
            Field(
                description="boxes, polygons and masks that are scored, too, by name",
                examples=[{"europe": {"south": 35, "north": 75, "west": -12.5, "east": 42.5}, "land": {"mask": "lsm"}}],
            ),
        ] = {},  # noqa: B006  # never changed
        latitude_bands: Annotated[
            float | None, Field(gt=0, le=180, description="width in degrees of bands of latitude that are scored, too")
        ] = None,
        groups: Annotated[
            tuple[Grouping, ...], Field(description="how initial times are grouped, for scores of each group")
        ] = ("season", "month", "initial-hour"),
        significance: Annotated[
            Significance,
            Field(description="how confidence intervals take into account that cases follow each other in time"),
        ] = "hac",
        climatology: Annotated[
            ClimatologyOptions, Field(description="the past data that a climatology is made of")
        ] = ClimatologyOptions(),  # noqa: B008  # frozen
        climatology_window: Annotated[
            int, Field(ge=0, le=182, description="days on either side of a date that make its climatology")
        ] = 30,
        baselines: Annotated[
            tuple[Further, ...],
            Field(
                description="baselines beside persistence and climatology: the last state at the time of day, as many "
                "past states as the forecast has members, and a ridge regression that is fitted on the past"
            ),
        ] = (),
        ridge: Annotated[RidgeOptions, Field(description="how the baseline `ridge` is fitted")] = RidgeOptions(),  # noqa: B008  # frozen
        forecasts: Annotated[
            dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")], Path],
            Field(
                description="other forecasts that are baselines, too: name → file", examples=[{"last-year": "old.zarr"}]
            ),
        ] = {},  # noqa: B006  # never changed
        maps: Annotated[int, Field(ge=0, description="largest number of variables with maps in the report")] = 12,
        regrid: Annotated[
            Regridding | None,
            Field(
                description="what is brought to other nodes where the truth is on another grid; null: it is refused",
                examples=[{"move": "forecast", "method": "conservative"}],
            ),
        ] = None,
        stations: Annotated[
            Stations | None,
            Field(
                description="how the forecast is brought to a truth at stations; null: such a truth is refused",
                examples=[{"method": "bilinear", "heights": {"variable": "z"}}],
            ),
        ] = None,
        truths: Annotated[
            dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")], FurtherTruth],
            Field(
                description="truths beside `data.source`, by name; each has a folder of its own, `truths/NAME`",
                examples=[{"synop": {"source": {"plugin": "stations", "path": "synop.csv"}, "stations": {}}}],
            ),
        ] = {},  # noqa: B006  # never changed
        truth_members: Annotated[
            Members,
            Field(
                description="of a truth with members: their `mean`, a `random` one for each time, or the mean of the "
                "scores against `all`"
            ),
        ] = "mean",
        cases: Annotated[
            int,
            Field(ge=0, le=24, description="initial times to look at in the report: the worst by RMSE, the median, …"),
        ] = 3,
        coastlines: Annotated[bool, Field(description="whether maps have the coastlines of the Earth")] = True,
    ) -> None:
        self._variables = tuple(variables)
        named = any(choice.plugin.rpartition(":")[2] == "rmse" for choice in metrics)
        self._choices = tuple(metrics) if named else (NameOrChoice(plugin="rmse"), *metrics)
        self._regions, self._bands, self._groups = regions, latitude_bands, tuple(groups)
        self._climatology, self._window = climatology, climatology_window
        self._maps, self._regrid, self._stations = maps, regrid, stations
        self._truths, self._members = truths, truth_members
        self._baselines, self._ridge = tuple(baselines), ridge
        self._others = {name: path.absolute() for name, path in forecasts.items()}  # for workers in another folder
        self._significance = significance
        self._cases, self._coastlines = cases, coastlines

    takes_workers = True

    @property
    def known_metrics(self) -> Mapping[str, Better]:
        """The numbers that the chosen metrics give."""
        return directions(self._choices)

    def verify(self, task: VerificationTask) -> Scores:
        """Score the forecasts and write `scores.nc` and `report.html` into `task.directory`.

        Raises:
            DataError: the forecast file cannot be read or is none, or the truth lacks its variables, nodes or times,
                or has a variable in other units, at a level in other units, or over other periods.
        """
        with ForecastFile.of(task) as forecast:
            return self._scores(task, self._held(task, forecast))

    def score_names(self, task: VerificationTask) -> ScoreNames:
        """What `verify` will have scores of.

        Raises:
            DataError: see `verify`.
        """
        from wxml_verification.case_scoring import CaseScoring
        from wxml_verification.evaluation import names_of

        with ForecastFile.of(task) as forecast:
            return names_of(CaseScoring(*self.asked(task, forecast)[0]))

    def asked(self, task: VerificationTask, forecast: ForecastFile) -> "Asked":
        """The forecast and each truth, with what is asked; nothing is written.

        Raises:
            DataError: see `verify`.
        """
        held = self._held(task, forecast)
        return self._asked(task, held, dict.fromkeys(held, task.directory))

    def _held(self, task: VerificationTask, forecast: ForecastFile) -> dict[str, Against]:
        """The forecast against each truth."""
        wanted = self._wanted(forecast)
        main = Ways(self._regrid, self._stations, self._members, "verification")
        held = {"": against(forecast, task.truth, wanted, main)}
        return held | open_further(self._truths, forecast, wanted, task.truth)

    def _wanted(self, forecast: ForecastFile) -> tuple[str, ...]:
        """The variables to score."""
        for name in self._variables:
            if name not in forecast.variables:
                raise DataError(f"the forecast has no variable {name!r}", fix=nearest(name, forecast.variables))
        wanted = self._variables or forecast.variables
        if not wanted:
            raise DataError(f"the forecast `{forecast.name}` has no variable", fix="name a file with forecasts in it")
        return wanted

    def _scores(self, task: VerificationTask, held: Mapping[str, Against]) -> Scores:
        """Score against all truths in one pass, and write a folder for each further one."""
        # matplotlib and xarray: every `wxml train` loads this class to check the section `verification`
        from wxml_verification.case_scoring import parts_here
        from wxml_verification.cluster_scoring import on_workers
        from wxml_verification.evaluation import evaluate_all

        folders = {name: task.directory / "truths" / name if name else task.directory for name in held}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        asked = self._asked(task, held, folders)
        with ExitStack() as stack:
            made = (
                parts_here
                if task.workers is None
                else stack.enter_context(on_workers(self, task.workers, task.directory))
            )
            found = dict(zip(held, evaluate_all(asked, task.check, made), strict=True))
        for (name, evaluation), (_, _, question) in zip(found.items(), asked, strict=True):
            self._write(evaluation, folders[name], task.forecast.name, question)
        further = {name: evaluation.scores for name, evaluation in found.items() if name}
        return replace(found[""].scores, further=further)

    def _asked(self, task: VerificationTask, held: Mapping[str, Against], folders: Mapping[str, Path]) -> "Asked":
        return [(one.forecast, one.truth, self._question(task, name, one, folders[name])) for name, one in held.items()]

    def _question(self, task: VerificationTask, name: str, one: Against, folder: Path) -> "Question":
        from wxml_verification.baseline import baseline_of
        from wxml_verification.other_forecasts import other_forecasts
        from wxml_verification.question import Question

        files = {key: one.forecast.beside(path) for key, path in self._others.items()}
        others = task.training or (lambda: (task.truth, task.climatology_times))
        own = replace(task, truth=one.truth.source, training=others) if name else task
        option = self._truths[name].stations if name else self._stations
        bands = {} if option is None else elevation_regions(option.elevations, one.places)
        past = past_of(own, self._climatology, one.truth, one.forecast, one.settle)
        given = self._given(one)
        baseline = baseline_of(task.task)
        taken = baseline.name, "climatology", *self._baselines
        return Question(
            variables=one.variables,
            metrics=self._choices,
            past=past,
            window=self._window,
            given=given,
            statistics=folder / "statistics.zarr",
            provenance=_record(task, name, one),
            uncompared=one.uncompared,
            told=one.notes if name else (*one.notes, *_elsewhere(self._truths)),
            places=one.places,
            baseline=baseline,
            further=(*self._further(one, past), *other_forecasts(files, one, taken)),
            regions=self._regions | bands,
            bands=self._bands,
            groupings=self._groups,
            significance=self._significance,
            maps=self._maps,
            cases=self._cases,
            coastlines=self._coastlines,
        )

    def _given(self, one: Against) -> "Given | None":
        """The climatology that was made elsewhere."""
        from wxml_verification.given_climatology import given_of

        if self._climatology.means is None:
            return None
        forecast, truth = one.forecast, one.truth
        wanted = [forecast.variable(name) for name in one.variables]
        found = given_of(self._climatology.means, wanted, truth.source, one.settle)
        verified = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
        found.check(verified[truth.has(verified)])
        return found

    def _further(self, one: Against, past: Past) -> tuple[CaseBaseline, ...]:
        """The baselines that need no other forecast."""
        forecast = one.forecast
        verified = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
        return further_baselines(
            self._baselines, Wanted(past, self._window, forecast.members, one.variables, verified, self._ridge)
        )

    def _write(self, evaluation: "Evaluation", folder: Path, title: str, question: "Question") -> None:
        """Write the files of one truth."""
        from wxml_verification.report import ReportText, render_report
        from wxml_verification.score_file import write_scores
        from wxml_verification.score_table_file import write_table
        from wxml_verification.stations.parquet_table import write_station_parquet
        from wxml_verification.stations.table import write_stations

        record, climatology = question.record, question.climatology
        write_scores(evaluation, folder / "scores.nc", record, climatology)
        write_table(evaluation, folder / "scores.csv")
        if evaluation.places is not None:
            write_stations(evaluation, evaluation.places, folder / "stations.csv")
            write_station_parquet(evaluation, evaluation.places, folder / "stations.parquet")
        text = ReportText(title, json.dumps(record, indent=1), climatology.sentence)
        (folder / "report.html").write_text(render_report(evaluation, text, self._maps), "utf-8")

    def compare(self, folders: Sequence[Path], directory: Path, *, overwrite: bool = False) -> str:
        """Compare them as `wxml compare` does, with the significance of the options."""
        from wxml_verification.compare_job import compare
        from wxml_verification.comparison_table import comparison_table

        found = compare(
            folders, directory, significance=self._significance, groupings=self._groups, overwrite=overwrite
        )
        return comparison_table(found)


def _record(task: VerificationTask, name: str, one: Against) -> dict[str, Any]:
    """The record of the scores against a truth: of a further one with its name and its data."""
    return {**task.provenance, "truth": name, "data": one.record} if name else task.provenance


def _elsewhere(truths: Mapping[str, FurtherTruth]) -> tuple[str, ...]:
    """Where the scores against further truths are."""
    return tuple(f"The scores against the truth {name!r} are in truths/{name}." for name in truths)
