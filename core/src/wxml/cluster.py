"""A client of a cluster of dask's `distributed`, whose loss is told in one sentence."""

__all__ = ["cluster_client"]

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wxml.errors import ArtefactError


@contextmanager
def cluster_client(address: str, *, package: str, again: str) -> Iterator[Any]:
    """A `distributed.Client`, while the context lasts; what it logs of a lost connection is left out.

    Args:
        address: of the scheduler, like `tcp://host:8786`.
        package: what is installed to get the library: a distribution with its extra.
        again: how the work goes on once the cluster runs again, as a half of a sentence.

    Raises:
        ArtefactError: the library is not installed, no scheduler answers, or it or too many workers have died.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError as error:
        fix = f"python -m pip install '{package}'"
        raise ArtefactError("`--scheduler` needs the package distributed, which is not installed", fix=fix) from error
    with _quietly():
        try:
            with Client(address) as client:
                yield client
        except (KilledWorker, FutureCancelledError, OSError, TimeoutError) as error:
            if isinstance(error, ArtefactError):
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ArtefactError(
                f"the cluster at {address} did not finish the work: {reason}", fix=f"see whether it runs, {again}"
            ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the client logs of a lost connection: it has tracebacks, and the error says the same."""
    theirs = logging.getLogger("distributed.client")
    before, theirs.disabled = theirs.disabled, True
    try:
        yield
    finally:
        theirs.disabled = before
