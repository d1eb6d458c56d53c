"""The contract of verifiers, as tests."""

__all__ = ["VerifierContract"]

import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.errors import DataError, UnknownPluginError
from wxml.forecasting.layout import ForecastHeader
from wxml.plugins.create import create
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import TravellingWaves
from wxml.verification.verifier import ScoreNames, Scores, VerificationTask, Verifier

Step = tuple[Fields, np.timedelta64]

LEADS = np.array([6, 12, 18], "timedelta64[h]").astype("timedelta64[s]")
OFFSET = 2.0  # added to a perfect forecast
TOLERANCE = 1e-3  # of values around 280 in float32


class VerifierContract(Contract):
    """Checks of a Verifier, on forecasts of waves that travel around the globe, known in closed form.

    The forecasts are written with an installed forecast writer; without one the checks are skipped.
    """

    interface: ClassVar[type[Any]] = Verifier
    writer: ClassVar[str] = "zarr"
    """The name of the forecast writer that writes the forecasts to verify."""
    suffix: ClassVar[str] = ".zarr"
    """The suffix of the file that it writes."""

    def sample(self) -> Any:
        """Make a verifier; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Verify a perfect forecast."""
        with self._verified():
            pass

    def test_a_perfect_forecast_has_no_error(self) -> None:
        """RMSE, bias and MAE are zero at every lead time if the forecast is the truth."""
        with self._verified() as (scores, _):
            self._require_scores(scores, {"rmse": 0.0, "bias": 0.0, "mae": 0.0})

    def test_an_offset_is_the_error(self) -> None:
        """The truth plus 2 K has a bias, an RMSE and an MAE of 2 K: forecast minus truth, not the other way round."""
        with self._verified(OFFSET) as (scores, _):
            self._require_scores(scores, {"rmse": OFFSET, "bias": OFFSET, "mae": OFFSET})

    def test_scores_say_what_they_are(self) -> None:
        """`forecast` is first; metrics are those of the class, variables, units, times and cases those of the file."""
        with self._verified() as (scores, _):
            require(isinstance(scores, Scores), f"`verify` must return Scores, got {type(scores).__name__}")
            told, found = self.sample().known_metrics, dict(zip(scores.metrics, scores.better, strict=True))
            known = [item for item in told.items() if item[0] in found]
            require(known == list(found.items()), f"`known_metrics` tells {told}, and the scores have {found}")
            require(scores.forecasts[:1] == ("forecast",), f"`forecast` must come first, got {scores.forecasts}")
            units = dict(zip(scores.variables, scores.units, strict=True))
            require(units == {"t": "K", "q": "g kg-1"}, f"variables and units must be those of the truth, got {units}")
            require(np.array_equal(scores.lead_times, LEADS), f"lead times must be {LEADS}, got {scores.lead_times}")
            require(
                scores.cases == len(_initial_times()), f"there are {len(_initial_times())} cases, got {scores.cases}"
            )

    def test_the_plan_has_the_names_of_the_scores(self) -> None:
        """What `task.check` is told before the first case, if anything, is what the scores have."""
        planned: list[ScoreNames] = []
        with self._verified(check=planned.append) as (scores, _):
            for names in planned:
                self._require_same(names, scores.names, "`task.check` was told", "the scores have")

    def test_the_names_are_known_beforehand(self) -> None:
        """What `score_names` tells, if anything, is what `task.check` is told."""
        planned: list[ScoreNames] = []
        with self._verified(check=planned.append) as (_, folder):
            task = _task(next(folder.parent.glob(f"forecast{self.suffix}")), folder / "unused")
            told = self.make().score_names(task)
            require(not (folder / "unused").exists(), "`score_names` has written into the folder of the task")
        if told is None:
            return
        require(planned, "`score_names` tells names, and `task.check` was not called with them")
        self._require_same(told, planned[0], "`score_names` tells", "`task.check` was told")

    def test_a_refused_plan_ends_the_verification(self) -> None:
        """The DataError of `task.check` passes through, and nothing is scored."""

        def refuse(names: ScoreNames) -> None:
            planned.append(names)
            raise DataError("there is no such metric", fix="")

        planned: list[ScoreNames] = []
        try:
            with self._verified(check=refuse):
                require(not planned, "`verify` went on where `task.check` raised a DataError")
        except DataError as error:
            require(str(error).startswith("there is no such metric"), f"`verify` raised another error: {error}")

    def test_scores_and_report_are_written(self) -> None:
        """`verify` writes `scores.nc` and `report.html` into the folder of the task."""
        with self._verified() as (_, folder):
            found = sorted(path.name for path in folder.iterdir())
        require({"report.html", "scores.nc"} <= set(found), f"there must be scores.nc and report.html, got {found}")

    def test_no_forecast_is_refused(self) -> None:
        """A file that is no forecast is a DataError that names it."""
        with self.folder() as folder:
            path = folder / "note.nc"
            path.write_text("no forecast")
            try:
                self._verify(path, folder / "scores")
            except DataError as error:
                require("note.nc" in str(error), f"the DataError does not name the file: {error}")
                return
        raise AssertionError("a text file was verified as if it were a forecast; raise a DataError")

    def _require_same(self, told: ScoreNames, found: ScoreNames, telling: str, having: str) -> None:
        for what in ("metrics", "forecasts", "variables", "lead_times", "subsets"):
            first, second = (tuple(getattr(one, what)) for one in (told, found))
            require(first == second, f"{telling} the {what} {first}, and {having} {second}")

    def _require_scores(self, scores: Scores, expected: dict[str, float]) -> None:
        """Compare the metrics that the verifier has; it must have one of them at least."""
        known = {metric: value for metric, value in expected.items() if metric in scores.metrics}
        require(known, f"none of {', '.join(expected)} is among the metrics {scores.metrics}")
        for metric, value in known.items():
            for variable in scores.variables:
                found = scores.get(metric, "forecast", variable)
                close = np.allclose(found, value, atol=TOLERANCE)
                require(close, f"{metric} of {variable} must be {value:g} at every lead time, got {found}")

    @contextmanager
    def _verified(
        self, offset: float = 0.0, check: Callable[[ScoreNames], None] | None = None
    ) -> Iterator[tuple[Scores, Path]]:
        """Verify the truth plus `offset`; yield the scores and their folder."""
        with self.folder() as folder:
            path = folder / f"forecast{self.suffix}"
            waves, initial_times = TravellingWaves(days=6), _initial_times()
            truth, record = waves.header, {"artefact": "forecast"}
            header = ForecastHeader(truth.grid, truth.variables, initial_times, LEADS, 1, record)
            steps = []
            for valid, lead in ((initial + lead, lead) for initial in initial_times for lead in LEADS):
                values = waves.read([valid], truth.names)[0] + np.float32(offset)
                steps.append((Fields(valid, truth.names, values), lead))
            self.write_forecast(path, header, steps)
            yield self._verify(path, folder / "scores", check), folder / "scores"

    def _verify(self, path: Path, directory: Path, check: Callable[[ScoreNames], None] | None = None) -> Scores:
        directory.mkdir()
        task = _task(path, directory)
        scores: Scores = self.make().verify(task if check is None else replace(task, check=check))
        return scores

    def write_forecast(self, path: Path, header: ForecastHeader, steps: Iterable[Step]) -> None:
        """Write the forecast to verify; override it for a verifier that reads other files."""
        try:
            writer = create("forecast-writer", self.writer, {}, str(path))
        except UnknownPluginError as error:
            raise unittest.SkipTest(f"the check needs a forecast writer: {error.message}") from error
        writer.open(header)
        for fields, lead_time in steps:
            writer.write(fields, lead_time)
        writer.close()


def _task(path: Path, directory: Path) -> VerificationTask:
    truth = TravellingWaves(days=6)
    return VerificationTask(path, truth, truth.header.times[:12], directory, {"artefact": "scores"})


def _initial_times() -> NDArray[np.datetime64]:
    return TravellingWaves(days=6).header.times[12:18]
