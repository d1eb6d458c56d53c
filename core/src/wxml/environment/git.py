"""What git knows of a folder; every answer is about the folder's own repository, and changes nothing."""

__all__ = ["git", "is_changed", "last_commit"]

import logging
import os
import shutil
import subprocess
from pathlib import Path

NOT_CODE = ("**/__pycache__/**", "**/*.egg-info/**")
"""Files that running or installing a package leaves in its folder."""
LIMIT = 20.0  # seconds: a file system that takes longer to answer is not asked
logger = logging.getLogger("wxml")


def is_changed(path: Path) -> bool | None:
    """Whether a folder or a file has uncommitted changes; None if git is missing or does not know it."""
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    ignored = [f":(exclude,glob){pattern}" for pattern in NOT_CODE]
    status = git(folder, "status", "--porcelain", "--untracked-files=all", "--", name, *ignored)
    if status:
        return True
    return False if status is not None and last_commit(folder, name) else None


def last_commit(folder: Path, name: str) -> str:
    """The last commit that changed something of this name in a folder; empty if git knows of none."""
    return git(folder, "log", "-1", "--format=%H", "--", name) or ""


def git(folder: Path, *arguments: str) -> str | None:
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
