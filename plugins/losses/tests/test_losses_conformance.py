"""The conformance kit on the losses of values and of ensembles, and on every weight."""

from dataclasses import replace
from typing import ClassVar

from wxml import LossSpace
from wxml.data.grid_part import GridPart
from wxml.testing import LossContract, LossWeightContract, tiny_loss_space
from wxml_losses.crps import Crps
from wxml_losses.energy import Energy
from wxml_losses.gaussian import GaussianCrps, GaussianLikelihood
from wxml_losses.pointwise import Absolute, Huber, LogCosh, RootMeanSquare, Squared
from wxml_losses.weights.area import Area
from wxml_losses.weights.by_grid import ByGrid
from wxml_losses.weights.by_level import ByLevel
from wxml_losses.weights.by_variable import ByVariable
from wxml_losses.weights.mask import Mask
from wxml_losses.weights.node_attribute import NodeAttribute
from wxml_losses.weights.region_share import RegionShare
from wxml_losses.weights.steps import LeadDecay, Steps
from wxml_losses.weights.tendency import Tendency


class TestSquared(LossContract):
    plugin = Squared


class TestAbsolute(LossContract):
    plugin = Absolute


class TestHuber(LossContract):
    plugin = Huber
    options: ClassVar = {"delta": 0.7}


class TestLogCosh(LossContract):
    plugin = LogCosh


class TestRootMeanSquare(LossContract):
    plugin = RootMeanSquare


class TestCrps(LossContract):
    plugin = Crps


class TestFairCrps(LossContract):
    plugin = Crps
    options: ClassVar = {"fairness": 1.0}


class TestEnergyOverSpace(LossContract):
    plugin = Energy


class TestEnergyOverVariables(LossContract):
    plugin = Energy
    options: ClassVar = {"over": "variables"}


class TestEnergyOverBoth(LossContract):
    plugin = Energy
    options: ClassVar = {"over": "both", "fair": False}


class TestGaussianLikelihood(LossContract):
    plugin = GaussianLikelihood


class TestGaussianCrps(LossContract):
    plugin = GaussianCrps


class TestArea(LossWeightContract):
    plugin = Area


class TestByGrid(LossWeightContract):
    plugin = ByGrid
    options: ClassVar = {"weights": {"south": 2.0}}

    def space(self) -> LossSpace:
        space = tiny_loss_space()
        return replace(space, grid=replace(space.grid, parts=(GridPart("north", 24), GridPart("south", 24))))


class TestByLevel(LossWeightContract):
    plugin = ByLevel


class TestByVariable(LossWeightContract):
    plugin = ByVariable
    options: ClassVar = {"weights": {"tp": 0.1}, "default": 2.0}


class TestLeadDecay(LossWeightContract):
    plugin = LeadDecay


class TestMask(LossWeightContract):
    plugin = Mask
    options: ClassVar = {"field": "lsm", "variables": ["tp"]}


class TestNodeAttribute(LossWeightContract):
    plugin = NodeAttribute
    options: ClassVar = {"name": "orog"}


class TestRegionShare(LossWeightContract):
    plugin = RegionShare
    options: ClassVar = {"mask": "lsm", "share": 0.3}


class TestSteps(LossWeightContract):
    plugin = Steps
    options: ClassVar = {"weights": [1.0, 0.5, 0.25]}


class TestTendency(LossWeightContract):
    plugin = Tendency
