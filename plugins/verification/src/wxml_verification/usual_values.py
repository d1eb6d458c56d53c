"""The climatology of some variables: made of past values, or given; both tell the usual values of instants."""

__all__ = ["GivenValues", "UsualValues", "makes_climatology", "usual_values"]

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from wxml import YearlyFields
from wxml.verification.yearly_fields import in_year

from wxml_verification.arrays import Array
from wxml_verification.climatology import Climatology
from wxml_verification.given_climatology import Given
from wxml_verification.kept_fields import KeptFields
from wxml_verification.notes import climatology_notes
from wxml_verification.question import Question

BLOCK_BYTES = 32 * 2**20  # one read of the source takes at most this (or one time)
Times = NDArray[np.datetime64]


class UsualValues(Protocol):
    """The usual values of some variables."""

    def at(self, times: Times) -> Array:
        """Those of each instant, shape `[time, variable, node]`; NaN where there are none."""


class GivenValues:
    """The fields of a given climatology at the days and times of day that will be asked for, each read once."""

    def __init__(self, fields: YearlyFields, variables: Sequence[str], asked: Times) -> None:
        """Read the fields.

        Args:
            fields: the climatology, which has all instants.
            variables: their names; one that it lacks has no values.
            asked: the instants that will be asked for.
        """
        self._there = np.isin(variables, fields.source.header.names)
        known = [name for name, there in zip(variables, self._there, strict=True) if there]
        self._times, first = np.unique(in_year(asked), return_index=True)
        nodes = len(fields.source.header.grid)
        self._shape = (len(variables), nodes)
        self._fields = KeptFields(len(first), (len(known), nodes))
        length = max(1, BLOCK_BYTES // (4 * max(1, len(known)) * nodes))
        for start in range(0, len(first) if known else 0, length):
            block = fields.at(asked[first[start : start + length]], known)
            for place, field in enumerate(block, start):
                self._fields.put(place, field)
        fields.source.forget()

    def at(self, times: Times) -> Array:
        """See `UsualValues`."""
        out = np.full((len(times), *self._shape), np.nan)
        wanted = in_year(times)
        places = np.searchsorted(self._times, wanted)
        for number, place in enumerate(places.tolist()):
            if place < len(self._times) and self._times[place] == wanted[number]:
                out[number, self._there] = self._fields.get(place)
        return out


def makes_climatology(question: Question, lot: Sequence[str]) -> bool:
    """Whether the climatology of some variables is made of their past: none is given, and the past is known."""
    past = question.past
    return question.given is None and len(past.times) > 0 and set(lot) <= set(past.source.header.names)


def usual_values(
    question: Question, lot: tuple[str, ...], asked: Times, made: Climatology | None = None
) -> tuple[UsualValues | None, tuple[str, ...]]:
    """The climatology of some variables, and notes on it.

    Args:
        question: what is given, or what the climatology is made of.
        lot: the variables.
        asked: the instants that will be asked for.
        made: the one that is made of the past, where that was done elsewhere.

    Returns:
        The climatology; None if nothing is known of the past, or not of these variables.
    """
    if question.given is not None:
        lacks_all = set(lot) <= set(question.given.lacking)
        values = None if lacks_all else GivenValues(question.given.fields, lot, asked)
        return values, tuple(_given_notes(question.given))
    past = question.past
    if made is None and makes_climatology(question, lot):
        made = Climatology.of(past.source, past.times, lot, question.window, asked)
    return made, tuple(climatology_notes(made, asked, past))


def _given_notes(given: Given) -> Iterator[str]:
    """Which climatology it is, and what it lacks."""
    years = f", of the years {given.years[0]} to {given.years[1]}" if given.years else ""
    yield f"The climatology is {given.name}{years}."
    if given.lacking:
        yield f"The climatology lacks {', '.join(given.lacking)}: no anomalies there."
    for one in given.uncompared:
        yield f"{one[0].upper()}{one[1:]}."
