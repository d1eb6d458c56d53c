"""Scores forecasts while the model makes them: the verifier reads each initial time when it is whole."""

__all__ = ["OnlineScores"]

from pathlib import Path
from threading import Thread

import numpy as np

from wxml.artefacts.provenance import Provenance
from wxml.data.fields import Fields
from wxml.files.staging import check_absent
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.outputs import Receiver
from wxml.forecasting.passing import PassingForecasts
from wxml.plugins.options.choices import PluginChoice
from wxml.verification.job import verify_series
from wxml.verification.verifier import Scores


class OnlineScores:
    """What `wxml forecast --verify FOLDER` makes beside the files."""

    def __init__(self, folder: Path, scored_by: PluginChoice | None, *, overwrite: bool) -> None:
        """Refuse a folder that is there.

        Args:
            folder: a new one for the scores.
            scored_by: the verifier; None: that of the config behind the forecasts.
            overwrite: replace `folder` if it holds scores and nothing else.
        """
        check_absent(folder, overwrite=overwrite)
        self.folder, self._scored_by, self._overwrite = folder, scored_by, overwrite
        self._results: list[tuple[Scores, Path]] = []

    @property
    def result(self) -> tuple[Scores, Path]:
        """The scores and the path of the report, when all forecasts are made."""
        return self._results[-1]

    def receiver(self, header: ForecastHeader) -> Receiver:
        """Begin; what is returned takes the steps."""
        return _Scoring(self, header)

    def score(self, passing: PassingForecasts, record: Provenance) -> None:
        """Score what passes by."""
        scored = verify_series(
            passing.series, record, self.folder, scored_by=self._scored_by, overwrite=self._overwrite
        )
        self._results.append(scored)


class _Scoring:
    """A thread in which the verifier runs, from the first step to the last."""

    def __init__(self, scores: OnlineScores, header: ForecastHeader) -> None:
        self.path = scores.folder
        self._scores, self._passing = scores, PassingForecasts(header)
        self._record = Provenance.from_dict(header.provenance)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name=f"score into {self.path}")
        self._thread.start()

    def write(self, lead_time: np.timedelta64, fields: Fields) -> None:
        """Hand a step to the verifier; raise what it has failed with."""
        self._check()
        self._passing.write(fields, lead_time)

    def close(self) -> None:
        """Wait for the scores; raise what the verifier has failed with."""
        self._passing.end()
        self._thread.join()
        self._check()

    def _run(self) -> None:
        try:
            self._scores.score(self._passing, self._record)
        except BaseException as error:  # noqa: BLE001  # raised by `_check`
            self._error = error
        finally:
            self._passing.leave()

    def _check(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
