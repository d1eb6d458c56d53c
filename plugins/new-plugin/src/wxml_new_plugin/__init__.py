"""Writes the repository of a new plugin from templates: the command `wxml new-plugin`."""
