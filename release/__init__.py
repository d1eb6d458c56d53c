"""What a release of the packages of this repository consists of, what it needs, and what it was tested with.

Run the modules from the root of the repository, or by `nox`: `docs/releasing.md` says when.
"""
