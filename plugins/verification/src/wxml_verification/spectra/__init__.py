"""Waves of fields: spherical harmonics, cosine series, and the waves along rows around the globe."""
