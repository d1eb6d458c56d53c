"""Commands that find files of earlier ones: what is whole, what is left to do, and what is added to a whole file."""

__all__ = ["appended", "begun_at", "left_to_do", "tell_leftovers", "without_whole"]

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time
from wxml.errors import ArtefactError, DataError
from wxml.files.leftovers import leftovers, remove_leftovers, steps_path, unfinished_path, with_records
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import claimed, remove
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.opening import open_forecast
from wxml.forecasting.planned_output import PlannedOutput, Ways
from wxml.forecasting.saved_state import SavedState
from wxml.forecasting.unfinished import differences, read_progress, settings_of, told

logger = logging.getLogger("wxml")


def tell_leftovers(targets: Sequence[Path], *, clean: bool, known: Collection[Path] = ()) -> None:
    """Name what killed commands have left in the folders of some files, or remove it; not of the files in `known`."""
    for folder in sorted({path.parent for path in targets if path.parent.is_dir()}):
        found = remove_leftovers(folder, targets) if clean else leftovers(folder, targets)
        for one in [one for one in found if clean or one.target not in with_records(known)]:
            advice = "removed" if clean else "--clean removes it"
            logger.warning("`%s` was left by a command that has ended: %s", one.path, advice)


def without_whole(outputs: Sequence[PlannedOutput], ways: Ways) -> list[PlannedOutput]:
    """The outputs that are still to be written by a command that goes on with an earlier one."""
    return [one for one in outputs if not (ways.resume and _is_whole(one, ways))]


def _is_whole(output: PlannedOutput, ways: Ways) -> bool:
    """Whether an earlier command has written this file; if it was killed right after that, end its work."""
    path = output.path
    if not path.exists() or unfinished_path(path).exists():
        return False
    progress = read_progress(path)
    if progress is not None:
        times = set(output.header.initial_times.tolist())
        done = times <= {time.item() for time in progress.finished}
        if not done or differences(progress.settings, output.settings):
            return False
        with claimed(path):
            write_record(path, record_text(path, output.header.provenance))
            remove(steps_path(path))
    elif ways.overwrite or differences(_settings_in(path), output.settings):
        return False
    logger.info("`%s` is whole", path)
    return True


def _settings_in(path: Path) -> dict[str, Any]:
    """The settings of a forecast; none of a file that cannot be read back."""
    try:
        with open_forecast(path) as stored:
            return settings_of(stored.header)
    except (DataError, ArtefactError):
        return {}


def left_to_do(
    outputs: Sequence[PlannedOutput], times: NDArray[np.datetime64], batch_size: int
) -> NDArray[np.datetime64]:
    """The initial times that some output lacks, and those of their batches, so that every batch is as it was."""
    done = set(times.tolist())
    for output in outputs:
        progress = read_progress(output.path)
        found = progress.finished if progress is not None and progress.mark is not None else output.known
        done &= {time.item() for time in found}
    lacking = [number for number, time in enumerate(times.tolist()) if time not in done]
    return times[lacking[0] // batch_size * batch_size :] if lacking else times[:0]


def begun_at(
    outputs: Sequence[PlannedOutput], state: SavedState | None, times: NDArray[np.datetime64], batch_size: int
) -> SavedState | None:
    """A state, if the first batch of some initial times can go on from it in all outputs.

    Args:
        outputs: those that are still to be written.
        state: what an earlier command has saved.
        times: the initial times that are left to do.
        batch_size: how many are under way at once.
    """
    if state is None or state.moment.times != tuple(times[:batch_size]):
        return None
    found = [read_progress(output.path) for output in outputs]
    if not all(one is not None and one.has(state.moment) for one in found):
        return None
    logger.info("the first %d steps of the forecasts from %s are kept", state.steps, format_time(times[0]))
    return state


def appended(output: PlannedOutput, ways: Ways, writer: str) -> PlannedOutput:
    """The output with the initial times that its file has, before its own.

    Raises:
        DataError: there is no such forecast, it was made with another model or other settings, or it has one of the
            initial times, or a later one.
    """
    with open_forecast(output.path, writer=writer) as stored:
        old = stored.header
    found = differences(_to_compare(old), _to_compare(output.header))
    if found:
        raise DataError(
            f"`{output.path}` was made with another model or other settings: {told(found)}",
            fix="append with the command that made it, or write a file of its own",
        )
    new = output.header.initial_times
    added = new[~np.isin(new, old.initial_times)]
    if len(added) < len(new) and not ways.resume:
        time = format_time(new[np.isin(new, old.initial_times)][0])
        raise DataError(f"`{output.path}` has the initial time {time}", fix="append others, or pass --resume")
    if len(added) and added[0] < old.initial_times[-1]:
        raise DataError(
            f"`{output.path}` ends with {format_time(old.initial_times[-1])}, and {format_time(added[0])} is earlier",
            fix="append later initial times, or write a file of its own",
        )
    header = replace(
        output.header,
        initial_times=np.concatenate([old.initial_times, added]),
        provenance=_with_data(old.provenance, output.header.provenance, added),
    )
    return replace(output, header=header, known=frozenset(old.initial_times))


def _to_compare(header: ForecastHeader) -> dict[str, Any]:
    """What appended forecasts have in common: everything but the initial times and the data they are in."""
    settings = settings_of(header)
    record = settings["record"]
    config = record.get("config") or next((one.get("config") for one in record.get("parents", ())), None) or {}
    data = {key: value for key, value in config.get("data", {}).items() if key != "source"}
    forecast = {key: value for key, value in config.get("forecast", {}).items() if key != "inputs"}
    plugins = [one for one in record.get("plugins", ()) if one.get("kind") != "data-source"]
    kept = {key: value for key, value in record.items() if key not in ("data", "origins")}
    record = {**kept, "config": {**config, "data": data, "forecast": forecast}, "plugins": plugins}
    return {**{key: value for key, value in settings.items() if key != "initial_times"}, "record": record}


def _with_data(old: dict[str, Any], new: dict[str, Any], added: NDArray[np.datetime64]) -> dict[str, Any]:
    """The record of a forecast to which initial times are added; it names other data than those of the first ones."""
    data = old.get("data", {})
    before = {key: value for key, value in data.items() if key != "appended"}
    if not len(added) or new.get("data") == before:
        return old
    entry = {"from": format_time(added[0]), "to": format_time(added[-1]), "data": new.get("data")}
    return {**old, "data": {**data, "appended": [*data.get("appended", ()), entry]}}
