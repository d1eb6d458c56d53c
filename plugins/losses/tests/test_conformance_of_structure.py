"""The conformance kit on the losses of whole fields: spectra, scales, steps, and pairs of nodes."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from wxml import LossSpace
from wxml.testing import LossContract
from wxml.testing.tiny_graphs import tiny_region
from wxml_losses.spectral.power import AdjustedSquared, LogSpectral, PowerSpectrum, SpectralCorrelation


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
