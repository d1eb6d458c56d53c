"""Whether what a distribution requires is installed, judged from metadata alone."""

__all__ = ["Shortfall", "installed_version", "shortfall"]

import re
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Literal, NamedTuple

from wxml.plugins.names import fold
from wxml.plugins.policy import CORE

if TYPE_CHECKING:
    from packaging.requirements import Requirement

VERSION = re.compile(r"^version:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Shortfall(NamedTuple):
    """What keeps a distribution from working."""

    status: Literal["incompatible", "missing-dependency", "broken"]
    problem: str


def shortfall(distribution: metadata.Distribution, version_of: Callable[[str], str | None]) -> Shortfall | None:
    """What a distribution requires and does not find, or None; a wrong wxml-core is reported before anything else.

    Args:
        distribution: whose requirements are looked at.
        version_of: `installed_version`, or the same with a memory.
    """
    from packaging.requirements import InvalidRequirement

    try:
        required = list(_required(distribution, ("",)))
    except InvalidRequirement as error:
        return Shortfall("broken", f"its metadata hold a requirement that cannot be read: {str(error).splitlines()[0]}")
    checked = [
        (fold(requirement.name), _problem(requirement, version_of(requirement.name))) for requirement in required
    ]
    unmet = {problem: name for name, problem in checked if problem}
    for problem, name in unmet.items():
        if name == CORE:
            return Shortfall("incompatible", f"needs {problem}")
    return Shortfall("missing-dependency", f"needs {', '.join(unmet)}") if unmet else None


def _required(distribution: metadata.Distribution, extras: tuple[str, ...]) -> "Iterator[Requirement]":
    """The requirements that hold in this environment, and those of the extras that they ask of other distributions."""
    from packaging.requirements import Requirement

    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        yield requirement
        if requirement.extras and "" in extras:
            yield from _required_by_extras(requirement)


def _required_by_extras(requirement: "Requirement") -> "Iterator[Requirement]":
    """What the extras of a requirement add: `wxml-core[torch]` needs torch."""
    try:
        distribution = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        return
    yield from _required(distribution, tuple(sorted(requirement.extras)))


def _problem(requirement: "Requirement", version: str | None) -> str:
    """The requirement and what is there instead; empty where it is met, or where no version says otherwise."""
    from packaging.version import InvalidVersion

    wanted = f"{requirement.name}{requirement.specifier}"
    if version is None:
        return f"{wanted} (not installed)"
    try:
        met = not version or requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return ""
    return "" if met else f"{wanted} ({version} is installed)"


def installed_version(name: str) -> str | None:
    """The version of an installed distribution, empty where it does not say; None where it is not installed.

    Reads the one line, because parsing all metadata of everything that is required takes longer than all the rest.
    """
    try:
        text = metadata.distribution(name).read_text("METADATA") or ""
    except (metadata.PackageNotFoundError, ValueError):
        return None
    match = VERSION.search(text)
    return match[1] if match else ""
