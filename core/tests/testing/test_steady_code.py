"""Code that is assumed to be steady is asked about once; any other, each time."""

import json
import os
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

INSTALLED = """
from wxml.environment.distributions import Environment
from wxml.testing.steady_code import assume_steady

def copies():
    return [Environment().find(name) for name in ("torch", "acme")]

before = copies()
assume_steady([])
first, second = copies(), copies()
assert [one is other for one, other in zip(first, second)] == [True, False]
assert [one.version for one in before] == [one.version for one in second]
"""


def test_metadata_of_what_is_installed_are_read_once_and_those_elsewhere_each_time(tmp_path: Path) -> None:
    (tmp_path / "acme-1.0.dist-info").mkdir()
    (tmp_path / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", INSTALLED], env=variables, check=True, timeout=600)


def test_the_first_answer_about_steady_code_holds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    first_steady, first_other, steady, other = map(json.loads, done.stdout.splitlines())
    assert steady == first_steady
    assert all(before != after for before, after in zip(first_other, other, strict=True))
    assert first_steady[0].startswith("sha256:")
