"""The folders of wxml on a machine: the cache, and the config of the institution and of the user."""

__all__ = ["SITE_VARIABLE", "cache_folder", "site_config", "site_folder", "user_folder"]

import os
from pathlib import Path

SITE_VARIABLE = "WXML_SITE_CONFIG"
"""The environment variable that names the institution's folder, or a config file in it."""
SITE_FOLDER = "/etc/wxml"


def cache_folder() -> Path:
    """The folder of files that wxml can make again: `$WXML_CACHE`, else the user's cache folder; it may not exist yet.

    The user's cache folder is `~/.cache/wxml` on Linux.
    """
    from platformdirs import user_cache_path

    return Path(os.environ.get("WXML_CACHE") or user_cache_path("wxml", appauthor=False))


def site_config() -> str:
    """The institution's folder or file: `$WXML_SITE_CONFIG`, else `/etc/wxml`; it may not exist."""
    return os.environ.get(SITE_VARIABLE) or SITE_FOLDER


def site_folder() -> str:
    """The institution's folder, also if `$WXML_SITE_CONFIG` names a file in it."""
    named = site_config()
    return named if os.path.isdir(named) or named == SITE_FOLDER else os.path.dirname(named)


def user_folder() -> str:
    """The user's folder: on Linux `$XDG_CONFIG_HOME/wxml`, else `~/.config/wxml`; it may not exist."""
    import platformdirs

    return platformdirs.user_config_dir("wxml", appauthor=False)
