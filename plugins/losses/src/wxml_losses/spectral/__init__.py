"""Losses of spectra, and the transforms that they need: spherical harmonics, and Fourier and cosine series."""
