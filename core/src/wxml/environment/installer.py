"""The command that installs something into this environment, with the installer that made it.

A command that is printed is meant to be pasted, so it names the interpreter if `python` is another one. A
command that is recorded for other machines does not: see `origin.install_line`.
"""

__all__ = ["editable_command", "install_command", "installer", "uninstall_command"]

import os
import sys
from typing import Literal

from wxml.environment.distributions import Environment
from wxml.environment.names import CORE

Installer = Literal["pip", "uv", "conda"]


def installer() -> Installer:
    """The program that installed wxml-core, unless this environment has no place for that program."""
    environment = Environment()
    core = environment.find(CORE)
    written = ((core and core.read_text("INSTALLER")) or "").strip().lower()
    if written == "conda" and os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return "conda"
    if written == "uv" or (environment.find("pip") is None and _made_by_uv()):
        return "uv"
    return "pip"


def install_command(*requirements: str, upgrade: bool = False, again: bool = False) -> str:
    """The command that installs requirements, such as `wxml-processor-gnn>=0.2,<0.3`, into this environment.

    Args:
        requirements: what to install.
        upgrade: take the newest version that fits.
        again: install them alone, also if the same version is installed.
    """
    names = " ".join(f"'{requirement}'" for requirement in requirements)
    which = installer()
    newest = " --upgrade" if upgrade and which != "conda" else ""  # conda updates what it is asked for
    forced = " --force-reinstall --no-deps" if again else ""
    return f"{_command(which, 'install')}{newest}{forced} {names}"


def editable_command(folder: str) -> str:
    """The command that installs the source tree `folder` as an editable package; conda has none, so pip does it."""
    import shlex

    which = installer()
    return f"{_command('pip' if which == 'conda' else which, 'install')} --editable {shlex.quote(folder)}"


def uninstall_command(distribution: str) -> str:
    """The command that removes a distribution from this environment."""
    which = installer()
    return f"{_command(which, 'remove' if which == 'conda' else 'uninstall')} {distribution}"


def _command(which: Installer, action: str) -> str:
    """The installer and its action, with an option that names this environment if another one is active."""
    import shlex
    import shutil

    if which == "conda":
        is_active = _same(os.environ.get("CONDA_PREFIX", ""), sys.prefix)
        return f"conda {action}" + ("" if is_active else f" --prefix {shlex.quote(sys.prefix)}")
    if which == "uv":
        is_active = _same(os.environ.get("VIRTUAL_ENV", ""), sys.prefix)
        return f"uv pip {action}" + ("" if is_active else f" --python {shlex.quote(sys.executable)}")
    found = shutil.which("python")
    is_this = found and _same(os.path.dirname(found), os.path.dirname(sys.executable))
    return f"{'python' if is_this else shlex.quote(sys.executable)} -m pip {action}"


def _same(first: str, second: str) -> bool:
    return bool(first) and os.path.realpath(first) == os.path.realpath(second)


def _made_by_uv() -> bool:
    """Whether uv made this virtual environment; it writes so into `pyvenv.cfg`."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            return any(line.partition("=")[0].strip() == "uv" for line in file)
    except OSError:
        return False
