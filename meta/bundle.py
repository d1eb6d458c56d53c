"""Makes a folder of wheels one that a machine without a network installs from: checksums, pins, and the line to type.

`python meta/bundle.py FOLDER` writes `SHA256SUMS`, `requirements.txt` and `INSTALL.txt` beside the wheels; `nox -s
wheelhouse` fetches and builds these before.
"""

__all__ = ["complete"]

import hashlib
import platform
import sys
from pathlib import Path

from packaging.utils import parse_wheel_filename

LINE = "python -m pip install --no-index --find-links . --require-hashes -r requirements.txt"
ABOUT = """\
wxml for a machine without a network: {count} wheels, for Python {python} on {machine}.

Copy this folder there. In it, in a new virtual environment:

    sha256sum --check --strict --quiet SHA256SUMS
    {line}

Both lines refuse a file that is not what it was. SHA256SUMS comes with this folder: compare its own checksum with
the one that its maker tells you by another way.
"""


def complete(folder: Path) -> None:
    """Write the files beside the wheels of a folder; the same wheels give the same files.

    Raises:
        ValueError: there are no wheels, or two of one package.
    """
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.whl"))}
    packages: dict[str, str] = {}
    for name, digest in digests.items():
        project, version, *_ = parse_wheel_filename(name)
        if any(line.startswith(f"{project}==") for line in packages.values()):
            raise ValueError(f"`{folder}` has two wheels of {project}, remove one of them")
        packages[name] = f"{project}=={version} --hash=sha256:{digest}"
    if not packages:
        raise ValueError(f"`{folder}` has no wheels")
    machine = f"{platform.system()} {platform.machine()}"
    python = ".".join(platform.python_version_tuple()[:2])
    texts = {
        "requirements.txt": "\n".join([*sorted(packages.values()), ""]),
        "INSTALL.txt": ABOUT.format(count=len(packages), python=python, machine=machine, line=LINE),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        digests[name] = hashlib.sha256(text.encode()).hexdigest()
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")


if __name__ == "__main__":
    complete(Path(sys.argv[1]))
