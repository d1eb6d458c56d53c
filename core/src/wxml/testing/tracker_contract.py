"""The contract of trackers, as tests."""

__all__ = ["TrackerContract"]

from pathlib import Path
from typing import Any, ClassVar

from wxml.testing.contract import Contract, require
from wxml.training.tracker import TrackedRow, TrackedRun, Tracker

ROWS = [
    TrackedRow(1, 1_700_000_000.0, {"training_loss": 0.5, "validation/rmse/t/6h": 1.25}),
    TrackedRow(2, 1_700_000_001.0, {"training_loss": float("nan"), "learning_rate": 1e-300}),
    TrackedRow(10**12, 1_700_000_002.0, {"training_loss": float("inf")}),
]
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301"
    "010018dd8db00000000049454e44ae426082"
)


class TrackerContract(Contract):
    """Checks of a Tracker, on records in a folder; choose `options` that need no server."""

    interface: ClassVar[type[Any]] = Tracker

    def rehearse(self) -> None:
        """Keep one record from its beginning to its end."""
        with self.folder() as folder:
            self._record(folder)

    def sample(self) -> Any:
        """Make a tracker of a run whose folder was deleted; nothing is opened."""
        with self.folder() as folder:
            return self._tracker(folder)

    def test_nothing_is_opened_before_it_is_asked_for(self) -> None:
        """The constructor writes nothing; the trainer makes the tracker before it knows whether it can train."""
        with self.folder() as folder:
            self._tracker(folder)
            found = sorted(path.name for path in folder.rglob("*"))
        require(found == ["run"], f"the constructor wrote {found}")

    def test_the_record_has_a_name(self) -> None:
        """`open` returns a name that is not empty, by which `open` of another tracker goes on with the record."""
        with self.folder() as folder:
            name = self._record(folder)
            require(isinstance(name, str) and name != "", f"`open` must return the name of the record, got {name!r}")
            again = self._tracker(folder)
            found = again.open(name)
            again.log(ROWS)
            again.close("finished")
        require(found == name, f"opened with the known name {name!r}, it returned {found!r}")

    def test_a_row_may_come_twice(self) -> None:
        """A call that failed half-way is made again, and a resumed training makes some steps again."""
        with self.folder() as folder:
            tracker = self._tracker(folder)
            tracker.open(None)
            tracker.log(ROWS)
            tracker.log(ROWS)
            tracker.close("stopped")

    def test_a_file_may_come_twice(self) -> None:
        """A file of the same name takes the place of the earlier one, and is not kept open."""
        with self.folder() as folder:
            tracker = self._tracker(folder)
            tracker.open(None)
            tracker.log(ROWS)
            for _ in range(2):
                for name in ("report.html", "plots/spectra.png"):
                    tracker.attach(self._file(folder, name), name)
                    (folder / "made" / Path(name).name).unlink()
            tracker.close("finished")

    def test_every_outcome_can_be_recorded(self) -> None:
        """A record ends as finished, failed or stopped, also without a single row."""
        for outcome in ("finished", "failed", "stopped"):
            with self.folder() as folder:
                tracker = self._tracker(folder)
                tracker.open(None)
                tracker.close(outcome)

    def _record(self, folder: Path) -> Any:
        tracker = self._tracker(folder)
        name: str = tracker.open(None)
        tracker.log(ROWS)
        tracker.attach(self._file(folder, "report.html"), "report.html")
        tracker.close("finished")
        return name

    def _tracker(self, folder: Path) -> Any:
        (folder / "run").mkdir(exist_ok=True)
        parameters = {"training.max_steps": "12", "strange [name]": "x" * 20_000}
        return self.make(TrackedRun("a run: of 'names'", folder / "run", "0123456789abcdef", parameters))

    def _file(self, folder: Path, name: str) -> Path:
        path = folder / "made" / Path(name).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PICTURE if path.suffix == ".png" else b"<p>here</p>")
        return path
