"""The conformance kit on every loss and every weight."""

from typing import ClassVar

from wxml.testing import LossContract, LossWeightContract
from wxml_losses.pointwise import Squared
from wxml_losses.weights.area import Area
from wxml_losses.weights.by_grid import ByGrid
from wxml_losses.weights.by_variable import ByVariable
from wxml_losses.weights.tendency import Tendency


class TestSquared(LossContract):
    plugin = Squared


class TestArea(LossWeightContract):
    plugin = Area


class TestByGrid(LossWeightContract):
    plugin = ByGrid
    options: ClassVar = {"weights": {}}


class TestByVariable(LossWeightContract):
    plugin = ByVariable
    options: ClassVar = {"weights": {"tp": 0.1}, "default": 2.0}


class TestTendency(LossWeightContract):
    plugin = Tendency
