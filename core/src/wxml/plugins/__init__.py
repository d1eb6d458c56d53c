"""Plugins: this room finds, chooses, loads and records them."""
