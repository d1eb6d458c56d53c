"""What importing one plugin may not do to everybody else: write to stdout, change how torch computes."""

__all__ = ["guarded_import"]

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

logger = logging.getLogger(__name__)


class _Aside:
    """Stands in for stdout: what is written goes to stderr, because results for programs are on stdout."""

    def __init__(self) -> None:
        self.used = False

    def write(self, text: str) -> int:
        self.used = True
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextmanager
def guarded_import(provider: str) -> Iterator[None]:
    """Import something of a distribution in here.

    Args:
        provider: the distribution and its version, for a warning when it prints.

    Raises:
        ImportError: torch has another default dtype afterwards; the old one is set again.
    """
    aside, dtype = _Aside(), _default_dtype()
    try:
        with redirect_stdout(aside):
            yield
    finally:
        changed = _restore_default_dtype(dtype)
    if aside.used:
        logger.warning(
            "plugin %s prints to stdout when it is imported: that went to stderr; tell the authors of %s",
            provider,
            provider.partition(" ")[0],
        )
    if changed:
        raise ImportError(
            f"it sets torch's default dtype to {changed}, for everyone; it must pass `dtype=` where it needs that"
        )


def _default_dtype() -> Any:
    """The dtype of new tensors; None while torch is not imported."""
    torch = sys.modules.get("torch")
    return torch.get_default_dtype() if torch else None


def _restore_default_dtype(dtype: Any) -> str:
    """Set the dtype of new tensors as it was; the name of what it was set to meanwhile, empty if to nothing else."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_default_dtype"):  # torch itself failed to import
        return ""
    found, wanted = torch.get_default_dtype(), dtype or torch.float32
    if found == wanted:
        return ""
    torch.set_default_dtype(wanted)
    return str(found)
