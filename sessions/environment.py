"""What the tasks share: the packages of this repository, and an environment with all of them."""

__all__ = ["BUILD_TOOLS", "EXTRAS", "PACKAGES", "PYTHONS", "ROOT", "WHOLE", "install_all"]

from pathlib import Path

import nox

from release.manifest import META, read

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = read(ROOT)
PYTHONS = list(MANIFEST.pythons)
PLUGINS = sorted(one.path for one in MANIFEST.packages.values() if one.path.startswith("plugins/"))
PACKAGES = ["kernels", "core", *PLUGINS]
WHOLE = {
    one.path: f"[{','.join(one.extras)}]"
    for name, one in MANIFEST.packages.items()
    if one.extras and name != META and one.path in PLUGINS
}
"""The extras that the package `wxml` brings, too."""
BUILD_TOOLS = ["build", "editables", "hatchling", "setuptools"]
EXTRAS = [
    "aiohttp",
    "distributed",
    "gcsfs",
    "icechunk",
    "pyarrow",
    "pyproj",
    "s3fs",
    "tensorboardX",
    "torch-geometric",
    "triton; sys_platform == 'linux'",
]  # what the extras of packages ask for: their tests run too


def install_all(session: nox.Session, *tools: str) -> None:
    """Every local package in one call: a plugin alone would look for wxml-core where packages are published."""
    session.log("installing torch and every package of this repository: minutes the first time")
    editable = [argument for package in PACKAGES for argument in ("-e", f"./{package}{WHOLE.get(package, '')}")]
    # Else pip makes an environment for each package to build it in, every time: 85 s of processor time instead of 15 s.
    session.install("-c", "constraints.txt", *BUILD_TOOLS)
    # Nearly all of what pip would compile is never imported; the rest is compiled when it is.
    session.install(*("--no-build-isolation", "--no-compile", "-c", "constraints.txt", "torch"), *editable, *tools)
