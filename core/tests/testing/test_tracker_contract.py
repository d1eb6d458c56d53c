"""The contract of trackers: a good one passes, each broken one fails the check of its fault and no other."""

import shutil

import pytest
from wxml import Tracker
from wxml.testing import TrackerContract


class Lines(Tracker):
    """Keeps a line for each row, and copies of the files, in the folder of the run."""

    def open(self, known):
        self.folder = self.run.folder / "lines"
        self.folder.mkdir(exist_ok=True)
        return known or self.run.identity

    def log(self, rows) -> None:
        with (self.folder / "rows.txt").open("a") as file:
            file.writelines(f"{row.step} {dict(row.numbers)}\n" for row in rows)

    def attach(self, path, name) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(path, self.folder / name)

    def close(self, outcome) -> None:
        (self.folder / "outcome.txt").write_text(outcome)


class TestLines(TrackerContract):
    plugin = Lines


class Eager(Lines):
    def __init__(self, run) -> None:
        super().__init__(run)
        if run.folder.exists():
            (run.folder / "begun.txt").write_text("now")


class Nameless(Lines):
    def open(self, known):
        super().open(known)
        return ""


class Renames(Lines):
    def open(self, known):
        name = super().open(known)
        return f"{name}, continued" if known else name


class Strict(Lines):
    """Wants its steps to rise."""

    latest = 0

    def log(self, rows) -> None:
        for row in rows:
            if row.step <= self.latest:
                raise ValueError(f"step {row.step} is known")
            self.latest = row.step


class Once(Lines):
    def attach(self, path, name) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        with (self.folder / name).open("xb") as file:
            file.write(path.read_bytes())


class Late(Lines):
    """Copies the files at the end."""

    files = ()

    def attach(self, path, name) -> None:
        self.files = (*self.files, path)

    def close(self, outcome) -> None:
        for path in self.files:
            path.read_bytes()


class Moves(Lines):
    def attach(self, path, name) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        shutil.move(path, self.folder / name)


class Optimist(Lines):
    def close(self, outcome) -> None:
        {"finished": 0, "stopped": 2}[outcome]


class Rowless(Lines):
    def close(self, outcome) -> None:
        (self.folder / "rows.txt").read_text()


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Eager, "nothing_is_opened_before_it_is_asked_for", r"the constructor wrote \['begun.txt', 'run'\]"),
        (Nameless, "the_record_has_a_name", "`open` must return the name of the record, got ''"),
        (Renames, "the_record_has_a_name", "opened with the known name '.*', it returned '.*, continued'"),
        (Strict, "a_row_may_come_twice", "ValueError: step 1 is known"),
        (Once, "a_file_may_come_twice", "FileExistsError"),
        (Late, "a_file_may_come_twice", "FileNotFoundError"),
        (Moves, "a_file_may_come_twice", "FileNotFoundError"),
        (Optimist, "every_outcome_can_be_recorded", "KeyError: 'failed'"),
        (Rowless, "every_outcome_can_be_recorded", "FileNotFoundError"),
    ],
)
def test_a_broken_tracker_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(TrackerContract, plugin, check, message)
