"""A processor for wxml that filters spherical harmonics: a spherical Fourier neural operator."""
