"""Whether the code of a distribution is what was installed or committed, and whether an import finds other code."""

__all__ = ["is_dirty", "is_foreign"]

import base64
import csv
import hashlib
import os
import re
from pathlib import Path

from wxml.environment.distributions import Distribution, Environment
from wxml.environment.git import is_changed
from wxml.environment.names import canonical_name


def is_dirty(distribution: str, code: Path | None) -> bool | None:
    """Whether the code of a distribution differs from the published one of its version or commit; None: unknown.

    An editable package is asked of git; of any other, the installed files are held against the hashes in its RECORD.

    Args:
        distribution: its name.
        code: the folder or file of its import package.
    """
    installed = Environment.now().find(canonical_name(distribution))
    if installed is None:
        return None
    if code and is_foreign(installed, code):
        return True
    if installed.editable_folder:
        return is_changed(code) if code else None
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
