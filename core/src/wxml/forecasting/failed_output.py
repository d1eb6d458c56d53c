"""What a failure leaves of a forecast: with `--resume` what can be gone on with, and otherwise nothing."""

__all__ = ["failing", "remove_unfinished"]

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wxml.errors import WxmlError
from wxml.files.leftovers import steps_path, unfinished_path
from wxml.files.staging import NOTHING_LEFT, remove, write_failure
from wxml.forecasting.planned_output import PlannedOutput, Ways
from wxml.forecasting.unfinished import Progress, read_progress, told_progress

logger = logging.getLogger("wxml")


@contextmanager
def failing(output: PlannedOutput, ways: Ways, let_go: Callable[[], None]) -> Iterator[None]:
    """After a failure in the context let go of a file, and remove what is beside its place unless it is of use.

    Args:
        output: the file.
        ways: what was asked for.
        let_go: closes what is open; that it fails, too, is told at the level of debugging only.

    Raises:
        BaseException: the failure, which says what has stayed; an OSError as an ArtefactError.
    """
    try:
        yield
    except BaseException as error:
        _attempt(let_go, output.path)
        progress = _of_use(output, ways)
        if progress is None:
            _attempt(lambda: remove_unfinished(output.path), output.path)
            raise
        if isinstance(error, OSError) and not isinstance(error, WxmlError):
            failure = write_failure(output.path, error)
            _tell(failure, output.path, progress)
            raise failure from error
        _tell(error, output.path, progress)
        raise


def remove_unfinished(target: Path) -> None:
    """Remove what lies beside the place of a forecast; the file of steps, which names the other, is the last to go."""
    unfinished = unfinished_path(target)
    remove(unfinished)
    if os.path.lexists(unfinished):
        logger.warning("`%s` could not be removed: --clean removes it", unfinished)
    else:
        remove(steps_path(target))


def _attempt(action: Callable[[], None], target: Path) -> None:
    """Do something after a failure, which a second one must not hide."""
    try:
        action()
    except Exception as error:  # noqa: BLE001  # writers are plugins, and their libraries raise what they like
        logger.debug("after a failure of `%s`: %s", target, error)


def _of_use(output: PlannedOutput, ways: Ways) -> Progress | None:
    """What `--resume` can go on with; None: there is nothing.

    It is a mark with initial times that were not there before, or one in the midst of some whose state is saved.
    """
    progress = read_progress(output.path) if ways.resume else None
    if progress is None or not os.path.lexists(unfinished_path(output.path)):
        return None
    is_finished = progress.mark is not None and progress.finished - output.known
    is_saved = progress.saved and output.state is not None and output.state.exists()
    return progress if is_finished or is_saved else None


def _tell(error: BaseException, target: Path, progress: Progress) -> None:
    """Say in an error what has stayed, in place of that nothing has."""
    kept = f"--resume goes on with `{unfinished_path(target)}`, where {told_progress(progress)}"
    if isinstance(error, WxmlError):
        parts = [part for part in error.fix.split("; ") if part not in ("", NOTHING_LEFT)]
        error.fix = "; ".join([*parts, kept])
    else:
        error.add_note(kept)
