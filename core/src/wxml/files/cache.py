"""Where wxml keeps what it can make again."""

__all__ = ["cache_folder"]

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$WXML_CACHE`, else `$XDG_CACHE_HOME/wxml`, else `~/.cache/wxml`; perhaps not there yet."""
    if chosen := os.environ.get("WXML_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wxml"
