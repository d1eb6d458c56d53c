"""Describes a dataset, or the source of a recipe: as facts, as text, and as one page with pictures."""
