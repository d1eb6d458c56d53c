"""How far each training of a sweep is: a bar each where standard error is a terminal, else a few lines in the log."""

__all__ = ["RunProgress"]

from collections.abc import Mapping, Sequence

from wxml.terminal import Progress

from wxml_trainer_lightning.sweeping.results import Result


class RunProgress:
    """Shows the steps and the last validation loss of each training that runs."""

    def __init__(self, steps: Mapping[str, int]) -> None:
        """Show nothing yet; `steps` has how many each training will make, by its name, as far as that is known."""
        self._steps = steps
        self._shown: dict[str, Progress] = {}

    def update(self, results: Sequence[Result]) -> None:
        """Show how far those are that run, and no longer the others."""
        for result in results:
            if result.status == "running" and result.steps and result.run in self._steps:
                self._progress(result.run).update(result.steps, _note(result))
            elif result.status != "running":
                self._close(result.run)

    def close(self) -> None:
        """Leave everything on the screen as it is."""
        for name in list(self._shown):
            self._close(name)

    def _progress(self, name: str) -> Progress:
        if name not in self._shown:
            self._shown[name] = Progress(name, self._steps[name], unit="step")
        return self._shown[name]

    def _close(self, name: str) -> None:
        shown = self._shown.pop(name, None)
        if shown is not None:
            shown.close()


def _note(result: Result) -> str:
    return f"validation loss {result.curve[-1][1]:.4g}" if result.curve else ""
