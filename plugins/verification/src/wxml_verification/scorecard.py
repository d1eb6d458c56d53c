"""The `scorecard` verifier: scores against two baselines, a score file and a report."""

__all__ = ["Scorecard"]

import json
import logging
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from wxml import Better, Kind, NameOrChoice, Scores, VerificationTask, Verifier
from wxml.data.source_fit import FORECAST, check_variables, in_units_of
from wxml.errors import DataError, nearest
from wxml.verification.metric_choice import directions

from wxml_verification.groups import Grouping
from wxml_verification.reading import ForecastFile
from wxml_verification.regions import Region
from wxml_verification.regridding import Regridding, settled
from wxml_verification.truth import Truth
from wxml_verification.usual import ClimatologyOptions, past_of

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
logger = logging.getLogger("wxml")


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
        climatology: Annotated[
            ClimatologyOptions, Field(description="the past data that a climatology is made of")
        ] = ClimatologyOptions(),  # noqa: B008  # frozen
        climatology_window: Annotated[
            int, Field(ge=0, le=182, description="days on either side of a date that make its climatology")
        ] = 30,
        maps: Annotated[int, Field(ge=0, description="largest number of variables with maps in the report")] = 12,
        regrid: Annotated[
            Regridding | None,
            Field(
                description="what is brought to other nodes where the truth is on another grid; null: it is refused",
                examples=[{"move": "forecast", "method": "conservative"}],
            ),
        ] = None,
    ) -> None:
        self._variables = tuple(variables)
        named = any(choice.plugin.rpartition(":")[2] == "rmse" for choice in metrics)
        self._choices = tuple(metrics) if named else (NameOrChoice(plugin="rmse"), *metrics)
        self._regions, self._bands, self._groups = regions, latitude_bands, tuple(groups)
        self._climatology, self._window = climatology, climatology_window
        self._maps, self._regrid = maps, regrid

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
        # matplotlib and xarray: every `wxml train` loads this class to check the section `verification`
        from wxml_verification.baseline import baseline_of
        from wxml_verification.evaluation import Question, evaluate
        from wxml_verification.report import ReportText, render_report
        from wxml_verification.score_file import write_scores
        from wxml_verification.score_table_file import write_table

        with ForecastFile.of(task) as opened:
            forecast = opened
            for name in self._variables:
                if name not in forecast.variables:
                    raise DataError(f"the forecast has no variable {name!r}", fix=nearest(name, forecast.variables))
            wanted = self._variables or forecast.variables
            if not wanted:
                raise DataError(
                    f"the forecast `{forecast.name}` has no variable", fix="name a file with forecasts in it"
                )
            task.truth.header.variable_indices(wanted)
            scored = [forecast.variable(name) for name in wanted]
            source = in_units_of(task.truth, scored, FORECAST)
            header = source.header
            sides = settled(forecast, source, self._regrid, "verification.regrid")
            forecast, truth = sides.forecast, Truth(sides.truth)
            uncompared = check_variables(header, scored, FORECAST)
            for sentence in uncompared:
                logger.warning("%s", sentence)
            truth.check_times(forecast.initial_times[:, None] + forecast.lead_times)
            variables = tuple(name for name in header.names if name in wanted)  # files keep no order
            question = Question(
                variables=variables,
                metrics=self._choices,
                past=past_of(task, self._climatology, truth, forecast, sides.settle),
                window=self._window,
                statistics=task.directory / "statistics.zarr",
                provenance=task.provenance,
                uncompared=uncompared,
                told=sides.notes,
                baseline=baseline_of(task.task),
                regions=self._regions,
                bands=self._bands,
                groupings=self._groups,
                maps=self._maps,
            )
            evaluation = evaluate(forecast, truth, question)
        write_scores(evaluation, task.directory / "scores.nc", task.provenance)
        write_table(evaluation, task.directory / "scores.csv")
        text = ReportText(task.forecast.name, json.dumps(task.provenance, indent=1), self._window)
        page = render_report(evaluation, text, self._maps)
        (task.directory / "report.html").write_text(page, "utf-8")
        return evaluation.scores
