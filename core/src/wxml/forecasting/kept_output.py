"""An output that lies beside its place until it is whole, so that a command that was killed can be gone on with."""

__all__ = ["KeptOutput", "kept_output", "refuse_unfinished"]

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from wxml.data.fields import Fields
from wxml.errors import ArtefactError, DataError
from wxml.files.leftovers import steps_path, unfinished_path
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, claimed, put_in_place, remove
from wxml.forecasting.failed_output import failing, remove_unfinished
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.planned_output import PlannedOutput, Ways
from wxml.forecasting.saved_state import Moment
from wxml.forecasting.unfinished import Journal, Progress, differences, read_progress, told, told_progress
from wxml.forecasting.writer import ForecastWriter

logger = logging.getLogger("wxml")

SMALL = 64 * 1024
"""Files up to this size are copied, larger ones get a second name: the metadata of a store are small."""


class KeptOutput:
    """A writer whose file may outlive this process, and the file that says which of its steps are complete."""

    def __init__(
        self,
        writer: ForecastWriter,
        steps: int,
        journal: Journal,
        finished: frozenset[np.datetime64],
        begun: Mapping[np.datetime64, int] | None = None,
    ) -> None:
        self._writer, self._steps, self._journal = writer, steps, journal
        self.finished = set(finished)
        """The initial times that are in the file, with all of their steps."""
        self._begun: Counter[np.datetime64] = Counter(begun)

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write a step, unless it is in the file from an earlier command; see `ForecastWriter.write`."""
        time = fields.valid_time - lead_time
        if time in self.finished:
            return
        self._writer.write(fields, lead_time)
        self._journal.complete(time, lead_time)
        self._begun[time] += 1
        if all(count == self._steps for count in self._begun.values()):
            self._journal.finish(sorted(self._begun), self._writer.mark())
            self.finished.update(self._begun)
            self._begun.clear()

    def save(self, moment: Moment) -> bool:
        """Say that everything up to a moment is in the file; return whether it could be gone on with from there."""
        if self.finished >= set(moment.times):
            return True
        mark = self._writer.mark()
        if mark is not None:
            self._journal.save(moment, mark)
        return mark is not None

    def tell_known(self) -> None:
        """Say that the initial times that it began with are in the file."""
        self._journal.finish(sorted(self.finished), self._writer.mark())

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def let_go(self) -> None:
        """Finish the file, and that with its steps."""
        try:
            self._writer.close()
        finally:
            self._journal.close()


@contextmanager
def kept_output(output: PlannedOutput, ways: Ways) -> Iterator[KeptOutput]:
    """Open a forecast beside its place; put it there at the end, and its record beside it.

    Raises:
        ArtefactError: something is there, another process writes it, or the disk is full.
        DataError: what was left has other settings, or this format takes no more initial times.
    """
    target, unfinished = output.path, unfinished_path(output.path)
    with claimed(target):
        check_absent(target, overwrite=ways.overwrite or ways.append)
        kept = _begun(output, output.make(unfinished), ways)
        with failing(output, ways, kept.let_go):
            yield kept
            kept.close()
            beside = record_text(unfinished, output.header.provenance)
            put_in_place(unfinished, target)
        kept.let_go()
        write_record(target, beside)
        remove_unfinished(target)


def _begun(output: PlannedOutput, writer: ForecastWriter, ways: Ways) -> KeptOutput:
    """Open the file, new or where it was left."""
    target, progress = output.path, _left(output, ways)
    moment = output.begins if progress and output.begins in progress.saved else None
    mark = None if progress is None else progress.saved[moment] if moment else progress.mark
    if progress is None or mark is None:
        if progress is not None:
            logger.info("`%s` cannot be gone on with, and is begun anew", unfinished_path(target))
        return _begun_anew(output, writer, ways)
    logger.info("going on with `%s`: %s", unfinished_path(target), told_progress(progress))
    with failing(output, ways, writer.close):
        journal = Journal.go_on(target, moment)
    leads = output.header.lead_times
    begun = {time: int((leads <= moment.lead_time).sum()) for time in moment.times} if moment else {}
    kept = KeptOutput(writer, len(leads), journal, progress.finished, begun)
    with failing(output, ways, kept.let_go):
        writer.reopen(output.header, mark)
    return kept


def _begun_anew(output: PlannedOutput, writer: ForecastWriter, ways: Ways) -> KeptOutput:
    """Open a new file, or a copy to which initial times are added; after a failure it is gone."""
    target, known = output.path, output.known if ways.append else frozenset()
    if ways.append:
        refuse_to_append(writer, output.header)
    with failing(output, ways, writer.close):
        journal = Journal.begin(target, output.settings)
    kept = KeptOutput(writer, len(output.header.lead_times), journal, known)
    with failing(output, ways, kept.let_go):
        remove(unfinished_path(target))
        if ways.append:
            _copy(target, unfinished_path(target))
            writer.extend(output.header)
            kept.tell_known()
        else:
            writer.open(output.header)
    return kept


def _left(output: PlannedOutput, ways: Ways) -> Progress | None:
    """What an earlier command has left, if this one goes on with it.

    Raises:
        ArtefactError: it has left something, and this command neither goes on with it nor replaces it.
        DataError: it had other settings.
    """
    if not ways.resume:
        if not ways.overwrite:
            refuse_unfinished(output.path)
        return None
    progress = read_progress(output.path)
    found = differences(progress.settings, output.settings) if progress else []
    if found:
        raise DataError(
            f"`{unfinished_path(output.path)}` was begun with other settings: {told(found)}",
            fix="repeat the command as it was, or begin anew with --clean",
        )
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
        f"`{unfinished}` was left by a command that has ended, or is at work: {told_progress(read_progress(target))}",
        fix="pass --resume to go on with it, or --clean to remove it",
    )


def refuse_to_append(writer: ForecastWriter, header: ForecastHeader) -> None:
    """Refuse a format that takes no more initial times, before anything is copied.

    Raises:
        DataError: names the writer.
    """
    if type(writer).extend is ForecastWriter.extend:
        writer.extend(header)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder; large files get a second name in place of a copy, where the file system has these."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_copy_file)
    else:
        shutil.copy2(source, target)


def _copy_file(source: str, target: str) -> None:
    if os.path.getsize(source) > SMALL:
        try:
            os.link(source, target)
        except OSError:  # of another file system, or of one without such names
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)
