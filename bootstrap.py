"""Run nox without having it: makes a small environment for it the first time, then passes all arguments on.

python3 bootstrap.py -s demo      the main job on embedded data
python3 bootstrap.py -s check     every test
python3 bootstrap.py --list       what else there is
"""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".nox" / "bootstrap"
BIN = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")


def main() -> int:
    """Run nox; its exit code."""
    if sys.version_info < (3, 11):
        print(f"error: wxml needs Python 3.11 or newer, this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if not (BIN / "nox").exists():
        print("making an environment for nox (once, seconds)", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([BIN / "python", "-m", "pip", "install", "--quiet", "nox>=2024.3"], check=True)
    return subprocess.run([BIN / "nox", "--noxfile", HERE / "noxfile.py", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
