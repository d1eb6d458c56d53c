"""Measures training steps: where their time and their memory go."""
