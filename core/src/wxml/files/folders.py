"""The folders of wxml on a machine: the cache, and the config of the institution and of the user."""

__all__ = ["SITE_VARIABLE", "cache_folder", "site_config", "site_folder", "user_folder"]

import logging
import os
from functools import cache
from pathlib import Path

logger = logging.getLogger("wxml")

SITE_VARIABLE = "WXML_SITE_CONFIG"
"""The environment variable that names the institution's folder, or a config file in it."""
SITE_FOLDER = "/etc/wxml"
NOWHERE = os.path.join(os.devnull, "wxml")
"""The folder of a user without a home: nobody, not even root, can make it."""


def cache_folder() -> Path:
    """The folder of files that wxml can make again: `$WXML_CACHE`, else the user's cache folder; it may not exist yet.

    The user's cache folder is `~/.cache/wxml` on Linux. A user without a home has a folder that cannot be made.
    """
    return Path(os.environ.get("WXML_CACHE") or _user_cache())


@cache
def _user_cache() -> str:
    import platformdirs

    try:
        return platformdirs.user_cache_dir("wxml", appauthor=False)
    except (RuntimeError, KeyError):  # neither $HOME nor an entry in the list of users
        logger.warning("this user has no home folder, so nothing is kept for the next run; set WXML_CACHE to a folder")
        return NOWHERE


def site_config() -> str:
    """The institution's folder or file: `$WXML_SITE_CONFIG`, else `/etc/wxml`; it may not exist."""
    return os.environ.get(SITE_VARIABLE) or SITE_FOLDER


def site_folder() -> str:
    """The institution's folder, also if `$WXML_SITE_CONFIG` names a file in it."""
    named = site_config()
    return named if os.path.isdir(named) or named == SITE_FOLDER else os.path.dirname(named)


def user_folder() -> str:
    """The user's folder: on Linux `$XDG_CONFIG_HOME/wxml`, else `~/.config/wxml`; it may not exist.

    A user without a home has a folder that cannot be made.
    """
    import platformdirs

    try:
        return platformdirs.user_config_dir("wxml", appauthor=False)
    except (RuntimeError, KeyError):
        return NOWHERE
