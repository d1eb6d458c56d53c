"""The contract of verifiers: a good one passes, each broken one is found out."""

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from wxml.errors import DataError
from wxml.testing import VerifierContract
from wxml.verification.verifier import ScoreNames, Scores, Verifier


class SmallVerifier(Verifier):
    """RMSE and bias of a forecast that is kept as JSON."""

    metrics = {"rmse": "smaller", "bias": "nearer to zero"}

    def verify(self, task):
        try:
            forecast = json.loads(task.forecast.read_text())
        except ValueError as error:
            raise DataError(f"`{task.forecast}` is no forecast", fix="none") from error
        self.plan(task)
        (task.directory / "scores.nc").write_bytes(b"")
        (task.directory / "report.html").write_text("")
        return self.scores(task, forecast)

    def plan(self, task):
        task.check(self.score_names(task))

    def score_names(self, task):
        leads = np.array([6, 12, 18], "m8[h]").astype("m8[s]")
        return ScoreNames(tuple(self.metrics), ("forecast",), task.truth.header.names, leads)

    def scores(self, task, steps):
        header = task.truth.header
        leads = np.unique([step["lead_time"] for step in steps])
        errors = [self.errors(task, [step for step in steps if step["lead_time"] == lead]) for lead in leads]
        squared, bias = (np.stack(part, axis=-1) for part in zip(*errors, strict=True))
        values = np.stack([np.sqrt(squared), bias])[:, None]
        units = tuple(variable.units for variable in header.variables)
        cases = len(steps) // len(leads)
        names, better = tuple(self.metrics), tuple(self.metrics.values())
        return Scores(names, ("forecast",), header.names, leads.astype("m8[s]"), values, units, cases, better)

    def errors(self, task, steps):
        header = task.truth.header
        times = np.array([step["valid_time"] for step in steps]).astype("M8[s]")
        error = np.array([step["values"] for step in steps])[:, 0] - task.truth.read(times, header.names)[:, 0]
        return (np.mean(part, axis=(0, 2)) for part in (error**2, error))


class JsonForecasts(VerifierContract):
    suffix = ".json"

    def write_forecast(self, path, header, steps) -> None:
        written = [
            {
                "valid_time": int(fields.valid_time.astype(int)),
                "lead_time": int(lead.astype(int)),
                "values": fields.values.tolist(),
            }
            for fields, lead in steps
        ]
        path.write_text(json.dumps(written))


class TestSmallVerifier(JsonForecasts):
    plugin = SmallVerifier


class WrongSign(SmallVerifier):
    def scores(self, task, steps):
        scores = super().scores(task, steps)
        return replace(scores, values=-scores.values)


class WrongTime(SmallVerifier):
    def errors(self, task, steps):
        return super().errors(task, [{**step, "valid_time": step["valid_time"] + 21600} for step in steps])


class NoReport(SmallVerifier):
    def verify(self, task):
        scores = super().verify(task)
        (task.directory / "report.html").unlink()
        return scores


class NoUnits(SmallVerifier):
    def scores(self, task, steps):
        return replace(super().scores(task, steps), units=("", ""))


class OtherMetrics(SmallVerifier):
    def scores(self, task, steps):
        return replace(super().scores(task, steps), metrics=("skill", "spread"))


class CountsSteps(SmallVerifier):
    def scores(self, task, steps):
        return replace(super().scores(task, steps), cases=len(steps))


class TakesAnything(SmallVerifier):
    def verify(self, task):
        if task.forecast.suffix == ".nc":
            return None
        return super().verify(task)


class PlansMore(SmallVerifier):
    def plan(self, task):
        super().plan(replace(task, check=lambda names: task.check(replace(names, subsets=("europe",)))))


class KnowsLess(SmallVerifier):
    def score_names(self, task):
        return replace(super().score_names(task), metrics=("rmse",))

    def plan(self, task):
        task.check(super().score_names(task))


class Writes(SmallVerifier):
    def score_names(self, task):
        task.directory.mkdir(exist_ok=True)
        return super().score_names(task)


class Deaf(SmallVerifier):
    def plan(self, task):
        with suppress(DataError):
            super().plan(task)


class Silent(SmallVerifier):
    def plan(self, task):
        """Tell nothing: a verifier may."""

    def score_names(self, task):
        return None


class TestSilent(JsonForecasts):
    plugin = Silent


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (WrongTime, "a_perfect_forecast_has_no_error", "rmse of t must be 0 at every lead time"),
        (WrongSign, "an_offset_is_the_error", "of t must be 2 at every lead time, got"),
        (NoUnits, "scores_say_what_they_are", "units must be those of the truth"),
        (CountsSteps, "scores_say_what_they_are", "there are 6 cases, got 18"),
        (OtherMetrics, "a_perfect_forecast_has_no_error", "none of rmse, bias, mae is among the metrics"),
        (
            PlansMore,
            "the_plan_has_the_names_of_the_scores",
            r"told the subsets \('europe',\), and the scores have \(\)",
        ),
        (KnowsLess, "the_names_are_known_beforehand", r"tells the metrics \('rmse',\), and `task.check` was told"),
        (Writes, "the_names_are_known_beforehand", "`score_names` has written"),
        (Deaf, "a_refused_plan_ends_the_verification", "`verify` went on"),
        (NoReport, "scores_and_report_are_written", r"got \['scores.nc'\]"),
        (TakesAnything, "no_forecast_is_refused", "a text file was verified"),
    ],
)
def test_a_broken_verifier_is_found_out(find_out, plugin, check, message) -> None:
    find_out(JsonForecasts, plugin, check, message)
