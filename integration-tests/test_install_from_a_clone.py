"""`docs/install-from-a-clone.md` says what happens: its commands are run on a copy of this repository."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "author_guide_of_clones", Path(__file__).with_name("test_author_guide.py")
)
author_guide = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = author_guide
spec.loader.exec_module(author_guide)


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "install-from-a-clone.md").read_text()


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """What git would clone."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"this is no git checkout: {listed.stderr.strip()}")
    for name in listed.stdout.splitlines():
        if name.startswith(("kernels/", "core/", "plugins/", "meta/")) and (root / name).is_file():
            target = tmp_path / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target)
    return tmp_path / "clone"


def test_every_package_is_named(page: str, root: Path) -> None:
    named = re.findall(r"--editable '?\./([^\s'\[]+)", page)
    assert named[:2] == ["kernels", "core"]
    assert named[2:] == sorted(path.parent.relative_to(root).as_posix() for path in root.glob("plugins/*/*.toml"))


@pytest.mark.slow
def test_the_page_says_what_happens(page: str, clone: Path, environment_without_wxml) -> None:
    different = []
    for step in author_guide.steps(page):
        done = environment_without_wxml.run(step.command, clone)
        if done.returncode or not step.describes(done.stdout):
            shown = "\n".join(step.expected)
            different.append(f"$ {step.command}\npage:\n{shown}\nprinted ({done.returncode}):\n{done.stdout}")
    assert not different, "\n\n".join(different)
