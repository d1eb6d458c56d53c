"""`wxml sweep`: trainings with all combinations of several values, each a process and a folder of its own."""
