"""Runs the checks of a contract without pytest, for `wxml check-plugin`."""

__all__ = ["CheckResult", "contract_of", "run_checks"]

import inspect
import time
import traceback
import unittest
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wxml.testing.contract import Contract

Result = Literal["passed", "failed", "skipped"]
PREFIX = "test_"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check."""

    name: str
    """In words: `gradients reach every parameter`."""
    description: str
    """One line about what is checked."""
    result: Result
    message: str
    """What went wrong, or why it was skipped; empty where it passed."""
    seconds: float


def contract_of(kind: str) -> type[Contract]:
    """The contract for plugins of a kind; the one that holds for all where a package other than core declares it."""
    import wxml.testing

    name = "".join(part.capitalize() for part in kind.split("-")) + "Contract"
    contract: type[Contract] = getattr(wxml.testing, name) if name in wxml.testing.__all__ else Contract
    return contract


def run_checks(contract: type[Contract]) -> Iterator[CheckResult]:
    """Run every check of a contract whose `plugin` is set, those that hold for all plugins first."""
    names = [name for base in reversed(contract.__mro__) for name in vars(base) if name.startswith(PREFIX)]
    for name in dict.fromkeys(names):
        yield _run(contract, name)


def _run(contract: type[Contract], name: str) -> CheckResult:
    check = getattr(contract(), name)
    start = time.perf_counter()
    result, message = _outcome(contract, check)
    words = name.removeprefix(PREFIX).replace("_", " ")
    return CheckResult(words, inspect.getdoc(check) or "", result, message, round(time.perf_counter() - start, 3))


def _outcome(contract: type[Contract], check: Any) -> tuple[Result, str]:
    """Whatever a plugin raises fails its check and no other one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check()
    except KeyboardInterrupt:
        raise
    except unittest.SkipTest as skip:
        return "skipped", str(skip)
    except AssertionError as error:
        return "failed", str(error)
    except BaseException as error:  # noqa: BLE001  # a plugin may even call sys.exit
        return "failed", f"{type(error).__name__}: {error}{_place(contract.plugin, error)}"
    return "passed", ""


def _place(plugin: type, error: BaseException) -> str:
    """The last line of the plugin's own folder that an error passed through."""
    folder = Path(inspect.getfile(plugin)).parent
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if folder in Path(frame.filename).parents]
    return f"\nat {folder.name}/{Path(frames[-1].filename).relative_to(folder)}:{frames[-1].lineno}" if frames else ""
