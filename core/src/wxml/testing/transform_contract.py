"""The contract of transforms, as tests."""

__all__ = ["TransformContract"]

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.testing.contract import Contract, require

Values = NDArray[np.float32]

VARIABLES = ("t", "q", "tp", "still")
NODES = 12
TOLERANCE = 1e-5  # of the largest value; float32 keeps 6e-8, and a transform computes a little


def tiny_statistics() -> Statistics:
    """Make statistics of temperature (K), humidity (kg/kg), rain (mm), and a variable that is always 1."""
    rows = {
        "mean": [280.0, 5e-3, 0.2, 1.0],
        "std": [15.0, 3e-3, 0.6, 0.0],
        "minimum": [220.0, 0.0, 0.0, 1.0],
        "maximum": [320.0, 0.03, 40.0, 1.0],
        "tendency_std": [2.0, 4e-4, 0.5, 0.0],
    }
    return Statistics(VARIABLES, **{name: np.array(row) for name, row in rows.items()})


def _statistics_of(values: Values) -> Statistics:
    """Compute the statistics of `values`, shape `[time, variable, node]`, where every node weighs the same."""
    x, axes = values.astype(np.float64), (0, 2)
    tendency = np.sqrt(np.mean(np.diff(x, axis=0) ** 2, axis=axes))
    return Statistics(VARIABLES, x.mean(axes), x.std(axes), x.min(axes), x.max(axes), tendency)


class TransformContract(Contract):
    """Checks of a Transform, on the variables `t`, `q`, `tp` and `still`, which never changes."""

    interface: ClassVar[type[Any]] = Transform

    def sample(self) -> Any:
        """Make a transform from `tiny_statistics`."""
        return self.make(tiny_statistics())

    def rehearse(self) -> None:
        """Call `forward` and `inverse` once."""
        transform = self.sample()
        transform.inverse(transform.forward(self._values(), VARIABLES), VARIABLES)

    def test_inverse_undoes_forward(self) -> None:
        """`inverse(forward(x))` equals x to 1e-5 of the largest value of each variable."""
        transform, values = self.sample(), self._values()
        back = transform.inverse(transform.forward(values, VARIABLES), VARIABLES)
        for number, name in enumerate(VARIABLES):
            error, scale = (float(np.abs(x[..., number, :]).max()) for x in (back - values, values))
            require(error <= TOLERANCE * scale, f"{name} comes back {error:.3g} off, its largest value is {scale:.3g}")

    def test_shape_and_dtype(self) -> None:
        """`forward` and `inverse` keep the shape and give finite float32, also for a variable that never changes."""
        transform, values = self.sample(), self._values()
        forward = transform.forward(values, VARIABLES)
        for way, found in (("forward", forward), ("inverse", transform.inverse(forward, VARIABLES))):
            require(found.shape == values.shape, f"{way} gave shape {found.shape} for {values.shape}")
            require(found.dtype == np.float32, f"{way} gave {found.dtype}, must give float32")
            require(np.isfinite(found).all(), f"{way} gave values that are not finite")

    def test_inputs_are_not_modified(self) -> None:
        """The transform changes neither its input nor the statistics."""
        transform, values = self.sample(), self._values()
        values[0, 0, 0] = np.nan
        for way in (transform.forward, transform.inverse):
            kept = values.copy()
            way(values, VARIABLES)
            require(np.array_equal(kept, values, equal_nan=True), f"{way.__name__} changed its input in place")
        for field in fields(Statistics)[1:]:
            same = np.array_equal(getattr(transform.statistics, field.name), getattr(tiny_statistics(), field.name))
            require(same, f"the transform changed `statistics.{field.name}`")

    def test_leading_axes_do_not_matter(self) -> None:
        """A field gives the same values alone and among others along leading axes, and so does a node."""
        transform, values = self.sample(), self._values()
        for way in (transform.forward, transform.inverse):
            expected = way(values, VARIABLES)
            found = {
                "a single field": (way(values[1], VARIABLES), expected[1]),
                "four axes": (way(values[:, None], VARIABLES)[:, 0], expected),
                "a single node": (way(values[..., 3:4], VARIABLES), expected[..., 3:4]),
            }
            for what, (ours, theirs) in found.items():
                require(np.array_equal(ours, theirs), f"{way.__name__} gives other values for {what}")

    def test_variables_may_come_in_any_order(self) -> None:
        """Each variable gives the same values among all, and among some in another order."""
        transform, values = self.sample(), self._values()
        where = [2, 0]
        names = tuple(VARIABLES[number] for number in where)
        for way in (transform.forward, transform.inverse):
            same = np.array_equal(way(values[:, where], names), way(values, VARIABLES)[:, where])
            require(same, f"{way.__name__} gives other values for {names} than for {VARIABLES}")

    def test_a_missing_value_touches_no_other(self) -> None:
        """A NaN changes no other value, neither in `forward` nor in `inverse`."""
        transform, values = self.sample(), self._values()
        gap = values.copy()
        gap[1, 1, 4] = np.nan
        there, expected = transform.forward(gap, VARIABLES), transform.forward(values, VARIABLES)
        back, whole = transform.inverse(there, VARIABLES), transform.inverse(expected, VARIABLES)
        present = ~np.isnan(gap)
        for way, ours, theirs in (("forward", there, expected), ("inverse", back, whole)):
            require(np.array_equal(ours[present], theirs[present]), f"{way}: a missing value changed others")

    def test_statistics_after_are_those_of_forward(self) -> None:
        """`statistics_after` gives None, or the statistics of `forward(x)` to 1e-4 of their largest."""
        values = self._values()
        transform = self.make(_statistics_of(values))
        told = transform.statistics_after()
        if told is None:
            return
        found = _statistics_of(transform.forward(values, VARIABLES))
        for field in fields(Statistics)[1:]:
            for name, ours, theirs in zip(
                VARIABLES, getattr(told, field.name), getattr(found, field.name), strict=True
            ):
                largest = max(abs(found.select((name,)).minimum[0]), abs(found.select((name,)).maximum[0]))
                sentence = f"`statistics_after` tells `{field.name}` {ours:.6g} of {name}, forward gives {theirs:.6g}"
                require(abs(ours - theirs) <= 1e-4 * largest, sentence)

    def test_statistics_decide(self) -> None:
        """Two instances with the same statistics and options give the same values, bit for bit."""
        values = self._values()
        one, two = (self.sample().forward(values, VARIABLES) for _ in range(2))
        require(np.array_equal(one, two), "two instances with the same statistics and options give different values")

    def _values(self) -> Values:
        """Draw values within the limits of the statistics, shape `[time, variable, node]`."""
        statistics = tiny_statistics()
        spread = np.random.default_rng(0).uniform(-2, 2, (3, len(VARIABLES), NODES))
        values = statistics.mean[:, None] + statistics.std[:, None] * spread
        return np.clip(values, statistics.minimum[:, None], statistics.maximum[:, None]).astype(np.float32)
