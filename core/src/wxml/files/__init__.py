"""Files that appear whole or not at all, the folder of cached files, and locks between processes."""
