"""Whether what a distribution requires is installed, judged from metadata alone."""

__all__ = ["Shortfall", "shortfall"]

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from wxml.environment.distributions import Environment
from wxml.environment.names import CORE, fold
from wxml.environment.plain_versions import PlainRequirement, meets, read_plain

if TYPE_CHECKING:
    from packaging.requirements import Requirement


class Shortfall(NamedTuple):
    """What keeps a distribution from working."""

    status: Literal["incompatible", "missing-dependency", "broken"]
    problem: str


class _Wanted(NamedTuple):
    """A requirement that holds here."""

    text: str
    """Name and range, as in `numpy>=1.26`."""
    name: str
    extras: tuple[str, ...]


def shortfall(requires: Iterable[str], environment: Environment, extras: tuple[str, ...] = ()) -> Shortfall | None:
    """What a distribution requires and does not find, or None; a wrong wxml-core is reported before anything else.

    Args:
        requires: its requirements, as metadata spell them.
        environment: what is installed.
        extras: those of its extras whose requirements count as well.
    """
    try:
        wanted = list(_wanted(requires, ("", *extras), environment))
    except ValueError as error:
        return Shortfall("broken", f"its metadata hold a requirement that cannot be read: {str(error).splitlines()[0]}")
    unmet = {problem: one.name for one in wanted if (problem := _problem(one, environment))}
    for problem, name in unmet.items():
        if name == CORE:
            return Shortfall("incompatible", f"needs {problem}")
    return Shortfall("missing-dependency", f"needs {', '.join(unmet)}") if unmet else None


def _wanted(requires: Iterable[str], extras: tuple[str, ...], environment: Environment) -> Iterator[_Wanted]:
    """The requirements that hold in this environment, and those of the extras that they ask of other distributions."""
    for text in requires:
        one = _read(text, extras)
        if one is None:
            continue
        yield one
        if one.extras and "" in extras and one.name in environment:
            inner = environment[one.name].header.requires
            yield from _wanted(inner, tuple(sorted(one.extras)), environment)


@cache
def _read(text: str, extras: tuple[str, ...]) -> _Wanted | None:
    """A requirement, or None where its marker says that it does not hold here.

    Raises:
        ValueError: it cannot be read.
    """
    plain = read_plain(text)
    if plain is not None:
        holds = plain.holds and (not plain.extra or fold(plain.extra) in map(fold, extras))
        return _Wanted(_spelled(plain), fold(plain.name), plain.extras) if holds else None
    requirement = _parsed(text)
    if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
        return None
    return _Wanted(
        f"{requirement.name}{requirement.specifier}", fold(requirement.name), tuple(sorted(requirement.extras))
    )


def _spelled(plain: PlainRequirement) -> str:
    """The name and the range, whose parts are sorted as `packaging` sorts them."""
    return plain.name + ",".join(sorted(operator + version for operator, version in plain.clauses))


def _parsed(text: str) -> "Requirement":
    from packaging.requirements import Requirement

    return Requirement(text)


def _problem(wanted: _Wanted, environment: Environment) -> str:
    """The requirement and what is there instead; empty where it is met, or where no version says otherwise."""
    if wanted.name not in environment:
        return f"{wanted.text} (not installed)"
    version = environment[wanted.name].header.version
    return "" if _met(wanted.text, version) else f"{wanted.text} ({version} is installed)"


@cache
def _met(text: str, version: str) -> bool:
    """Whether an installed version satisfies a requirement; a version that is none gets the benefit of the doubt."""
    plain = read_plain(text)
    answer = meets(version, plain.clauses) if plain else None
    return _met_by_the_book(text, version) if answer is None else answer


def _met_by_the_book(text: str, version: str) -> bool:
    from packaging.version import InvalidVersion

    try:
        return not version or _parsed(text).specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True
