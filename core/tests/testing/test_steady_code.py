"""Code that is assumed to be steady is asked about once; any other, each time."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json
import subprocess
import sys
from pathlib import Path
from wxml.environment.git import last_commit
from wxml.plugins import lock
from wxml.testing.steady_code import assume_steady

folder = Path(sys.argv[1])
(folder / "steady").mkdir()
(folder / "other").mkdir()
assume_steady([folder / "steady"])
subprocess.run(["git", "-C", str(folder), "init", "-q"], check=True)
for content in ("1", "2"):
    for name in ("steady", "other"):
        (folder / name / "code.py").write_text(content)
        print(json.dumps([lock.tree_hash(folder / name), last_commit(folder / name, ".")]))
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), "add", "."], check=True)
    subprocess.run(["git", "-C", str(folder), *name, "commit", "-q", "-m", "x"], check=True)
"""


def test_the_first_answer_about_steady_code_holds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    first_steady, first_other, steady, other = map(json.loads, done.stdout.splitlines())
    assert steady == first_steady
    assert all(before != after for before, after in zip(first_other, other, strict=True))
    assert first_steady[0].startswith("sha256:")
