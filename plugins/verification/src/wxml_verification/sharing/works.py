"""What of the scoring of some variables is made once for all workers."""

__all__ = ["works_of"]

import hashlib
from collections.abc import Iterator
from functools import partial

from wxml_verification.case_scoring import CaseScoring
from wxml_verification.climatology import PastBins
from wxml_verification.ridge import Fitting, RidgeBaseline
from wxml_verification.sharing.climatology import SharedClimatology
from wxml_verification.sharing.ridge import SharedRidge
from wxml_verification.sharing.work import SharedWork
from wxml_verification.usual_values import makes_climatology


def works_of(number: int, scoring: CaseScoring, lot: tuple[str, ...]) -> Iterator[SharedWork]:
    """The works for the variables that are read together; the same in each process.

    Args:
        number: of the truth.
        scoring: against it.
        lot: the variables.

    Raises:
        DataError: the past of the baseline `ridge` has too few times.
    """
    question, own = scoring.question, scoring.own_of(lot)
    name = f"{number}-{hashlib.sha256(repr(lot).encode()).hexdigest()[:16]}"
    if own and makes_climatology(question, own):
        bins = PastBins.of(question.past.times, scoring.verified)
        if len(bins.days):
            take = partial(scoring.climatologies.__setitem__, own)
            yield SharedClimatology(f"{name}-climatology", question.past, own, question.window, bins, take)
    leads = scoring.forecast.lead_times
    for one in question.further:
        if isinstance(one, RidgeBaseline):
            for place, variable in enumerate(own):
                fitting = Fitting.of(one.past, variable, leads, one.options)
                yield SharedRidge(f"{name}-ridge-{place}", one, fitting)
