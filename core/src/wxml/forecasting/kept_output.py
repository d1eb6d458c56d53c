"""An output that lies beside its place until it is whole, so that a command that was killed can be gone on with."""

__all__ = ["KeptOutput", "kept_output", "left_to_do"]

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.errors import ArtefactError, DataError
from wxml.files.leftovers import steps_path, unfinished_path
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, claimed, put_in_place, remove
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.unfinished import Journal, Progress, differences, read_progress, settings_of, told, told_progress
from wxml.forecasting.writer import ForecastWriter

ANEW = "repeat the command as it was, or begin anew with --clean"


class KeptOutput:
    """A writer whose file may outlive this process, and the file that says which of its steps are complete."""

    def __init__(self, writer: ForecastWriter, header: ForecastHeader, journal: Journal, progress: Progress) -> None:
        self._writer, self._journal = writer, journal
        self._steps = len(header.lead_times)
        self.finished = set(progress.finished)
        """The initial times that are in the file, with all of their steps."""
        self._begun: Counter[np.datetime64] = Counter()

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write a step, unless it is in the file from an earlier command; see `ForecastWriter.write`."""
        time = fields.valid_time - lead_time
        if time in self.finished:
            return
        self._writer.write(fields, lead_time)
        self._journal.complete(time, lead_time)
        self._begun[time] += 1
        if all(count == self._steps for count in self._begun.values()):
            times = sorted(self._begun)
            self._journal.finish(times, self._writer.mark())
            self.finished.update(times)
            self._begun.clear()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


@contextmanager
def kept_output(
    target: Path,
    header: ForecastHeader,
    make: Callable[[Path], ForecastWriter],
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Iterator[KeptOutput]:
    """Open a forecast beside its place; put it there at the end, and its record beside it.

    Args:
        target: the file or the folder.
        header: what comes out.
        make: makes a writer of a path.
        overwrite: replace what is there, and what an earlier command has left of it.
        resume: go on with what an earlier command has left. After a failure what is finished then stays, too.

    Raises:
        ArtefactError: something is there, another process writes it, or the disk is full.
        DataError: what was left has other settings.
    """
    unfinished, steps = unfinished_path(target), steps_path(target)
    with claimed(target):
        check_absent(target, overwrite=overwrite)
        progress = _progress(target, header, resume=resume, overwrite=overwrite)
        writer = make(unfinished)
        journal, output = None, None
        try:
            if progress is not None and progress.mark is not None:
                journal = Journal.go_on(target)
                writer.reopen(header, progress.mark)
            else:
                progress = Progress(settings_of(header))
                remove(unfinished)
                journal = Journal.begin(target, progress.settings)
                writer.open(header)
            output = KeptOutput(writer, header, journal, progress)
            yield output
            writer.close()
            beside = record_text(unfinished, header.provenance)
            put_in_place(unfinished, target)
            journal.close()
            remove(steps)
        except BaseException:
            writer.close()
            if journal is not None:
                journal.close()
            if not (resume and output is not None and output.finished):
                remove(unfinished)
                remove(steps)
            raise
    write_record(target, beside)


def left_to_do(
    targets: Sequence[tuple[Path, ForecastHeader]], times: NDArray[np.datetime64], batch_size: int
) -> NDArray[np.datetime64]:
    """The initial times that some output lacks, and those of their batches, so that every batch is as it was."""
    done = set(times.tolist())
    for target, _ in targets:
        progress = read_progress(target)
        found = progress.finished if progress is not None and progress.mark is not None else frozenset()
        done &= {time.item() for time in found}
    lacking = [number for number, time in enumerate(times.tolist()) if time not in done]
    return times[lacking[0] // batch_size * batch_size :] if lacking else times[:0]


def _progress(target: Path, header: ForecastHeader, *, resume: bool, overwrite: bool) -> Progress | None:
    """What an earlier command has left, if this one goes on with it.

    Raises:
        ArtefactError: it has left something, and this command neither goes on with it nor replaces it.
        DataError: it had other settings.
    """
    progress = read_progress(target)
    if not resume:
        if not overwrite:
            refuse_unfinished(target)
        return None
    found = differences(progress.settings, settings_of(header)) if progress else []
    if found:
        raise DataError(f"`{unfinished_path(target)}` was begun with other settings: {told(found)}", fix=ANEW)
    return progress


def refuse_unfinished(target: Path) -> None:
    """Refuse to begin a forecast of which an earlier command has left a part.

    Raises:
        ArtefactError: it has; the error says how much of it.
    """
    unfinished = unfinished_path(target)
    if not os.path.lexists(unfinished) and not steps_path(target).exists():
        return
    raise ArtefactError(
        f"`{unfinished}` was left by a command that has ended: {told_progress(read_progress(target))}",
        fix="pass --resume to go on with it, or --clean to remove it",
    )
