"""The source of a distribution, the command that installs it again, and whether its files were changed since."""

__all__ = ["install_line", "is_dirty", "is_foreign", "origin", "requirement"]

import base64
import csv
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from wxml.environment.distributions import Distribution, Environment
from wxml.environment.names import canonical_name
from wxml.masking import keeps_user, masked

NOT_CODE = ("**/__pycache__/**", "**/*.egg-info/**")
"""Files that running or installing a package leaves in its folder."""
logger = logging.getLogger("wxml")
LIMIT = 20.0  # seconds: a file system that takes longer to answer is not asked
SCP_LIKE = re.compile(r"^(?P<host>(?:[\w.-]+@)?[\w.-]+):(?!//)/?(?P<path>.+)$")


def origin(distribution: str) -> dict[str, Any]:
    """The source of a distribution, without paths of this machine or passwords.

    `kind` is `index` (a package index or a wheel of which nothing else is known), `local` (a folder; with `editable`,
    and with `url` and `commit` if it is a git work tree with a remote), `archive` (with `url` and `hash`) or a
    version-control system such as `git` (with `url` and `commit`).
    """
    direct = _direct_url(distribution)
    url = _public(str(direct.get("url", "")))
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        found = {"kind": vcs.get("vcs"), "url": url, "commit": vcs.get("commit_id")}
    elif "archive_info" in direct:
        info = direct["archive_info"]  # older installers write the hash in one piece, newer ones in a table
        hashes = (f"{algorithm}={digest}" for algorithm, digest in sorted(info.get("hashes", {}).items()))
        found = {"kind": "archive", "url": url, "hash": info.get("hash") or next(hashes, None)}
    elif "dir_info" in direct:
        return {"kind": "local", "editable": _is_editable(direct), **_published(direct)}
    else:
        return {"kind": "index"}
    found["subdirectory"] = direct.get("subdirectory")
    return {key: value for key, value in found.items() if value}


def requirement(distribution: str, version: str, source: Mapping[str, Any]) -> str:
    """The requirement with which pip installs a distribution again; without a URL, it names the version.

    >>> requirement("acme", "1.0+cu124", {"kind": "index"})
    'acme==1.0+cu124'
    """
    if "url" not in source:
        return f"{distribution}=={version}"
    kind = "git" if source["kind"] == "local" else source["kind"]
    url = source["url"] if kind == "archive" else f"{kind}+{source['url']}"
    revision = f"@{source['commit']}" if "commit" in source else ""
    folder = f"subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    fragment = "&".join(part for part in (source.get("hash", ""), folder) if part)
    return f"{distribution} @ {url}{revision}{'#' if fragment else ''}{fragment}"


def install_line(*requirements: str) -> str:
    """The command that installs some requirements on any machine that has pip."""
    return "python -m pip install " + " ".join(f"'{wanted}'" for wanted in requirements)


# The record of the installer


def _direct_url(distribution: str) -> dict[str, Any]:
    """The installer's record of the source (PEP 610); empty if there is none, or if it cannot be read."""
    installed = Environment().find(canonical_name(distribution))
    try:
        found = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_editable(direct: Mapping[str, Any]) -> bool:
    return bool(direct.get("dir_info", {}).get("editable", False))


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


# Editable packages


def _published(direct: Mapping[str, Any]) -> dict[str, str]:
    """The remote and the last commit of the folder of an editable package; empty if git does not know both."""
    if not _is_editable(direct):
        return {}
    folder = Path(unquote(urlsplit(str(direct.get("url", ""))).path))
    url = _public(_git(folder, "config", "--get", "remote.origin.url") or "")
    commit = _last_commit(folder, ".") if url else ""
    if not commit:
        return {}
    inside = (_git(folder, "rev-parse", "--show-prefix") or "").rstrip("/")
    return {"url": url, "commit": commit, **({"subdirectory": inside} if inside else {})}


# Changes


def is_dirty(distribution: str, code: Path | None) -> bool | None:
    """Whether the code of a distribution differs from the published one of its version or commit; None: unknown.

    An editable package is asked of git; of any other, the installed files are held against the hashes in its RECORD.

    Args:
        distribution: its name.
        code: the folder or file of its import package.
    """
    installed = Environment().find(canonical_name(distribution))
    if installed is None:
        return None
    if code and is_foreign(installed, code):
        return True
    if _is_editable(_direct_url(distribution)):
        return _is_changed(code) if code else None
    recorded = csv.reader((installed.read_text("RECORD") or "").splitlines())
    rows = [row[:2] for row in recorded if len(row) > 1 and _is_code(*row[:2])]
    return any(_differs(Path(str(installed.locate_file(path))), wanted) for path, wanted in rows) if rows else None


def is_foreign(installed: Distribution, code: Path) -> bool:
    """Whether code that an import finds lies outside of what a distribution has installed.

    It then shadows the distribution's own code, as a folder on PYTHONPATH does. False for a namespace package, whose
    folder belongs to several distributions, and where the distribution has installed nothing of that name: it may name
    another's code in an entry point.

    Args:
        installed: the distribution.
        code: the folder or file of the import package that is found.
    """
    if code.is_dir() and not (code / "__init__.py").is_file():
        return False
    found = os.path.realpath(code)
    if installed.editable_folder:
        return not found.startswith(os.path.realpath(installed.editable_folder) + os.sep)
    own = str(installed.locate_file(code.name))
    recorded = [row[0] for row in csv.reader((installed.read_text("RECORD") or "").splitlines()) if row]
    has_own = any(path.partition("/")[0] == code.name for path in recorded) if recorded else os.path.exists(own)
    return has_own and found != os.path.realpath(own)


def _is_code(path: str, wanted: str) -> bool:
    """Whether a row of RECORD names a file of the authors; imports write `.pyc`, the installer the other folders."""
    return bool(wanted) and not re.search(r"\.pyc$|(\.dist-info|__pycache__)/", path)


def _differs(path: Path, wanted: str) -> bool:
    """Whether a file has changed or gone since it was installed; False if Python does not know the kind of its hash.

    Args:
        path: the installed file.
        wanted: its hash in RECORD, such as `sha256=47DEQpj8…`.
    """
    kind, _, value = wanted.partition("=")
    if kind not in hashlib.algorithms_available:
        return False
    try:
        digest = hashlib.new(kind, path.read_bytes()).digest()
    except OSError:
        return True
    return base64.urlsafe_b64encode(digest).decode().rstrip("=") != value


# Git


def _is_changed(path: Path) -> bool | None:
    """Whether a folder or a file has uncommitted changes; None if git is missing or does not know it."""
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    ignored = [f":(exclude,glob){pattern}" for pattern in NOT_CODE]
    status = _git(folder, "status", "--porcelain", "--untracked-files=all", "--", name, *ignored)
    if status:
        return True
    return False if status is not None and _last_commit(folder, name) else None


def _last_commit(folder: Path, name: str) -> str:
    return _git(folder, "log", "-1", "--format=%H", "--", name) or ""


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of git; None if it fails, with a warning if it does not answer.

    It takes no lock, and looks at no other repository than the folder's.
    """
    program = shutil.which("git")
    if program is None or not folder.is_dir():
        return None
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603  # the arguments are ours
            [program, "--no-optional-locks", "-C", str(folder), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        logger.warning(
            "git has not answered about `%s` for %g s: records lack the commit of this code, or its changes",
            folder,
            LIMIT,
        )
        return None
    except (OSError, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
