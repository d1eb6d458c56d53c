"""The perturbations of core."""
