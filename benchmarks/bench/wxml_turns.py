"""The callback of wxml by which a training stops after every step."""

__all__ = ["Turns"]

from wxml import Callback, TrainingView

from bench.step_turns import stop


class Turns(Callback):
    """Stops the training after every step; see `bench.step_turns`."""

    def on_step(self, view: TrainingView) -> None:
        """Stop."""
        stop(view.step)
