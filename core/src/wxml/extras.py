"""Libraries that a package works without until something is asked for that needs them."""

__all__ = ["libraries_of_extra"]

from collections.abc import Iterator
from contextlib import contextmanager

from wxml.errors import DataError


@contextmanager
def libraries_of_extra(extra: str, distribution: str, *, what: str) -> Iterator[None]:
    """Import libraries in this context, and it says what to install where one is missing.

    Args:
        extra: the extra that brings the libraries.
        distribution: the distribution that declares the extra.
        what: what needs them, as the subject of a sentence.

    Raises:
        DataError: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise DataError(
            f"{what} needs the package {package}, which is not installed",
            fix=f"install the extra `{extra}` of {distribution}",
        ) from error
