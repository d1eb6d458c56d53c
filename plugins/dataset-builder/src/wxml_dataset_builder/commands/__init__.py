"""The commands below `wxml dataset`, one a file; each imports what it needs when it runs."""
