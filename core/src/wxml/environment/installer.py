"""The command that installs something into this environment, with the installer that made it.

A command that is printed is meant to be pasted, so it names the interpreter where `python` is another one. What is
recorded for other machines does not: see `origin.install_line`.
"""

__all__ = ["install_command", "installer", "uninstall_command"]

import os
import shlex
import shutil
import sys
from typing import Literal

from wxml.environment.distributions import Environment
from wxml.environment.names import CORE

Installer = Literal["pip", "uv", "conda"]


def installer() -> Installer:
    """The program that installed wxml-core, unless this environment has no place for that program."""
    environment = Environment()
    core = environment.find(CORE)
    written = core.read_text("INSTALLER").strip().lower() if core else ""
    if written == "conda" and os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return "conda"
    if written == "uv" or (environment.find("pip") is None and _made_by_uv()):
        return "uv"
    return "pip"


def install_command(*requirements: str, upgrade: bool = False) -> str:
    """What to type to install some requirements, such as `wxml-processor-gnn>=0.1,<0.2`, into this environment."""
    names = " ".join(f"'{requirement}'" for requirement in requirements)
    which = installer()
    if which == "conda":
        return f"conda install{_conda_prefix()} {names}"  # it updates what it is asked for
    return f"{_program(which)} install {'--upgrade ' if upgrade else ''}{_uv_target(which)}{names}"


def uninstall_command(distribution: str) -> str:
    """What to type to remove a distribution from this environment."""
    which = installer()
    if which == "conda":
        return f"conda remove{_conda_prefix()} {distribution}"
    return f"{_program(which)} uninstall {_uv_target(which)}{distribution}"


def _program(which: Installer) -> str:
    return "uv pip" if which == "uv" else f"{_python()} -m pip"


def _uv_target(which: Installer) -> str:
    """The option of uv, which installs into the active environment unless it is told which."""
    active = os.environ.get("VIRTUAL_ENV", "")
    return f"--python {shlex.quote(sys.executable)} " if which == "uv" and not _same(active, sys.prefix) else ""


def _conda_prefix() -> str:
    active = os.environ.get("CONDA_PREFIX", "")
    return "" if _same(active, sys.prefix) else f" --prefix {shlex.quote(sys.prefix)}"


def _python() -> str:
    """`python` where that is this interpreter, else its path."""
    found = shutil.which("python")
    here = os.path.dirname(sys.executable)
    return "python" if found and _same(os.path.dirname(found), here) else shlex.quote(sys.executable)


def _same(first: str, second: str) -> bool:
    return bool(first) and os.path.realpath(first) == os.path.realpath(second)


def _made_by_uv() -> bool:
    """Whether uv made this virtual environment; it writes so into `pyvenv.cfg`."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            return any(line.partition("=")[0].strip() == "uv" for line in file)
    except OSError:
        return False
