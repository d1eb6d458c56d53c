"""Judges from metadata alone whether the requirements of a distribution are installed."""

__all__ = ["Shortfall", "shortfall"]

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from wxml.environment.distributions import Environment
from wxml.environment.names import CORE, canonical_name


class Shortfall(NamedTuple):
    """Why a distribution cannot work here."""

    status: Literal["incompatible", "missing-dependency", "broken"]
    problem: str


def shortfall(requires: Iterable[str], environment: Environment, extras: tuple[str, ...] = ()) -> Shortfall | None:
    """The requirements that a distribution does not find, or None; a wrong wxml-core is reported before any other.

    Args:
        requires: its requirements, as metadata spell them.
        environment: the installed distributions.
        extras: those of its extras whose requirements count as well.
    """
    try:
        active = list(_active(requires, ("", *extras), environment))
    except InvalidRequirement as error:
        return Shortfall("broken", f"its metadata hold a requirement that cannot be read: {str(error).splitlines()[0]}")
    unmet = {}
    for one in active:
        found, wanted = environment.find(canonical_name(one.name)), str(one.specifier)
        if found is None:
            unmet[f"{one.name}{wanted} (not installed)"] = one.name
        elif not _is_met(wanted, found.version):
            unmet[f"{one.name}{wanted} ({found.version} is installed)"] = one.name
    for problem, name in unmet.items():
        if canonical_name(name) == CORE:
            return Shortfall("incompatible", f"needs {problem}")
    return Shortfall("missing-dependency", f"needs {', '.join(unmet)}") if unmet else None


def _active(requires: Iterable[str], extras: tuple[str, ...], environment: Environment) -> Iterator[Requirement]:
    """The requirements whose markers hold here, each followed by those of the extras that it asks for.

    Raises:
        InvalidRequirement: one cannot be read.
    """
    for text in requires:
        one = _read(text, extras)
        if one is None:
            continue
        yield one
        found = environment.find(canonical_name(one.name)) if one.extras and "" in extras else None
        if found:
            yield from _active(found.requires, tuple(sorted(one.extras)), environment)


@cache
def _read(text: str, extras: tuple[str, ...]) -> Requirement | None:
    """A requirement; None if its marker says that it does not hold here."""
    requirement = Requirement(text)
    marker = requirement.marker
    return None if marker and not any(marker.evaluate({"extra": extra}) for extra in extras) else requirement


@cache
def _is_met(specifier: str, version: str) -> bool:
    """Whether a version is in a range; True if the version is missing or not of the form of PEP 440."""
    try:
        return not version or SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return True
