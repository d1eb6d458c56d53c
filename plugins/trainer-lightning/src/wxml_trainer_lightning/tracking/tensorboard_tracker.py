"""The tracker `tensorboard`: event files."""

__all__ = ["TensorboardTracker"]

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from wxml import Outcome, TrackedRow, TrackedRun, Tracker

RGBA = 4


class TensorboardTracker(Tracker):
    """Event files for `tensorboard --logdir`; needs the extra `tensorboard` of wxml-trainer-lightning.

    PNG files become images; other files are left out.
    """

    def __init__(
        self,
        run: TrackedRun,
        *,
        folder: Annotated[
            str | None,
            Field(description="a folder for the events of many runs; null: `tensorboard` in the run's folder"),
        ] = None,
    ) -> None:
        super().__init__(run)
        self.folder = run.folder / "tensorboard" if folder is None else Path(folder) / run.name
        self._latest = 0

    def __str__(self) -> str:
        return str(self.folder)

    def open(self, known: str | None) -> str:
        """Begin an event file in the folder; TensorBoard reads all of a folder as one run."""
        from tensorboardX import SummaryWriter

        if known is not None:
            self.folder = Path(known)
        self._writer = SummaryWriter(str(self.folder))
        if known is None:
            table = [f"| {name} | `{text}` |" for name, text in self.run.parameters.items()]
            self._writer.add_text("parameters", "\n".join(["| name | value |", "|---|---|", *table]))
        return str(self.folder)

    def log(self, rows: Sequence[TrackedRow]) -> None:
        """Record each number as a scalar."""
        for row in rows:
            for name, value in row.numbers.items():
                self._writer.add_scalar(name, value, row.step, walltime=row.time)
        self._latest = rows[-1].step
        self._writer.flush()

    def attach(self, path: Path, name: str) -> None:
        """Record a PNG file as an image, at the step of the latest row."""
        if path.suffix != ".png":
            return
        from tensorboardX.proto.summary_pb2 import Summary

        data = path.read_bytes()
        width, height = struct.unpack(">II", data[16:24])  # the first chunk of every PNG
        image = Summary.Image(encoded_image_string=data, width=width, height=height, colorspace=RGBA)
        self._writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), self._latest)
        self._writer.flush()

    def close(self, outcome: Outcome) -> None:
        """Note how the training ended, and close the file."""
        self._writer.add_text("outcome", outcome, self._latest)
        self._writer.close()
