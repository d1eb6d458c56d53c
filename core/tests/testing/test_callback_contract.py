"""The contract of callbacks: a good one passes, each broken one fails the check of its fault and no other."""

import numpy as np
import pytest
from wxml import Callback, Notes
from wxml.testing import CallbackContract


class Rises(Callback):
    """Notes how often the validation loss has risen, draws it, and ends the training at the fourth time."""

    def rises(self, view) -> int:
        losses = [one.numbers["validation_loss"] for one in view.validations]
        return int(np.sum(np.diff(losses) > 0))

    def on_validation(self, view):
        count = self.rises(view)
        arrays = {"rises": np.arange(count)}
        return Notes({"rises": float(count)}, arrays, "the loss rises" if count >= 4 else "")

    def draw(self, arrays, folder) -> None:
        (folder / "rises.html").write_text(f"<p>{len(arrays['rises'])}</p>")


class TestRises(CallbackContract):
    plugin = Rises


class Bare(Rises):
    def on_step(self, view):
        return {}


class Nameless(Rises):
    def on_step(self, view):
        return Notes({"": 1.0})


class Wordy(Rises):
    def on_checkpoint(self, view):
        return Notes({"time_left": "3 h"})


class Objects(Rises):
    def on_end(self, view):
        return Notes(arrays={"rises": np.array([None, "north"])})


class Blank(Rises):
    def draw(self, arrays, folder) -> None:
        pass


class Texts(Rises):
    def draw(self, arrays, folder) -> None:
        super().draw(arrays, folder)
        (folder / "rises.txt").write_text("4")


class Counts(Rises):
    """Counts the rises itself, and forgets them where the training is resumed."""

    count = 0

    def rises(self, view) -> int:
        losses = [one.numbers["validation_loss"] for one in view.validations[-2:]]
        self.count += int(losses[-1] > losses[0])
        return self.count


class Writes(Rises):
    def on_checkpoint(self, view) -> None:
        (view.run_dir / "rises.txt").write_text("4")


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Bare, "it_looks_on", "`on_step` must return Notes or None, got {}"),
        (Nameless, "numbers_are_numbers", "`on_step` notes a number without a name"),
        (Wordy, "numbers_are_numbers", "could not convert string to float: '3 h'"),
        (Objects, "arrays_can_be_sent_to_another_process", "`on_end` notes the array 'rises' of the type object"),
        (Blank, "what_is_noted_is_drawn", "`draw` made no file"),
        (Texts, "what_is_noted_is_drawn", "must make PNG and HTML files alone, got rises.txt"),
        (Counts, "it_depends_on_the_view_alone", "whether it ends the training depends on what it saw before"),
        (Writes, "it_looks_on_where_nothing_is_written", "TypeError: unsupported operand"),
    ],
)
def test_a_broken_callback_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(CallbackContract, plugin, check, message)
