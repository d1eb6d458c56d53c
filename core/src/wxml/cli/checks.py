"""The results of `wxml doctor`."""

__all__ = ["HARMLESS", "Check", "Diagnosis", "Status"]

from dataclasses import dataclass
from typing import Literal

from wxml.environment.installer import install_command
from wxml.environment.names import CORE

Status = Literal["ok", "absent", "missing", "different", "problem"]
HARMLESS = ("ok", "absent")
"""`absent`: it is not installed, and need not be."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    subject: str
    found: str
    status: Status = "ok"
    wanted: str = ""
    """The version that is wanted; empty if any will do."""
    advice: str = ""
    """The problem, or what to do, in words."""
    requirement: str = ""
    """The requirement that pip has to install."""
    reinstall: bool = False
    """Whether the installed version has the same number, so that installers would see nothing to do."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The results of all checks."""

    checks: tuple[Check, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing has to be done."""
        return all(check.status in HARMLESS for check in self.checks)

    @property
    def command(self) -> str:
        """The line that installs everything that is missing and keeps the version of wxml-core; empty without any."""
        todo = [check for check in self.checks if check.status not in HARMLESS and check.requirement]
        again = [check.requirement for check in todo if check.reinstall]
        new = [check.requirement for check in todo if not check.reinstall]
        if new:
            new = [*(check.requirement for check in self.checks if check.subject == CORE and check not in todo), *new]
        parts = [install_command(*new)] if new else []
        if again:
            parts.append(install_command(*again, again=True))
        return " && ".join(parts)
