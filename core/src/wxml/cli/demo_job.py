"""The demo: train, forecast and verify on embedded data, with nothing to download."""

__all__ = ["Demo", "demo"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked
from wxml.files.staging import is_leftover
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.training.job import train
from wxml.verification.job import verify
from wxml.verification.verifier import Scores


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """The files and the scores of the demo."""

    checkpoint: Path
    forecast: Path
    report: Path
    scores: Scores


def demo(directory: Path, overrides: Sequence[str] = (), *, every: str = "18h") -> Demo:
    """Train a small model on the simulated atmosphere, forecast the test period, verify.

    Args:
        directory: a new or empty folder for everything.
        overrides: `key=value` changes to the built-in config.
        every: between the initial times of the forecasts.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    if directory.exists() and not directory.is_dir():
        raise ArtefactError(f"`{directory}` is a file, not a folder", fix="choose another --directory")
    with locked(directory / ".lock", seconds=0):
        if not all(is_leftover(path.name) for path in directory.iterdir()):
            raise ArtefactError(f"`{directory}` is not empty", fix="choose another --directory, or remove it")
        checkpoint = train(None, overrides, directory / "run")
        forecasts = forecast(ForecastRequest(checkpoint, directory / "forecast.zarr", every=every))
        scores, report = verify(forecasts, directory / "scores")
    return Demo(checkpoint, forecasts, report, scores)
