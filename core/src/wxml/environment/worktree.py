"""The git work tree that an editable package is read from: at which commit, and whether anything was changed since."""

__all__ = ["Committed", "committed", "is_changed"]

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOT_CODE = ("**/__pycache__/**", "**/*.egg-info/**")
"""What running and installing a package leaves in its folder."""
LIMIT = 20  # seconds: a file system that takes longer to answer is not asked


@dataclass(frozen=True, slots=True)
class Committed:
    """What git keeps of one folder."""

    commit: str
    """The last one that changed the folder."""
    remote: str
    """The URL of the remote `origin`, as git has it."""
    folder: str
    """The folder as seen from the top of the work tree; empty where it is the top."""


def committed(folder: Path) -> Committed | None:
    """Where others find a folder; None where git is not there, does not know the folder, or has no remote."""
    remote = _git(folder, "config", "--get", "remote.origin.url")
    commit = _last_commit(folder, ".") if remote else ""
    if not remote or not commit:
        return None
    return Committed(commit, remote, (_git(folder, "rev-parse", "--show-prefix") or "").rstrip("/"))


def is_changed(path: Path) -> bool | None:
    """Whether a folder or a file holds what no commit does; None where git is not there or does not know it."""
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    ignored = [f":(exclude,glob){pattern}" for pattern in NOT_CODE]
    status = _git(folder, "status", "--porcelain", "--untracked-files=all", "--", name, *ignored)
    if status:
        return True
    return False if status is not None and _last_commit(folder, name) else None


def _last_commit(folder: Path, name: str) -> str:
    return _git(folder, "log", "-1", "--format=%H", "--", name) or ""


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails. It takes no lock, and looks at no other repository than the folder's."""
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
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
