"""The checkpoints that are kept while a training goes on: by steps, by time, and the best ones."""

__all__ = ["Kept"]

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from wxml import Experiment
from wxml.artefacts.run_folder import KEPT, KeptCheckpoint, kept_checkpoints, kept_name, write_kept
from wxml.data.times import parse_duration

from wxml_trainer_lightning.options import Keep


class Kept:
    """Writes a checkpoint when one is due, and removes those that are to stay no longer.

    Each is a file of its own, except for the graph, which they share. Every process of a training decides alike, and
    the first one writes.
    """

    def __init__(self, experiment: Experiment, keep: Keep, run_dir: Path, step: int) -> None:
        """Go on with what is kept in `run_dir` up to `step`, from which the training goes on."""
        self._experiment, self._keep, self._run_dir = experiment, keep, run_dir
        self.files = [one for one in kept_checkpoints(run_dir) if one.step <= step]
        self._timed = {one.step for one in self.files if self._is_due(one)}

    def after(
        self,
        now: KeptCheckpoint,
        is_validated: bool,
        weights: Callable[[], Mapping[str, Tensor]],
        notes: Mapping[str, Any] | None,
    ) -> None:
        """Write a checkpoint after a step if one is due.

        Args:
            now: the step, the seconds of training, and the numbers of the latest validation.
            is_validated: whether these are of this step.
            weights: gives the weights; every process takes part.
            notes: what stands in the header beside the numbers of the step; None: this process writes nothing.
        """
        is_timed, is_good = self._is_due(now), is_validated and self._is_good(now)
        if not (is_timed or is_good):
            return
        found = weights()
        if is_timed:
            self._timed.add(now.step)
        before, self.files = self.files, [*(one for one in self.files if one.step != now.step), now]
        self.files = self._staying()
        if notes is None:
            return
        folder = self._run_dir / KEPT
        folder.mkdir(exist_ok=True)
        training = {**notes, "steps": now.step, "metrics": now.metrics}
        path = folder / kept_name(now.step)
        self._experiment.save(path, found, training, overwrite=True, shares_graph=True)
        write_kept(self._run_dir, self.files)
        for gone in {one.step for one in before} - {one.step for one in self.files}:
            (folder / kept_name(gone)).unlink(missing_ok=True)  # nobody is told of it any more

    def _is_due(self, now: KeptCheckpoint) -> bool:
        """Whether a checkpoint is due by steps or by time."""
        every = self._keep.every
        if every is None:
            return False
        if isinstance(every, int):
            return now.step % every == 0
        seconds = float(parse_duration(every) / np.timedelta64(1, "s"))
        earlier = max((one.elapsed for one in self.files if one.step < now.step), default=0.0)
        return now.elapsed // seconds > earlier // seconds

    def _is_good(self, now: KeptCheckpoint) -> bool:
        best = self._keep.best
        if best is None or not best.k or best.metric not in now.metrics:
            return False
        return now in self._best([*self.files, now])

    def _best(self, files: list[KeptCheckpoint]) -> list[KeptCheckpoint]:
        """The k best of some checkpoints, the best one first; of equal ones the earlier."""
        best = self._keep.best
        if best is None:
            return []
        sign = 1 if best.mode == "min" else -1
        judged = [one for one in files if best.metric in one.metrics]
        return sorted(judged, key=lambda one: (sign * one.metrics[best.metric], one.step))[: max(best.k, 1)]

    def _staying(self) -> list[KeptCheckpoint]:
        """Those that stay: the newest that were due, and the best; the best one is marked."""
        timed = sorted(one.step for one in self.files if one.step in self._timed)
        newest = timed if self._keep.last is None else timed[-self._keep.last :]
        best = self._best(self.files)
        good = {one.step for one in best} if self._keep.best and self._keep.best.k else set()
        staying = sorted(
            (one for one in self.files if one.step in good or one.step in newest), key=lambda one: one.step
        )
        return [replace(one, best=bool(best) and one.step == best[0].step) for one in staying]
