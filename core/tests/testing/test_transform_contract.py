"""The contract of transforms: the built-in ones pass, each broken one is found out."""

import numpy as np
import pytest
from wxml.data.transform import Transform
from wxml.data.transforms.impute import Impute
from wxml.data.transforms.normalise import Normalise
from wxml.testing import TransformContract


class TestNormalise(TransformContract):
    plugin = Normalise


class TestNormaliseByMethods(TransformContract):
    plugin = Normalise
    options = {"default": "min-max", "methods": {"tp": "std", "still": "max"}}


class TestImpute(TransformContract):
    plugin = Impute


class Shift(Transform):
    """Subtracts the mean."""

    def forward(self, values, variables):
        return (values - self.mean(variables)).astype(np.float32)

    def inverse(self, values, variables):
        return (values + self.mean(variables)).astype(np.float32)

    def mean(self, variables):
        return self.statistics.mean[[self.statistics.variables.index(name) for name in variables], None]


class TestShift(TransformContract):
    plugin = Shift


class Lossy(Shift):
    def forward(self, values, variables):
        return np.round(super().forward(values, variables))


class DoublePrecision(Shift):
    def inverse(self, values, variables):
        return super().inverse(values, variables).astype(np.float64)


class Divides(Shift):
    def forward(self, values, variables):
        with np.errstate(all="ignore"):
            return (super().forward(values, variables) / self.statistics.std[:, None]).astype(np.float32)


class InPlace(Shift):
    def forward(self, values, variables):
        values -= 1
        return super().forward(values, variables)


class TouchesStatistics(Shift):
    def forward(self, values, variables):
        self.statistics.std[0] = 3
        return super().forward(values, variables)


class ThreeAxes(Shift):
    def forward(self, values, variables):
        return super().forward(values, variables) + np.float32(values.ndim == 2)


class FieldMean(Shift):
    def forward(self, values, variables):
        return super().forward(values, variables) - np.float32(np.nanmean(values))


class IgnoresNames(Shift):
    def mean(self, variables):
        return self.statistics.mean[: len(variables), None]


class Spreads(Shift):
    def forward(self, values, variables):
        return super().forward(values, variables) + 0 * values.sum(axis=-1, keepdims=True)


class TellsTheSame(Shift):
    def statistics_after(self):
        return self.statistics


class Random(Shift):
    def __init__(self, statistics) -> None:
        super().__init__(statistics)
        self.noise = np.float32(np.random.default_rng().normal())

    def forward(self, values, variables):
        return super().forward(values, variables) + self.noise


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Lossy, "inverse_undoes_forward", "t comes back 0.4.* off, its largest value is 3"),
        (DoublePrecision, "shape_and_dtype", "inverse gave float64, must give float32"),
        (Divides, "shape_and_dtype", "forward gave values that are not finite"),
        (InPlace, "inputs_are_not_modified", "forward changed its input in place"),
        (TouchesStatistics, "inputs_are_not_modified", "the transform changed `statistics.std`"),
        (ThreeAxes, "leading_axes_do_not_matter", "forward gives other values for a single field"),
        (FieldMean, "leading_axes_do_not_matter", "forward gives other values for a single"),
        (IgnoresNames, "variables_may_come_in_any_order", r"other values for \('tp', 't'\)"),
        (Spreads, "a_missing_value_touches_no_other", "forward: a missing value changed others"),
        (TellsTheSame, "statistics_after_are_those_of_forward", "tells `mean` 28.* of t, forward gives"),
        (Random, "statistics_decide", "two instances with the same statistics and options"),
    ],
)
def test_a_broken_transform_is_found_out(find_out, plugin, check, message) -> None:
    find_out(TransformContract, plugin, check, message)
