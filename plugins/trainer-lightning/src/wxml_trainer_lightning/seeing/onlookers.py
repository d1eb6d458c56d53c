"""Calls the callbacks of a training, whose failures are told once and cost it nothing."""

__all__ = ["Moment", "Onlooker", "Onlookers"]

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from numpy.typing import NDArray
from wxml import Callback, Notes, PluginChoice, TrainingView, create
from wxml.masking import masked

LOG = logging.getLogger("wxml")
Moment = Literal["on_step", "on_validation", "on_checkpoint", "on_end"]


class Draws(Protocol):
    """Has callbacks draw; see `seeing.drawer.Drawer`."""

    def draw(self, name: str, section: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have a callback draw."""

    def look(self) -> None:
        """Take in what was drawn."""


@dataclass(frozen=True, slots=True)
class Onlooker:
    """One callback, with the section of the config that chooses it."""

    name: str
    callback: Callback
    section: Mapping[str, Any]

    @classmethod
    def of(cls, choice: PluginChoice, number: int) -> "Onlooker":
        """Make the callback of a section of the config, which has this number in `training.callbacks`."""
        options = choice.model_dump(mode="json", exclude={"plugin"})
        callback = create("callback", choice.plugin, choice.options, where=f"training.callbacks.{number}")
        return cls(
            f"{choice.plugin} {number}" if number else choice.plugin, callback, {"plugin": choice.plugin} | options
        )


class Onlookers:
    """All callbacks of a training.

    Attributes:
        end: why a callback wants the training to end; empty: none does.
    """

    def __init__(
        self, all_of_them: Sequence[Onlooker], drawer: Draws | None, noted: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        """Call nothing yet.

        Args:
            all_of_them: the callbacks.
            drawer: has them draw; None: they do not.
            noted: is told the numbers that they note, with the step.
        """
        self.end = ""
        self._left = list(all_of_them)
        self._drawer, self._noted = drawer, noted

    def call(self, moment: Moment, view: TrainingView) -> None:
        """Call every callback that has not failed."""
        for onlooker in list(self._left):
            try:
                notes: Notes | None = getattr(onlooker.callback, moment)(view)
                if notes is not None:
                    self._take(onlooker, notes, view.step)
            except Exception as error:  # noqa: BLE001  # a callback must never stop a training, whatever it raises
                self._left.remove(onlooker)
                reason = masked(f"{type(error).__name__}: {error}")
                LOG.warning(
                    "the callback %s failed in %s after step %d, and the training goes on without it: %s",
                    onlooker.name,
                    moment,
                    view.step,
                    reason,
                )
        if self._drawer is not None:
            self._drawer.look()

    def _take(self, onlooker: Onlooker, notes: Notes, step: int) -> None:
        if notes.numbers:
            self._noted(step, {name: float(value) for name, value in notes.numbers.items()})
        if notes.arrays and self._drawer is not None:
            self._drawer.draw(onlooker.name, dict(onlooker.section), notes.arrays)
        if notes.end and not self.end:
            self.end = notes.end
            LOG.info("the callback %s ends the training after step %d: %s", onlooker.name, step, notes.end)
