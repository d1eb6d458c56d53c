"""Importing a plugin in a process of its own, to see whether that works."""
