"""The types of the trainer's options."""

__all__ = [
    "Accelerator",
    "Clip",
    "Compiler",
    "Devices",
    "Duration",
    "Ema",
    "Keep",
    "KeepBest",
    "Part",
    "Precision",
    "Rate",
    "Scaling",
    "Sections",
    "ShareOrSteps",
    "Spikes",
    "Strategy",
    "Swa",
    "Weight",
    "listed",
]

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from wxml import NameOrChoice, Options
from wxml.data.times import parse_duration
from wxml.errors import DataError

Accelerator = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Devices = Annotated[int, Field(gt=0, le=2**16)] | Literal["auto"]
Strategy = Literal["auto", "ddp", "fsdp"]
Compiler = Literal["inductor", "aot-eager"]
Scaling = Literal["samples", "root"]
Sections = NameOrChoice | list[NameOrChoice]
"""Plugins of one kind: a name or a section, or a list of them; `none` for none."""
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]  # steps must be finite in single precision


def _check_duration(text: str) -> str:
    """Return `text` if it is a duration, else raise a DataError."""
    parse_duration(text)
    return text


Duration = Annotated[str, AfterValidator(_check_duration)]


class KeepBest(Options):
    """The best weights by a number that each validation finds."""

    metric: Annotated[str, Field(min_length=1, description="name of the number, such as validation_loss")] = (
        "validation_loss"
    )
    mode: Annotated[Literal["min", "max"], Field(description="whether a small or a great number is good")] = "min"
    k: Annotated[
        int, Field(ge=0, le=1000, description="so many of the best checkpoints stay as files of their own")
    ] = 1


class Keep(Options):
    """The weights for the checkpoint, and the checkpoints that are kept while the training goes on.

    A bare `best` or `last` keeps none beside the one at the end.
    """

    every: Annotated[
        Annotated[int, Field(gt=0)] | Duration | None,
        Field(description="a checkpoint every so many steps, or after a time like '30min'; null: none"),
    ] = None
    last: Annotated[
        int | None, Field(gt=0, le=10**6, description="so many of these stay, the newest ones; null: all")
    ] = None
    best: Annotated[
        KeepBest | None, Field(description="the best weights become the checkpoint; null: the last ones")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _of_word(cls, written: Any) -> Any:
        words: dict[Any, Any] = {"best": {"best": {"k": 0}}, "last": {}}
        if isinstance(written, str):
            if written not in words:
                raise DataError(
                    f"`keep` must be a section, 'best' or 'last', got {written!r}", fix="write one of these"
                )
            return words[written]
        return written

    @property
    def identity(self) -> Any:
        """What of it changes the result: which weights become the checkpoint."""
        if self.best is None:
            return "last"
        ordinary = (self.best.metric, self.best.mode) == ("validation_loss", "min")
        return "best" if ordinary else {"metric": self.best.metric, "mode": self.best.mode}

    @property
    def keeps_files(self) -> bool:
        """Whether checkpoints are written while the training goes on."""
        return self.every is not None or bool(self.best and self.best.k)


class Clip(Options):
    """The limit of the gradient; a bare number is that of its norm."""

    norm: Annotated[Rate | None, Field(description="largest 2-norm over all weights")] = None
    value: Annotated[Rate | None, Field(description="largest absolute value for each weight")] = None

    @model_validator(mode="before")
    @classmethod
    def _of_number(cls, written: Any) -> Any:
        is_number = isinstance(written, int | float | str) and not isinstance(written, bool)
        return {"norm": written} if is_number else written

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.norm is None) == (self.value is None):
            raise DataError(
                f"a limit is one of `norm` and `value`, got {self.norm} and {self.value}", fix="write one of them"
            )
        return self


class Spikes(Options):
    """Which steps are skipped."""

    factor: Annotated[
        float, Field(gt=1, le=1e6, description="a step is skipped if the norm of its gradient is above as many medians")
    ] = 5.0
    window: Annotated[int, Field(ge=3, le=10_000, description="number of the last norms that the median is of")] = 100


def _check_share_or_steps(number: float) -> float:
    """Return `number` if it is a share or a number of steps, else raise a DataError."""
    if number >= 1 and not number.is_integer():
        raise DataError(
            f"it must be a share below 1 or a whole number of steps, got {number}", fix="write such a number"
        )
    return number


ShareOrSteps = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), AfterValidator(_check_share_or_steps)]
Decay = Annotated[float, Field(gt=0, lt=1)]


class Swa(Options):
    """The mean of the weights over the end of a training."""

    start: Annotated[
        ShareOrSteps, Field(description="share of `max_steps` before the first of its steps; 1 and above: steps")
    ] = 0.75
    every: Annotated[int, Field(gt=0, description="steps from one of its steps to the next")] = 1

    def first_step(self, steps: int) -> int:
        """The last step before the average begins, of a training of `steps` steps."""
        return round(self.start * steps) if self.start < 1 else int(self.start)


class Ema(Swa):
    """Moving averages of the weights; a bare number is the decay of one."""

    decay: Annotated[
        Decay | Annotated[list[Decay], Field(min_length=1, max_length=16)],
        Field(description="what an average keeps in each of its steps; several: one average each"),
    ] = 0.999
    start: Annotated[
        ShareOrSteps, Field(description="share of `max_steps` in which it is the weights; 1 and above: steps")
    ] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _of_number(cls, written: Any) -> Any:
        is_number = isinstance(written, int | float | str | list) and not isinstance(written, bool)
        return {"decay": written} if is_number else written

    @field_validator("decay")
    @classmethod
    def _each_once(cls, decay: float | list[float]) -> float | list[float]:
        if isinstance(decay, float):
            return decay
        if len(set(decay)) < len(decay):
            raise DataError(f"each decay must be there once, got {decay}", fix="leave out the others")
        return decay if len(decay) > 1 else decay[0]

    @property
    def decays(self) -> list[float]:
        """The decay of each average."""
        return [self.decay] if isinstance(self.decay, float) else self.decay


class Part(Options):
    """How a part of the model is trained."""

    learning_rate_factor: Annotated[Rate, Field(description="factor of the learning rate")] = 1.0
    weight_decay: Annotated[Weight | None, Field(description="in place of `training.weight_decay`")] = None
    frozen: Annotated[bool, Field(description="whether its weights stay as they are")] = False


def listed(sections: Sections | str | list[str]) -> list[NameOrChoice]:
    """The sections as a list, without `none`."""
    each = sections if isinstance(sections, list) else [sections]
    made = [NameOrChoice(plugin=one) if isinstance(one, str) else one for one in each]
    return [section for section in made if section.plugin != "none"]
