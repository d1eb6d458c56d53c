"""Imports a plugin in a process of its own, to learn whether that works."""
