"""Diary: a line for each validation, in a file in the folder of the run."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from wxml import Callback, TrainingView, Validated
from wxml.files.staging import staged


class Diary(Callback):
    """Writes step, number and the gain over the best so far, a line for each validation, oldest first.

    The file is made of the view alone, and anew each time: a resumed training has one without a gap or a double line.
    """

    def __init__(
        self,
        *,
        file: Annotated[
            str, Field(pattern=r"^\w[\w.-]*$", description="name of the file in the folder of the run")
        ] = "diary.txt",
        number: Annotated[
            str, Field(min_length=1, description="what is written: a name in the validations, lower is better")
        ] = "validation_loss",
    ) -> None:
        self.file, self.number = file, number

    def on_validation(self, view: TrainingView) -> None:
        """Write the file, in the process that writes."""
        if view.run_dir is not None:
            with staged(view.run_dir / self.file, overwrite=True) as temporary:
                temporary.write_text("".join(self.lines(view.validations)), encoding="utf-8")

    def lines(self, validations: Sequence[Validated]) -> list[str]:
        """The lines of validations that have the number."""
        lines, best = [], float("inf")
        for validation in validations:
            if self.number in validation.numbers:
                value = validation.numbers[self.number]
                gain = f", {best - value:.4g} better than ever" if value < best < float("inf") else ""
                lines.append(f"step {validation.step}: {value:.6g}{gain}\n")
                best = min(best, value)
        return lines
