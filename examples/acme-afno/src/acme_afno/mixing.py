"""The mixing of the channels of each wave on a map."""

__all__ = ["WaveMixing", "shrunk"]

import torch
from torch import Tensor, nn

from acme_afno.maps import over_the_poles

TINY = 1e-12  # the modulus of nothing has no derivative


class WaveMixing(nn.Module):
    """Takes a map apart into waves, mixes the channels of each wave by the same two layers, and puts it together.

    For the wave numbers (k, m) of a map that continues over the poles, with z the complex amplitudes of its channels:

        z'_km = S_s(W₂ S_b(W₁ z_km)),    S_t(z) = z max(|z| − t, 0) / |z|

    W₁ and W₂ are complex, one for each block of channels; b is learned for each channel, s is `sparsity`. That is the
    operator of Guibas et al. (2022, arXiv:2111.13587), but that S changes moduli alone, and that there is no bias. So
    nothing depends on the meridian from which longitudes are counted, which is in the phases of the waves.
    """

    def __init__(self, channels: int, blocks: int, sparsity: float) -> None:
        super().__init__()
        width = channels // blocks
        self.blocks, self.sparsity = blocks, sparsity
        self.first, self.second = (nn.Parameter(_complex_weights(blocks, width)) for _ in range(2))
        self.threshold = nn.Parameter(torch.zeros(blocks, width))

    def forward(self, values: Tensor) -> Tensor:
        """The mixed map, float32; both have the shape `[batch, latitude, longitude, channel]`."""
        rows, columns = values.shape[1:3]
        periodic = over_the_poles(values.float())  # there is no Fourier transform of bfloat16
        waves = torch.fft.rfft2(periodic, dim=(1, 2), norm="ortho").unflatten(-1, (self.blocks, -1))
        waves = shrunk(_mixed(waves, self.first), self.threshold)
        waves = shrunk(_mixed(waves, self.second), self.sparsity).flatten(-2)
        mixed: Tensor = torch.fft.irfft2(waves, s=(2 * rows, columns), dim=(1, 2), norm="ortho")[:, :rows]
        return mixed


def shrunk(waves: Tensor, threshold: Tensor | float) -> Tensor:
    """Complex numbers of a modulus that is smaller by `threshold`, or zero; the phase stays."""
    modulus = (waves.real.square() + waves.imag.square() + TINY).sqrt()
    less: Tensor = waves * ((modulus - threshold).relu() / modulus)
    return less


def _mixed(waves: Tensor, weights: Tensor) -> Tensor:
    """The waves `[…, block, channel]` times the complex matrix of each block."""
    mixed: Tensor = torch.einsum("...bi,bio->...bo", waves, torch.view_as_complex(weights))
    return mixed


def _complex_weights(blocks: int, width: int) -> Tensor:
    """Weights that keep the size of a wave: real and imaginary parts, `[block, channel in, channel out, 2]`."""
    weights: Tensor = torch.randn(blocks, width, width, 2) / (2 * width) ** 0.5
    return weights
