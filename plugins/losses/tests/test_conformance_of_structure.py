"""The conformance kit on the losses of whole fields: spectra, scales, steps, and pairs of nodes."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from wxml import LossSpace
from wxml.testing import LossContract
from wxml.testing.tiny_graphs import tiny_region
from wxml_losses.graph.edges import GraphEdgeCrps, GraphVariogram
from wxml_losses.graph.energy import GraphEdgeEnergy, GraphEnergy
from wxml_losses.multi_scale import MultiScale
from wxml_losses.spectral.ensemble import SpectralCrps
from wxml_losses.spectral.power import AdjustedSquared, LogSpectral, PowerSpectrum, SpectralCorrelation
from wxml_losses.time_aggregate import TimeAggregate


class OnARegion(LossContract):
    """The checks on 4 × 5 nodes of a limited area."""

    __test__ = False

    def space(self) -> LossSpace:
        grid = tiny_region()
        return replace(super().space(), grid=grid, is_forecast=np.ones(len(grid), bool))


class TestAmse(LossContract):
    plugin = AdjustedSquared


class TestAmseWithOptions(LossContract):
    plugin = AdjustedSquared
    options: ClassVar = {"transform": "sht", "truncation": 3, "wavenumber_weights": {0: 0.5, 3: 2.0}, "floor": 1e-6}


class TestAmseOfAFourierSeries(OnARegion):
    __test__ = True
    plugin = AdjustedSquared
    options: ClassVar = {"transform": "fft2d"}


class TestAmseOfACosineSeries(OnARegion):
    __test__ = True
    plugin = AdjustedSquared
    options: ClassVar = {"transform": "dct2d"}


class TestSpectrum(LossContract):
    plugin = PowerSpectrum


class TestLogSpectral(LossContract):
    plugin = LogSpectral


class TestLogSpectralOfWaves(OnARegion):
    __test__ = True
    plugin = LogSpectral
    options: ClassVar = {"per": "wave"}


class TestSpectralCorrelation(LossContract):
    plugin = SpectralCorrelation


class TestSpectralCorrelationOfWavenumbers(OnARegion):
    __test__ = True
    plugin = SpectralCorrelation
    options: ClassVar = {"per": "wavenumber"}


class TestMultiScale(LossContract):
    plugin = MultiScale
    options: ClassVar = {"scales": [3000, 1500], "scale_weights": [1.0, 0.5, 2.0]}


class TestMultiScaleOfAnotherLoss(OnARegion):
    __test__ = True
    plugin = MultiScale
    options: ClassVar = {"scales": [800], "loss": {"plugin": "amse", "transform": "fft2d"}}


class TestTimeAggregate(LossContract):
    plugin = TimeAggregate


class TestTimeAggregateOfAnotherLoss(LossContract):
    plugin = TimeAggregate
    options: ClassVar = {"aggregates": ["max", "diff"], "loss": {"plugin": "multi-scale", "scales": [2000]}}


class TestGraphEnergy(LossContract):
    plugin = GraphEnergy


class TestGraphEnergyWithOptions(OnARegion):
    __test__ = True
    plugin = GraphEnergy
    options: ClassVar = {"neighbours": 3, "normalised": False, "fair": False}


class TestGraphEdgeEnergy(LossContract):
    plugin = GraphEdgeEnergy


class TestGraphVariogram(LossContract):
    plugin = GraphVariogram


class TestGraphVariogramOfRoots(OnARegion):
    __test__ = True
    plugin = GraphVariogram
    options: ClassVar = {"p": 0.5, "fair": False, "neighbours": 4}


class TestGraphEdgeCrps(LossContract):
    plugin = GraphEdgeCrps


class TestSpectralCrps(LossContract):
    plugin = SpectralCrps


class TestSpectralCrpsOfModuli(OnARegion):
    __test__ = True
    plugin = SpectralCrps
    options: ClassVar = {"of": "moduli", "fairness": 1.0}


class TestMultiScaleOfAnEnsemble(LossContract):
    plugin = MultiScale
    options: ClassVar = {"scales": [2000], "loss": {"plugin": "crps"}}


class TestTimeAggregateOfAnEnsemble(LossContract):
    plugin = TimeAggregate
    options: ClassVar = {"loss": {"plugin": "spectral-crps"}}
