"""The error for data that were written again while a source had them open."""

__all__ = ["written_again"]

from wxml.errors import DataError


def written_again(path: str) -> DataError:
    """The error for a file or store on this machine whose content may be another one than when it was found."""
    return DataError(
        f"`{path}` was written again while it was in use",
        fix="start again: what opens the file now reads what is in it now",
    )
