"""A processor for wxml that mixes the waves of a map: an adaptive Fourier neural operator."""
