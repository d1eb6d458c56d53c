"""The folder of files that wxml can make again."""

__all__ = ["cache_folder"]

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder `$WXML_CACHE`, else the user's cache folder, on Linux `~/.cache/wxml`; it may not exist yet."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("WXML_CACHE") or user_cache_path("wxml", appauthor=False))
