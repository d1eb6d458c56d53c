"""The installed distributions: their requirements, their sources, and the commands that install more."""
