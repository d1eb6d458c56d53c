"""Brings the weights of a model that was trained with Anemoi into a checkpoint: the command `wxml import-anemoi`."""
