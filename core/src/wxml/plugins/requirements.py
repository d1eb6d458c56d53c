"""Whether what a distribution requires is installed, judged from metadata alone."""

__all__ = ["Shortfall", "shortfall"]

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Literal, NamedTuple

from wxml.plugins.names import fold
from wxml.plugins.policy import CORE

if TYPE_CHECKING:
    from packaging.requirements import Requirement


class Shortfall(NamedTuple):
    """What keeps a distribution from working."""

    status: Literal["incompatible", "missing-dependency", "broken"]
    problem: str


def shortfall(distribution: metadata.Distribution) -> Shortfall | None:
    """What a distribution requires and does not find, or None; a wrong wxml-core is reported before anything else."""
    from packaging.requirements import InvalidRequirement

    try:
        required = list(_required(distribution, ("",)))
    except InvalidRequirement as error:
        return Shortfall("broken", f"its metadata hold a requirement that cannot be read: {str(error).splitlines()[0]}")
    unmet = [(requirement, problem) for requirement in required if (problem := _problem(requirement))]
    for requirement, problem in unmet:
        if fold(requirement.name) == CORE:
            return Shortfall("incompatible", f"needs {problem}")
    return Shortfall("missing-dependency", "needs " + ", ".join(p for _, p in unmet)) if unmet else None


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


def _problem(requirement: "Requirement") -> str:
    """The requirement and what is there instead; empty where it is met, or where no version says otherwise."""
    from packaging.version import InvalidVersion

    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        version = metadata.version(requirement.name)
        met = not version or requirement.specifier.contains(version, prereleases=True)
    except metadata.PackageNotFoundError:
        return f"{wanted} (not installed)"
    except InvalidVersion:
        return ""
    return "" if met else f"{wanted} ({version} is installed)"
