"""The scripts of `docs/trainings-in-batch-systems.md`, with commands of SLURM that do what the page says of them."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

TRAIN = """#!/bin/bash
echo "$*" >> calls.txt
exit $(sed -n "$(wc -l < calls.txt)p" codes.txt)
"""
COMMANDS = {
    "wxml": TRAIN,
    "srun": '#!/bin/bash\nexec "$@"\n',
    "scontrol": '#!/bin/bash\necho "scontrol $*" >> calls.txt\n',
}


def scripts(root: Path) -> dict[str, str]:
    """The heading above each script, and the script."""
    text = (root / "docs" / "trainings-in-batch-systems.md").read_text()
    return dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```bash\n(.*?)```", text, re.DOTALL | re.MULTILINE))


@pytest.fixture
def run(root: Path, tmp_path: Path):
    """Run the script of a page's part, in which each call of `wxml train` ends with one of some codes."""
    for name, text in COMMANDS.items():
        path = tmp_path / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(part: str, *codes: int) -> tuple[int, list[str]]:
        (tmp_path / "calls.txt").write_text("")
        (tmp_path / "codes.txt").write_text("".join(f"{code}\n" for code in codes))
        script = tmp_path / "job.sh"
        script.write_text(scripts(root)[part])
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "17"}
        done = subprocess.run(["bash", script], cwd=tmp_path, env=environment, check=False)
        return done.returncode, (tmp_path / "calls.txt").read_text().splitlines()

    return run


CALL = "train experiment.yaml --run-dir runs/first --resume"


@pytest.mark.parametrize(("code", "is_requeued"), [(0, False), (75, True), (2, False), (137, False)])
def test_a_job_is_queued_again_if_its_training_has_left(run, code: int, is_requeued: bool) -> None:
    assert run("SLURM", code) == (code, [CALL, *(["scontrol requeue 17"] if is_requeued else [])])


def test_a_loop_goes_on_until_the_training_has_ended(run) -> None:
    assert run("Others", 75, 75, 0) == (0, [CALL] * 3)
    assert run("Others", 75, 2) == (1, [CALL] * 2)
