"""Where a distribution came from, and the command that installs it from there again."""

__all__ = ["install_line", "origin"]

import json
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit, urlunsplit


def origin(distribution: str) -> dict[str, Any]:
    """The source of a distribution, without paths of this machine or passwords.

    `kind` is `index` (a package index or a wheel of which nothing else is known), `local` (a folder; with `editable`),
    `archive` (with `url` and `hash`) or a version-control system such as `git` (with `url` and `commit`).
    """
    direct = _direct_url(distribution)
    url = _public(str(direct.get("url", "")))
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        found = {"kind": vcs.get("vcs"), "url": url, "commit": vcs.get("commit_id")}
    elif "archive_info" in direct:
        found = {"kind": "archive", "url": url, "hash": direct["archive_info"].get("hash")}
    elif "dir_info" in direct:
        return {"kind": "local", "editable": bool(direct["dir_info"].get("editable", False))}
    else:
        return {"kind": "index"}
    found["subdirectory"] = direct.get("subdirectory")
    return {key: value for key, value in found.items() if value}


def install_line(distribution: str, version: str, source: dict[str, Any]) -> str:
    """The command that installs a distribution again; what came from a folder is asked for by its version."""
    if "url" not in source:
        return f"python -m pip install '{distribution}=={version}'"
    url = source["url"] if source["kind"] == "archive" else f"{source['kind']}+{source['url']}"
    revision = f"@{source['commit']}" if "commit" in source else ""
    folder = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    return f"python -m pip install '{distribution} @ {url}{revision}{folder}'"


def _direct_url(distribution: str) -> dict[str, Any]:
    """What the installer wrote down (PEP 610); empty where it did not, or where that cannot be read."""
    try:
        found = json.loads(metadata.distribution(distribution).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _public(url: str) -> str:
    """A URL without user and password; empty where it points into this machine."""
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
