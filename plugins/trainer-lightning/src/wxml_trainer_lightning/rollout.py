"""The options of the rollout: how many forecast steps are in the loss, and how they are made."""

__all__ = ["Rollout", "Stage"]

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from wxml import Options
from wxml.errors import DataError

from wxml_trainer_lightning.options import ShareOrSteps

ROUNDING = 1e-9  # 0.2 and 0.6 are not exact in binary, yet a stage is to begin at its very step
Steps = Annotated[int, Field(ge=1)]


class Stage(Options):
    """A number of forecast steps, and when it begins."""

    begin: Annotated[ShareOrSteps, Field(description="share of the training, or from 1 on a number of training steps")]
    steps: Annotated[Steps, Field(description="forecast steps from then on")]


class Rollout(Options):
    """The number of forecast steps in the loss, how it rises, and how the steps are made."""

    start: Annotated[Steps, Field(description="forecast steps at first")] = 1
    maximum: Annotated[Steps, Field(description="forecast steps at the end")] = 1
    begin: Annotated[
        ShareOrSteps,
        Field(
            description="share of the training with `start` steps, or from 1 on a number of training steps; "
            "then each stage has one forecast step more",
        ),
    ] = 0.5
    every: Annotated[
        int | None, Field(ge=1, description="training steps of each further stage; null: equal parts of the rest")
    ] = None
    schedule: Annotated[
        tuple[Stage, ...] | None,
        Field(min_length=1, description="stages in place of `start`, `maximum`, `begin` and `every`"),
    ] = None
    detach_every: Annotated[
        int | None, Field(ge=1, description="calls of the model after which no gradient flows back; null: never cut")
    ] = None
    recompute_steps: Annotated[
        bool, Field(description="call the model again in the backward pass: less memory, more time, same numbers")
    ] = False
    loss_over: Annotated[
        Literal["mean", "last"], Field(description="the forecast steps that the loss compares: all, or the last one")
    ] = "mean"
    validation_steps: Annotated[
        Steps | None, Field(description="forecast steps of the validation; null: `maximum`")
    ] = None
    boundary: Annotated[
        Literal["forecast", "truth"],
        Field(
            description="what the next step reads at the boundary of a limited area: its forecast, or the truth, which "
            "`model.boundary` chooses for forecasts, too"
        ),
    ] = "forecast"

    @model_validator(mode="before")
    @classmethod
    def _of_schedule(cls, written: Any) -> Any:
        """With a schedule, `start` and `maximum` are its fewest and its most steps."""
        if not isinstance(written, dict) or not isinstance(written.get("schedule"), list | tuple):
            return written
        beside = sorted({"start", "maximum", "begin", "every"} & written.keys())
        steps = [Stage.model_validate(stage).steps for stage in written["schedule"]]
        if beside and [written.get("start"), written.get("maximum")] != [min(steps), max(steps)]:
            raise DataError(f"`schedule` takes the place of `{beside[0]}`", fix="write the one or the other")
        return {**written, "start": min(steps, default=1), "maximum": max(steps, default=1)}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.maximum:
            raise DataError(
                f"`start` must not exceed `maximum`, got {self.start} and {self.maximum}", fix="exchange the two"
            )
        in_steps = [begin >= 1 for begin in [self.begin, *(stage.begin for stage in self.schedule or ())]]
        if (self.every is not None) != in_steps[0] and self.schedule is None:
            raise DataError(
                f"`every` counts training steps, and so must `begin`, got {self.every} and {self.begin:g}",
                fix="write both in training steps, such as begin: 2000, every: 500, or leave `every` out and write "
                "`begin` as a share below 1",
            )
        begins = [stage.begin for stage in self.schedule or ()]
        mixed = len({begin >= 1 for begin in begins if begin}) > 1
        if begins and (begins[0] or mixed or any(a >= b for a, b in pairwise(begins))):
            raise DataError(
                f"the stages of `schedule` must begin one after the other, the first at 0, got {begins}",
                fix="write `begin` of all as shares below 1, or of all in training steps, such as 0, 2000, 3000",
            )
        return self

    @property
    def stages(self) -> list[int]:
        """Every number of steps that may occur, in order."""
        if self.schedule is not None:
            return sorted({stage.steps for stage in self.schedule})
        return list(range(self.start, self.maximum + 1))

    def at_least(self, steps: int) -> Self:
        """The rollout with at least `steps` forecast steps, the number that a model forecasts at once.

        >>> Rollout(start=1, maximum=2).at_least(3).stages
        [3]
        """
        raised = [Stage(begin=one.begin, steps=max(one.steps, steps)) for one in self.schedule or ()]
        return self.model_copy(
            update={
                "start": max(self.start, steps),
                "maximum": max(self.maximum, steps),
                "schedule": tuple(raised) or None,
                "validation_steps": None if self.validation_steps is None else max(self.validation_steps, steps),
            }
        )

    def steps(self, fraction: float, step: int) -> int:
        """The number of forecast steps.

        Args:
            fraction: the share of the training that is done.
            step: the number of training steps that are done.

        >>> rollout = Rollout(start=1, maximum=3, begin=0.5)
        >>> [rollout.steps(fraction, 0) for fraction in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)]
        [1, 1, 2, 2, 3, 3]
        >>> rollout = Rollout(start=1, maximum=3, begin=100, every=50)
        >>> [rollout.steps(0.0, step) for step in (0, 99, 100, 149, 150, 999)]
        [1, 1, 2, 2, 3, 3]
        """
        if self.schedule is not None:
            begun = [
                stage for stage in self.schedule if stage.begin <= (step if stage.begin >= 1 else fraction + ROUNDING)
            ]
            return begun[-1].steps
        if self.every is not None:
            risen = 0 if step < self.begin else 1 + int((step - self.begin) // self.every)
            return min(self.start + risen, self.maximum)
        if fraction < self.begin:
            return self.start
        part = (self.maximum - self.start) * (fraction - self.begin) / (1 - self.begin)
        return min(self.start + 1 + int(part + ROUNDING), self.maximum)
