"""The folder in which a dataset is built, beside the place where it will stand.

It holds the plan, a record of each unit of dates that is written, and the folder `store`, which no reader takes for a
dataset: it has no metadata of its root until the last step. Only then it is renamed to the name of the dataset.
"""

__all__ = ["Workplace"]

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked

from wxml_dataset_builder.checksums import CHECKSUMS
from wxml_dataset_builder.plan import Plan


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a dataset is built."""

    target: Path
    """Where the dataset will stand."""

    @property
    def folder(self) -> Path:
        """The folder of everything."""
        return self.target.with_name(f".{self.target.name}.building")

    @property
    def store(self) -> Path:
        """The folder that becomes the dataset."""
        return self.folder / "store"

    @property
    def records(self) -> Path:
        """The folder of the records of the units."""
        return self.folder / "records"

    @property
    def plan_file(self) -> Path:
        """The plan, which is written once the arrays are made."""
        return self.folder / "plan.json"

    def plan(self) -> Plan:
        """Read the plan.

        Raises:
            ArtefactError: nothing is being built here.
        """
        try:
            return Plan.from_text(self.plan_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ArtefactError(
                f"no build of `{self.target}` has begun", fix=f"begin it: wxml dataset build RECIPE.yaml {self.target}"
            ) from None

    @contextmanager
    def lock(self, name: str, *, seconds: float = 0) -> Iterator[None]:
        """Hold a lock beside the target.

        Raises:
            ArtefactError: another process holds it.
        """
        if not self.target.parent.is_dir():
            raise ArtefactError(
                f"there is no folder `{self.target.parent}` to write `{self.target.name}` into", fix="make it first"
            )
        file = self.target.with_name(f".{self.target.name}.{name}.lock")
        with locked(file, seconds=seconds, target=self.target):
            yield

    @contextmanager
    def at_work(self, first: int, last: int) -> Iterator[None]:
        """Hold the lock of a task that writes the units from `first` up to `last`, which it loses when it is killed."""
        with locked(self.folder / "tasks" / f"{first}-{last}.lock", target=self.target):
            yield

    def wait_for_tasks(self, units: range | None = None) -> None:
        """Wait until nobody writes any of these units any more; None: any unit.

        The tasks of a command that was killed go on where they were sent to, and know nothing of its end.
        """
        for file in sorted((self.folder / "tasks").glob("*.lock")):
            first, last = map(int, file.stem.split("-"))
            if units is None or (first < units.stop and units.start < last):
                with locked(file, target=self.target):
                    pass

    def clear(self) -> None:
        """Remove what was built so far; the plan goes first, so that a half of it is never taken up again."""
        self.plan_file.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def recover(self) -> bool:
        """Do what is left of a `publish` that was killed.

        Returns:
            Whether the new dataset has got its name by that.

        Raises:
            ArtefactError: a dataset of this name is being finished now.
        """
        with self.lock("finalise"), self.lock("begin", seconds=-1):
            return self._recover()

    def _recover(self) -> bool:
        olds = list(self.target.parent.glob(f".{self.target.name}.*.old"))
        is_between = bool(olds) and not os.path.lexists(self.target)
        if is_between and (self.store / CHECKSUMS).exists():
            self.publish()
            return True
        if is_between:
            olds.pop().rename(self.target)
        for old in olds:
            shutil.rmtree(old, ignore_errors=True)
        if not self.store.exists():
            self.clear()
        return False

    def publish(self) -> None:
        """Give the finished store the name of the dataset, in place of an older one, and remove everything else."""
        old = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.old")
        if os.path.lexists(self.target):
            self.target.rename(old)
        self.store.rename(self.target)
        for path in self.target.parent.glob(f".{self.target.name}.*.old"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        self.clear()
