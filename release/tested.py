"""Writes the versions of a tested environment into `constraints/`.

    python -m release.tested PYTHON

PYTHON is the interpreter of the environment, which has pip.
"""

__all__ = ["kept"]

import platform
import subprocess
import sys
from pathlib import Path

from release.manifest import read

TOOLS = ("hypothesis", "iniconfig", "pip", "pytest", "setuptools", "sortedcontainers", "wheel")
"""What runs tests and installs, and is no part of what is tested."""


def kept(frozen: str, about: str, root: Path) -> str:
    """The text of a file of constraints: what pip says of an environment, without this repository and the tools."""
    ours = {*read(root).packages, *TOOLS}
    lines = [line for line in frozen.splitlines() if "==" in line and line.partition("==")[0].lower() not in ours]
    return "\n".join([about, *(line.partition("+")[0] for line in lines), ""])


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write the file."""
    root, python = Path.cwd(), sys.argv[1]
    version = _said(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    frozen = _said(python, "-m", "pip", "freeze", "--all")
    place = f"Python {version} on {platform.system()} {platform.machine()}"
    path = root / "constraints" / f"python-{version}-tested.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(kept(frozen, f"# {place}: the environment of the wheels, by `nox -s constraints`.", root))
    print(f"wrote {path.relative_to(root)}")


if __name__ == "__main__":
    main()
