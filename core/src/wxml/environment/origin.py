"""The source of a distribution and the command that installs it again, from what the installer wrote down."""

__all__ = ["caution", "install_line", "origin", "requirement"]

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from wxml.environment.changes import is_foreign
from wxml.environment.distributions import Distribution, Environment
from wxml.environment.git import git, last_commit
from wxml.environment.names import CORE, canonical_name
from wxml.environment.release_index import released_plugins
from wxml.masking import has_mask, keeps_user, masked

SCP_LIKE = re.compile(r"^(?P<host>(?:[\w.-]+@)?[\w.-]+):(?!//)/?(?P<path>.+)$")
PLAIN = re.compile(r"[\w.+-]+")
"""A name that can stand in a command as it is."""


def origin(distribution: str, code: Path | None = None) -> dict[str, Any]:
    """The source of a distribution, without paths of this machine or passwords.

    `kind` is `index` (a package index, of which installers write down nothing), `local` (a folder; with `editable`,
    and with `url` and `commit` if it is an editable git work tree with a remote), `archive` (with `url`, or with `file`
    if it lay on this machine, and `hash`), a version-control system such as `git` (with `url` and `commit`), or
    `shadow` (a folder with other code, which an import finds in place of what was installed). `folder` is the name of
    a folder of this machine, without its path.

    Args:
        distribution: its name.
        code: the folder or file of its import package, as an import finds it.
    """
    installed = Environment.now().find(canonical_name(distribution))
    if installed and code and is_foreign(installed, code):
        return {"kind": "shadow", **_folder(code.parent)}
    direct = _direct_url(installed)
    address = str(direct.get("url", ""))
    found: dict[str, Any]
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        found = {"kind": vcs.get("vcs"), "url": _public(address), "commit": vcs.get("commit_id")}
    elif "archive_info" in direct:
        info = direct["archive_info"]  # older installers write the hash in one piece, newer ones in a table
        hashes = (f"{algorithm}={digest}" for algorithm, digest in sorted(info.get("hashes", {}).items()))
        digest = info.get("hash") or next(hashes, None)
        found = {"kind": "archive", "url": _public(address), "hash": digest}
        found["file"] = "" if found["url"] else _last_name(address)
    elif "dir_info" in direct:
        folder, editable = Path(unquote(urlsplit(address).path)), bool(direct["dir_info"].get("editable", False))
        return {"kind": "local", "editable": editable, **(_folder(folder) if editable else _named(folder))}
    else:
        return {"kind": "index"}
    found["subdirectory"] = direct.get("subdirectory")
    return {key: value for key, value in found.items() if value}


def requirement(distribution: str, version: str, source: Mapping[str, Any]) -> str:
    """What pip installs a distribution from again; with neither a URL nor a file or folder, its name and version.

    >>> requirement("acme", "1.0+cu124", {"kind": "index"})
    'acme==1.0+cu124'
    >>> requirement("acme", "1.0", {"kind": "archive", "file": "acme-1.0-py3-none-any.whl"})
    './acme-1.0-py3-none-any.whl'
    """
    if source.get("kind") == "shadow" or "url" not in source:
        place = source.get("file") or (source.get("folder") if source.get("kind") == "local" else "")
        named = f"{distribution}=={version}" if version else distribution
        return f"./{place}" if place else named
    kind = "git" if source["kind"] == "local" else source["kind"]
    url = source["url"] if kind == "archive" else f"{kind}+{source['url']}"
    revision = f"@{source['commit']}" if "commit" in source else ""
    folder = f"subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    fragment = "&".join(part for part in (source.get("hash", ""), folder) if part)
    return f"{distribution} @ {url}{revision}{'#' if fragment else ''}{fragment}"


def caution(distribution: str, source: Mapping[str, Any]) -> str:
    """Why the command of `requirement` alone may not bring back what was installed, in words; empty if it does.

    A bare name is safe only for the packages of wxml's own release: anybody may register any other at a public index.
    """
    kind, at = source.get("kind"), f" at commit {source['commit']}" if source.get("commit") else ""
    folder = f"the folder `{source['folder']}`" if source.get("folder") else "a folder"
    if kind == "shadow":
        return f"an import found {folder}{at} in place of what was installed: no command brings that back"
    if "url" in source:
        lost = "its address had a password or token, which was taken out: write it in again"
        return lost if has_mask(str(source["url"])) else ""
    if kind == "archive":
        digest = f" with {source['hash']}" if source.get("hash") else ""
        return f"installed from a file{digest}: put this file into the folder where you type the command"
    if kind == "local":
        return f"installed from {folder}{at}: put it into the folder where you type the command"
    released = {CORE, *(plugin.distribution for plugin in released_plugins() if plugin.version)}
    if canonical_name(distribution) in released:
        return ""
    return "no installer writes down the index: if the package is private, name its index with --index-url"


def install_line(*requirements: str) -> str:
    """The command that installs some requirements on any machine that has pip."""
    return "python -m pip install " + " ".join(f"'{wanted}'" for wanted in requirements)


# The record of the installer


def _direct_url(installed: Distribution | None) -> dict[str, Any]:
    """The installer's record of the source (PEP 610); empty if there is none, or if it cannot be read."""
    try:
        found = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _public(url: str) -> str:
    """A URL without secrets, and without its user unless it is ssh; empty if it points into this machine."""
    if match := SCP_LIKE.match(url):
        url = f"ssh://{match['host']}/{match['path']}"
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        return ""
    user, _, host = parts.netloc.rpartition("@")
    name = f"{user.partition(':')[0]}@" if user and keeps_user(parts.scheme) else ""
    return masked(urlunsplit(parts._replace(netloc=name + host)))


# Files and folders of this machine


def _last_name(address: str) -> str:
    """The name of a file or folder without its path; empty if it cannot stand in a command."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return name if PLAIN.fullmatch(name) else ""


def _named(folder: Path) -> dict[str, str]:
    name = _last_name(folder.as_posix())
    return {"folder": name} if name else {}


def _folder(folder: Path) -> dict[str, str]:
    """The name of a folder, and its last commit; with its remote, if git knows one, in place of the name."""
    commit = last_commit(folder, ".")
    url = _public(git(folder, "config", "--get", "remote.origin.url") or "") if commit else ""
    if not url:
        return {**_named(folder), **({"commit": commit} if commit else {})}
    inside = (git(folder, "rev-parse", "--show-prefix") or "").rstrip("/")
    return {"url": url, "commit": commit, **({"subdirectory": inside} if inside else {})}
