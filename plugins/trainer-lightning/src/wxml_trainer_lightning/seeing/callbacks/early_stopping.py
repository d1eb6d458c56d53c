"""The callback `early-stopping`."""

__all__ = ["EarlyStopping"]

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from wxml import Callback, Notes, TrainingView, Validated


class EarlyStopping(Callback):
    """Ends the training when a number of the validation has not become better for a while.

    A training that is resumed ends where an unbroken one ends, since all validations are known.
    """

    def __init__(
        self,
        *,
        metric: Annotated[
            str, Field(description="`validation_loss`, or a metric such as `validation/rmse/t2m/6h`")
        ] = "validation_loss",
        patience: Annotated[int, Field(ge=1, description="validations in a row that may be no better")] = 10,
        min_delta: Annotated[float, Field(ge=0, description="the least change that counts as better")] = 0.0,
        better: Annotated[Literal["lower", "higher"], Field(description="which numbers are better")] = "lower",
    ) -> None:
        self.metric, self.patience, self.min_delta, self.better = metric, patience, min_delta, better

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Count the validations since the best one.

        Raises:
            ValueError: the validation has no such number.
        """
        latest = view.validations[-1].numbers
        if self.metric not in latest:
            raise ValueError(f"the validation has no number {self.metric!r}; it has {', '.join(latest)}")
        best, since = None, 0
        for number in self._numbers(view.validations):
            if best is None or number < best - self.min_delta:
                best, since = number, 0
            else:
                since += 1
        if since < self.patience:
            return None
        return Notes(end=f"`{self.metric}` has not become better for {since} validations")

    def _numbers(self, validations: Sequence[Validated]) -> list[float]:
        """The number of each validation that has it; lower is better."""
        sign = 1.0 if self.better == "lower" else -1.0
        return [sign * one.numbers[self.metric] for one in validations if self.metric in one.numbers]
