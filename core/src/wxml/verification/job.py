"""Verify forecasts: from a file of forecasts and the truth to scores and a report."""

__all__ = ["verify"]

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.formats import read_provenance
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.source_changes import Changes
from wxml.config.schema import DataConfig, ExperimentConfig, PluginChoice
from wxml.data.source import DataSource
from wxml.errors import ArtefactError
from wxml.experiment import describe_source
from wxml.files.staging import check_absent, staged
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve
from wxml.verification.verifier import Scores, VerificationTask, Verifier

logger = logging.getLogger("wxml")


def verify(
    forecast: Path, output: Path, *, changed: Changes | None = None, overwrite: bool = False
) -> tuple[Scores, Path]:
    """Score a file of forecasts against the data that its model was trained on, or against others.

    Args:
        forecast: what `wxml forecast` wrote.
        output: a new folder for `scores.nc` and `report.html`.
        changed: the config behind the forecast with changes to `data.source` (the truth) or `verification`.
        overwrite: replace `output` where it exists.

    Returns:
        The scores, and the path of the report.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    check_absent(output, overwrite=overwrite)
    record = read_provenance(forecast)
    recorded = _config_behind(record, forecast)
    config = changed.config if changed else recorded
    source, scored_by = config.data.source, config.verification
    truth: DataSource = create("data-source", source.plugin, source.options, where="data.source")
    verifier: Verifier = create("verifier", scored_by.plugin, scored_by.options, where="verification")
    logger.info("verify: %s", forecast)
    plugins = lock([_used("verifier", scored_by), _used("data-source", source)])
    own = Provenance(
        artefact="scores",
        plugins=plugins,
        data=describe_source(truth),
        parents=[record.to_dict()],
        **(changed.record() if changed else {}),
    )
    with staged(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        task = VerificationTask(forecast, truth, _training_times(config.data, truth), temporary, own.to_dict())
        scores = verifier.verify(task)
    return scores, output / "report.html"


def _used(kind: str, choice: PluginChoice) -> UsedPlugin:
    return UsedPlugin(resolve(kind, choice.plugin), choice.options)


def _config_behind(record: Provenance, forecast: Path) -> ExperimentConfig:
    """The config of the checkpoint that a forecast was made with."""
    if record.artefact != "forecast" or not record.parents:
        raise ArtefactError(
            f"`{forecast}` is no forecast: it says that it is {record.artefact!r}",
            fix="name what `wxml forecast` wrote",
        )
    return ExperimentConfig.model_validate(record.parents[0]["config"])


def _training_times(data: DataConfig, truth: DataSource) -> NDArray[np.datetime64]:
    first, last = data.split.period("training")
    times = truth.header.times
    return times[(times >= first) & (times <= last)]
