"""Tasks of `noxfile.py` that have a file of their own: those about releases, and those beside other programs."""
