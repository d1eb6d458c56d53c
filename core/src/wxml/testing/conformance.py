"""Runs the checks of a contract without pytest, for `wxml check-plugin`."""

__all__ = ["REHEARSAL", "CheckResult", "contract_of", "run_checks"]

import inspect
import time
import traceback
import unittest
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wxml.errors import BrokenPluginError
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.load import import_object
from wxml.plugins.resolve import require_usable
from wxml.testing.contract import Contract, NotClaimed

Result = Literal["passed", "failed", "skipped"]
PREFIX = "test_"
REHEARSAL = Contract.test_it_can_be_made_and_used.__name__.removeprefix(PREFIX).replace("_", " ")
"""The name of the check without which nothing of a plugin was checked but its constructor and its options."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    name: str
    """The name of the check in words, such as `gradients reach every parameter`."""
    description: str
    """One line that says what the check expects."""
    result: Result
    message: str
    """The reason why the check failed or was skipped; empty if it passed."""
    seconds: float
    claimed: bool = True
    """False for a check that was skipped because the plugin does not claim what it is about."""


def contract_of(kind: str) -> type[Contract]:
    """Return the contract for plugins of `kind`.

    For a kind that another package declares, it is the one that this package gives in the entry-point group
    `wxml.contracts` under the name of the kind; without one, it is `Contract`. The interface of the kind comes with it.

    Raises:
        BrokenPluginError: that contract cannot be imported, or is none.
    """
    import wxml.testing

    name = "".join(part.capitalize() for part in kind.split("-")) + "Contract"
    if name in wxml.testing.__all__:
        contract: type[Contract] = getattr(wxml.testing, name)
        return contract
    given = [record for record in installed().select("contract") if record.name == kind and record.status != "broken"]
    found = _imported(given[0]) if given else Contract
    declared = installed().kinds.get(kind)
    if found.interface is object and declared is not None:
        return type(found.__name__, (found,), {"interface": import_object(declared)})
    return found


def _imported(record: PluginRecord) -> type[Contract]:
    """The contract that a package gives for a kind of its own."""
    require_usable(record)
    found = import_object(record)
    if not (inspect.isclass(found) and issubclass(found, Contract)):
        raise BrokenPluginError(
            f"contract {record.name!r} of {record.provider} is no contract: `{record.value}` is not a subclass of "
            "wxml.testing.Contract",
            fix=f"tell the authors of {record.distribution}",
        )
    return found


def run_checks(contract: type[Contract]) -> Iterator[CheckResult]:
    """Run every check of `contract`, whose `plugin` must be set; the checks for plugins of any kind come first."""
    names = [name for base in reversed(contract.__mro__) for name in vars(base) if name.startswith(PREFIX)]
    for name in dict.fromkeys(names):
        check = getattr(contract(), name)
        start = time.perf_counter()
        result, message, claimed = _outcome(contract, check)
        seconds = round(time.perf_counter() - start, 3)
        words = name.removeprefix(PREFIX).replace("_", " ")
        yield CheckResult(words, inspect.getdoc(check) or "", result, message, seconds, claimed)


def _outcome(contract: type[Contract], check: Any) -> tuple[Result, str, bool]:
    """Run one check; whatever the plugin raises fails this check and no other one.

    The message names the last line in the plugin's own folder that the error passed through.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check()
    except KeyboardInterrupt:
        raise
    except unittest.SkipTest as skip:
        return "skipped", str(skip), not isinstance(skip, NotClaimed)
    except AssertionError as error:
        return "failed", str(error), True
    except BaseException as error:  # noqa: BLE001  # a plugin may even call sys.exit
        folder = Path(inspect.getfile(contract.plugin)).parent
        frames = traceback.extract_tb(error.__traceback__)
        inside = [(Path(f.filename), f.lineno) for f in frames if folder in Path(f.filename).parents]
        place = f"\nat {folder.name}/{inside[-1][0].relative_to(folder)}:{inside[-1][1]}" if inside else ""
        return "failed", f"{type(error).__name__}: {error}{place}", True
    return "passed", "", True
