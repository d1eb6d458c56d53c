"""Installs a folder of wheels into a new environment that has no network, as its `INSTALL.txt` says, and uses it.

python -m release.offline FOLDER
"""

__all__ = ["main", "without_network"]

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROBE = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=2)"
UNREACHABLE = "Network is unreachable"


def without_network() -> list[str]:
    """What to put before a command so that it has no network.

    Raises:
        SystemExit: the system lets this user switch it off in no way.
    """
    if unshare := shutil.which("unshare"):
        for options in (["--net"], ["--net", "--map-root-user"]):
            prefix = [unshare, *options]
            done = subprocess.run([*prefix, sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
            if UNREACHABLE in done.stderr:
                return prefix
    sys.exit(
        "error: this system does not let you switch the network off (`unshare --net`): try it on a machine without"
    )


def main() -> None:
    """Install and use it, or say what failed."""
    folder = Path(sys.argv[1]).resolve()
    (line,) = re.findall(r"^ +(python -m pip install .*)$", (folder / "INSTALL.txt").read_text(), re.MULTILINE)
    prefix = without_network()
    with tempfile.TemporaryDirectory() as made:
        venv.create(made, with_pip=True)
        path = f"{Path(made) / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = {**os.environ, "PATH": path, "WXML_CACHE": str(Path(made) / "cache")}
        variables = {key: value for key, value in variables.items() if not key.startswith(("PIP_", "PYTHON"))}
        for command in (line.split(), ["python", "-m", "pip", "check"], ["wxml", "doctor"]):
            print(" ".join([*prefix, *command]), flush=True)
            subprocess.run([*prefix, *command], cwd=folder, env=variables, check=True)


if __name__ == "__main__":
    main()
