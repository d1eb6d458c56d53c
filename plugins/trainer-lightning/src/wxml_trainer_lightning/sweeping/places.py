"""Where trainings of a sweep run: the contract that this machine and a cluster fill."""

__all__ = ["Job", "LostError", "Places"]

from abc import ABC, abstractmethod

from wxml_trainer_lightning.sweeping.plan import PlannedRun


class LostError(Exception):
    """The place where a training ran is gone, and the training may go on elsewhere; the text says why."""


class Job(ABC):
    """One training that was started."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it runs, in words; empty: on this machine, like all others."""

    @abstractmethod
    def code(self) -> int | None:
        """The exit code of its process; None while that runs.

        Raises:
            LostError: the place is gone.
        """

    @abstractmethod
    def stop(self) -> None:
        """Have it write its state and end, soon."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""


class Places(ABC):
    """The places where trainings run; each has one at a time, from its start until it is taken back."""

    @abstractmethod
    def start(self, run: PlannedRun) -> Job | None:
        """Start a training; None if no place is free now."""

    @abstractmethod
    def take_back(self, job: Job) -> None:
        """Free the place of a training that has ended, or is lost."""
