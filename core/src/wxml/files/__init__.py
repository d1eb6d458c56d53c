"""Writing beside and then renaming; the folder of cached files."""
