"""The folders of the config of an institution and of a user."""

__all__ = ["SITE_VARIABLE", "site_config", "site_folder", "user_folder"]

import os

SITE_VARIABLE = "WXML_SITE_CONFIG"
SITE_FOLDER = "/etc/wxml"


def site_config() -> str:
    """The institution's folder or file: `$WXML_SITE_CONFIG`, else `/etc/wxml`; it may not exist."""
    return os.environ.get(SITE_VARIABLE) or SITE_FOLDER


def site_folder() -> str:
    """The institution's folder, also where `$WXML_SITE_CONFIG` names a file in it."""
    named = site_config()
    return named if os.path.isdir(named) or named == SITE_FOLDER else os.path.dirname(named)


def user_folder() -> str:
    """The user's folder: on Linux `$XDG_CONFIG_HOME/wxml`, else `~/.config/wxml`; it may not exist."""
    import platformdirs

    return platformdirs.user_config_dir("wxml", appauthor=False)
