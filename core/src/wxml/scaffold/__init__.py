"""A new plugin's repository, written from templates."""
