"""Keeps a small checkpoint of each model family of this release, and what it forecasts, in `checkpoints/`.

`python integration-tests/keep_checkpoints.py` trains those of `checkpoints/families.yaml` that are not there yet, for
the release of `release-manifest.toml`; with `--check` it only names them, and ends with 1 if there are any. Whoever
releases runs it with the versions that are to be published; `test_old_artefacts.py` then holds every later version
against what is kept. Nothing that is there is written over.
"""

__all__ = ["FOLDER", "Family", "absent", "families", "keep", "main", "releases"]

import argparse
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version
from wxml.cli import group

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).with_name("checkpoints")
SUFFIXES = (".nc", ".safetensors")
"""What is kept of each: a forecast and, moved last, the checkpoint."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models, the first release that has it, and the config of a small one."""

    name: str
    since: Version
    config: dict[str, Any]


def merged(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A config with changes: another plugin comes with options of its own, and null takes a key out."""
    result = dict(tree)
    for key, change in changes.items():
        old = result.get(key)
        deeper = isinstance(old, dict) and isinstance(change, dict) and "plugin" not in change
        result[key] = merged(old, change) if deeper else change
    return {key: value for key, value in result.items() if value is not None}


def families() -> list[Family]:
    """Those of `families.yaml`."""
    text = yaml.safe_load((FOLDER / "families.yaml").read_text(encoding="utf-8"))
    return [
        Family(name, Version(about["since"]), merged(text["world"], about.get("changes", {})))
        for name, about in text["families"].items()
    ]


def releases() -> list[str]:
    """The versions of the package `wxml`, the last of which is the one that is being worked on."""
    release = tomllib.loads((ROOT / "release-manifest.toml").read_text(encoding="utf-8"))["release"]["version"]
    changes = (ROOT / "meta" / "CHANGELOG.md").read_text(encoding="utf-8")
    found = {*re.findall(r"^## (\d\S*)", changes, re.MULTILINE), release}
    return sorted((one for one in found if Version(one) <= Version(release)), key=Version)


def absent(release: str, folder: Path = FOLDER) -> list[Family]:
    """The families that a release has and of which something is not kept."""
    return [
        family
        for family in families()
        if family.since <= Version(release)
        and not all((folder / f"{release}-{family.name}{suffix}").is_file() for suffix in SUFFIXES)
    ]


def keep(family: Family, release: str, folder: Path = FOLDER) -> None:
    """Train a small model of a family, forecast with it, and put both where they stay."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".keep-") as made, chdir(made):
        Path("experiment.yaml").write_text(yaml.safe_dump(family.config), encoding="utf-8")
        group.main(["train", "experiment.yaml", "--run-dir", "run"], standalone_mode=False)
        group.main(["forecast", "run/checkpoint.safetensors", "-o", "forecast.nc"], standalone_mode=False)
        for suffix, path in zip(SUFFIXES, ("forecast.nc", "run/checkpoint.safetensors"), strict=True):
            os.replace(path, folder / f"{release}-{family.name}{suffix}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only name the families of which nothing is kept")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are kept")
    chosen = parser.parse_args(arguments)
    release, folder = releases()[-1], chosen.folder.resolve()
    for family in (missing := absent(release, folder)):
        if not chosen.check:
            keep(family, release, folder)
        print(f"{release} {family.name}: {'not kept' if chosen.check else 'kept'}")
    return int(chosen.check and bool(missing))


if __name__ == "__main__":
    sys.exit(main())
