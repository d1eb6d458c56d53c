"""The stationary bootstrap: scores of cases that are drawn again in blocks of random length."""

__all__ = ["block_length", "drawn_counts", "percentile_interval"]

from functools import lru_cache

import numpy as np

from wxml_verification.arrays import Array
from wxml_verification.spacing import Spacing

REPLICATES = 1999
SEED = 2016
LENGTHS_PER_DECADE = 30  # lengths are rounded, so that few sets of draws serve all series


def block_length(apart: Array, spacing: Spacing) -> float:
    """The best mean length of blocks for the mean of a series, in steps.

    Of Politis and White 2004 (doi:10.1081/ETC-120028836) as corrected by Patton, Politis and White 2009
    (doi:10.1080/07474930802459016): (2 G² n / D)^⅓ with G = Σ λ(k/M) |k| R(k), D = 2 (Σ λ(k/M) R(k))², the
    autocovariance R, a window λ that is 1 up to ½ and falls to 0 at 1, and M twice the lag after which five
    correlations (or more, of more than 10⁶ cases) are insignificant.

    Args:
        apart: what each case adds, with the mean 0, shape `[case]`.
        spacing: the steps of the cases.

    Returns:
        At least 1, at most ⌈min(3√n, n/3)⌉.
    """
    steps = spacing.spread_out(apart)
    count = len(steps)
    quiet = max(5, int(np.log10(count)))
    most = int(np.ceil(np.sqrt(count))) + quiet
    products = np.array([steps[lag:] @ steps[: count - lag] for lag in range(most + 1)])
    lag = _last_significant(steps, products, quiet)
    window = most if lag is None else min(2 * max(lag, 1), most)
    lags = np.arange(1, window + 1)
    weights = np.minimum(1.0, 2 * (1 - lags / window)) * products[1 : window + 1] / count
    spectrum = products[0] / count + 2 * weights.sum()
    if spectrum == 0:
        return 1.0
    best = (np.square(2 * (weights * lags).sum()) / np.square(spectrum) * count) ** (1 / 3)
    return float(np.clip(best, 1.0, np.ceil(min(3 * np.sqrt(count), count / 3))))


def _last_significant(steps: Array, products: Array, quiet: int) -> int | None:
    """The first lag from which on `quiet` correlations in a row are insignificant; None if there is none."""
    count = len(steps)
    level = 2 * np.sqrt(np.log10(count) / count)
    squares = np.square(steps)
    ends = [squares[lag + 1 :].sum() * squares[: count - lag - 1].sum() for lag in range(len(products))]
    small = np.abs(products) < level * np.sqrt(ends)
    runs = (lag for lag in range(len(products) - quiet) if small[lag : lag + quiet].all())
    return next(runs, None)


def drawn_counts(spacing: Spacing, length: float) -> Array:
    """How often each case is drawn in each of 1999 replicates, shape `[replicate, case]`; always the same.

    Blocks begin at any step, go around the end, and end after each step with the probability 1/length (Politis and
    Romano 1994, doi:10.1080/01621459.1994.10476870). Steps without a case are drawn like others.
    """
    rounded = np.round(np.log10(length) * LENGTHS_PER_DECADE)
    return _drawn(spacing.length, float(10 ** (rounded / LENGTHS_PER_DECADE)))[:, spacing.places]


@lru_cache(maxsize=8)
def _drawn(count: int, length: float) -> Array:
    """How often each of `count` steps is drawn, shape `[replicate, step]`."""
    random = np.random.default_rng(SEED)
    begins = random.random((REPLICATES, count)) < 1 / length
    begins[:, 0] = True
    steps = np.arange(count)
    last = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    starts = np.take_along_axis(random.integers(count, size=begins.shape), last, axis=1)
    drawn = (starts + steps - last) % count
    rows = np.arange(REPLICATES)[:, None] * count
    counts = np.bincount((drawn + rows).ravel(), minlength=REPLICATES * count)
    return counts.reshape(REPLICATES, count).astype(np.float64)


def percentile_interval(replicates: Array, confidence: float) -> tuple[float, float, float]:
    """Lower and upper end of the interval of a number, and how probable one so far from 0 is.

    Args:
        replicates: shape `[replicate]`; those that are NaN are left out, and there is no interval if most are.
        confidence: of the interval.

    Returns:
        The ends, and twice the share of replicates, the number itself among them, on the rarer side of 0.
    """
    known = replicates[np.isfinite(replicates)]
    if 2 * len(known) <= len(replicates):
        return np.nan, np.nan, np.nan
    low, high = np.quantile(known, [0.5 - confidence / 2, 0.5 + confidence / 2])
    rare = min((known <= 0).sum(), (known >= 0).sum())
    return float(low), float(high), float(min(1.0, 2 * (rare + 1) / (len(known) + 1)))
