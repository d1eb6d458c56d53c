"""Reads the layers of a config, lays them over each other, and validates the result."""
