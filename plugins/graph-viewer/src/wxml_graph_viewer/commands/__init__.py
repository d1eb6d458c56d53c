"""The commands below `wxml graph`, one a file; each imports what it needs when it runs."""
