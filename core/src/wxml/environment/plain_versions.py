"""Requirements and versions as nearly all of them are written, understood without `packaging`.

`packaging` knows all of PEP 440 and PEP 508, but importing it takes as long as reading the metadata of a hundred
distributions. What is not plain here is left to it.
"""

__all__ = ["Clause", "PlainRequirement", "meets", "read_plain"]

import re
import sys
from typing import NamedTuple

VERSION = r"\d+(?:\.\d+)*"
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([\w\s,.-]*)\])?([^;\[\]]*)(?:;(.*))?", re.ASCII)
CLAUSE = re.compile(rf"\s*(~=|[<>=!]=|[<>])\s*({VERSION})\s*", re.ASCII)
MARKER = re.compile(r"\s*(extra|python_version)\s*([<>=!]=|[<>])\s*(['\"])([\w.-]+)\3\s*", re.ASCII)
INSTALLED = re.compile(rf"({VERSION})(\.post\d+)?(?:\+[\w.]+)?", re.ASCII)

Clause = tuple[str, str]
"""An operator and a version, such as (">=", "1.26")."""


class PlainRequirement(NamedTuple):
    """A requirement without pre-releases, wildcards or URLs, and with at most one simple marker."""

    name: str
    extras: tuple[str, ...]
    clauses: tuple[Clause, ...]
    extra: str = ""
    """The extra of the distribution that asks for it; empty for what no extra asks for."""
    holds: bool = True
    """False where its marker asks for another Python."""


def read_plain(text: str) -> PlainRequirement | None:
    """A requirement, or None where it is not plain."""
    match = REQUIREMENT.fullmatch(text)
    if match is None:
        return None
    name, extras, limits, marker = match.groups(default="")
    clauses = _clauses(limits)
    if clauses is None:
        return None
    plain = PlainRequirement(name, tuple(extra.strip() for extra in extras.split(",") if extra.strip()), clauses)
    return _marked(plain, marker) if marker.strip() else plain


def _clauses(limits: str) -> tuple[Clause, ...] | None:
    """The parts of a range, None where one of them is not plain."""
    matches = [CLAUSE.fullmatch(limit) for limit in limits.split(",")] if limits.strip() else []
    found = tuple((match[1], match[2]) for match in matches if match)
    one_number = any(operator == "~=" and "." not in version for operator, version in found)
    return None if len(found) < len(matches) or one_number else found


def _marked(plain: PlainRequirement, marker: str) -> PlainRequirement | None:
    match = MARKER.fullmatch(marker)
    if match is None:
        return None
    if match[1] == "extra":
        return plain._replace(extra=match[4]) if match[2] == "==" else None
    limits = _clauses(match[2] + match[4])
    return None if limits is None else plain._replace(holds=bool(meets("{}.{}".format(*sys.version_info), limits)))


def meets(version: str, clauses: tuple[Clause, ...]) -> bool | None:
    """Whether an installed version is in a range; None where it is not plain. A local part (`+cpu`) does not count."""
    match = INSTALLED.fullmatch(version)
    if match is None:
        return None
    post = int(match[2] is not None)
    return all(_holds(_numbers(match[1]), post, operator, _numbers(limit)) for operator, limit in clauses)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _holds(own: tuple[int, ...], post: int, operator: str, limit: tuple[int, ...]) -> bool:
    """Whether a version keeps within one limit; missing numbers count as zeros.

    A post-release comes after its release, but is not `>` it.
    """
    length = max(len(own), len(limit))
    left, right = (numbers + (0,) * (length - len(numbers)) for numbers in (own, limit))
    if operator == ">":
        return left > right
    left, right = (*left, post), (*right, 0)
    if operator == "~=":
        return left >= right and left[: len(limit) - 1] == limit[:-1]
    if operator in ("==", "!="):
        return (left == right) == (operator == "==")
    return left < right if operator == "<" else (left >= right if operator == ">=" else left <= right)
