"""The contract of callbacks, as tests."""

__all__ = ["CallbackContract"]

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wxml.data.variables import Variable
from wxml.plugins.create import parse_options
from wxml.plugins.options.model import options_model
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import tiny_grid
from wxml.training.callback import Callback, ForecastSample, Notes, TrainingView, Validated

MOMENTS = ("on_step", "on_validation", "on_checkpoint", "on_end")
STEPS = 100


class CallbackContract(Contract):
    """Checks of a Callback, in a training of 100 steps that forecasts t and q on 6 × 8 nodes, with ten validations."""

    interface: ClassVar[type[Any]] = Callback

    def sample(self) -> Any:
        """Make a callback; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Look on at a whole training."""
        list(self._notes(self.sample()))

    def test_it_looks_on(self) -> None:
        """Some method notes something in a training of 100 steps, or ends it, or none of them raises."""
        for moment, notes in self._notes(self.sample()):
            require(notes is None or isinstance(notes, Notes), f"`{moment}` must return Notes or None, got {notes!r}")

    def test_numbers_are_numbers(self) -> None:
        """The numbers that it notes have names, and are numbers."""
        for moment, notes in self._notes(self.sample()):
            for name, value in notes.numbers.items() if notes else ():
                require(name and isinstance(name, str), f"`{moment}` notes a number without a name")
                float(value)

    def test_arrays_can_be_sent_to_another_process(self) -> None:
        """The arrays hold no Python objects, and the options can be written as JSON."""
        arguments = parse_options(self.plugin, self.options)
        cls: type = self.plugin
        json.dumps(options_model(cls)(**arguments).model_dump(mode="json"))
        for moment, notes in self._notes(self.sample()):
            for name, values in notes.arrays.items() if notes else ():
                kind = np.asarray(values).dtype
                require(not kind.hasobject, f"`{moment}` notes the array {name!r} of the type {kind}")

    def test_what_is_noted_is_drawn(self) -> None:
        """Another callback with the same options draws PNG or HTML files from the arrays that were noted."""
        drawn = [notes.arrays for _, notes in self._notes(self.sample()) if notes and notes.arrays]
        if not drawn:
            return
        with self.folder() as folder:
            self.sample().draw(drawn[-1], folder)
            found = sorted(path.name for path in folder.iterdir())
        require(found, "`draw` made no file")
        others = [name for name in found if not name.endswith((".png", ".html"))]
        require(not others, f"`draw` must make PNG and HTML files alone, got {', '.join(others)}")

    def test_it_depends_on_the_view_alone(self) -> None:
        """A callback that is made at the last validation, as after `--resume`, ends the training where another does."""
        ends = [moment for moment, notes in self._notes(self.sample()) if notes and notes.end]
        late: Any = self.sample()
        with self.folder() as folder:
            notes = late.on_validation(_view(STEPS, folder))
        ended = bool(notes and notes.end)
        require(ended == ("on_validation" in ends), "whether it ends the training depends on what it saw before")

    def test_it_looks_on_where_nothing_is_written(self) -> None:
        """In a process that writes nothing, where `run_dir` is None, no method raises."""
        list(_seen(self.sample(), None))

    def _notes(self, callback: Any) -> Iterator[tuple[str, Notes | None]]:
        """What the callback notes, moment by moment, in the process that writes."""
        with self.folder() as folder:
            yield from _seen(callback, folder)


def _seen(callback: Any, run_dir: Path | None) -> Iterator[tuple[str, Notes | None]]:
    """What the callback notes, moment by moment."""
    for step in range(1, STEPS + 1):
        view = _view(step, run_dir)
        if step % 10 == 0:
            yield "on_validation", callback.on_validation(view)
            yield "on_checkpoint", callback.on_checkpoint(view)
        yield "on_step", callback.on_step(view)
    yield "on_end", callback.on_end(_view(STEPS, run_dir))


def _view(step: int, run_dir: Path | None) -> TrainingView:
    """The view after a step; the validation loss falls to the fifth validation and rises afterwards."""
    random, grid = np.random.default_rng(0), tiny_grid()
    numbers = [{"validation_loss": abs(n - 5) + 1.0, "validation/rmse/t/6h": 2.0} for n in range(1, step // 10 + 1)]
    validations = [Validated(10 * number, each) for number, each in enumerate(numbers, start=1)]

    def forecast(steps: int, sample: int) -> ForecastSample:
        truth = (280 + random.normal(size=(steps, len(grid), 2)) + sample).astype(np.float32)
        return ForecastSample(truth[None] + 1, truth, truth[0])

    return TrainingView(
        step=step,
        fraction=step / STEPS,
        learning_rate=1e-3,
        variables=(Variable("t", units="K"), Variable("q", units="kg kg**-1")),
        grid=grid,
        timestep=np.timedelta64(6, "h"),
        validations=validations,
        gradient_norms=lambda: {"encoder": 0.5, "all": 1.0},
        weights=lambda: {"encoder.weight": np.ones((3, 4), np.float32)},
        loss_by_variable=lambda: {"t": 1.0, "q": 2.0},
        forecast=forecast,
        evaluate=lambda steps, samples: {f"validation/rmse/t/{6 * steps}h": 1.0 / samples},
        run_dir=run_dir,
    )
