import dataclasses
import json
import os
import subprocess
import sys

import pytest
from wxml.plugins.catalog import PluginRecord, scan
from wxml.plugins.probe.parent import probe

CRASH = "import ctypes\nctypes.string_at(0)\n"
ENDLESS = "while True: pass\n"
ASLEEP = "import time\ntime.sleep(600)\n"
CHILD = """
import time
file = open({pipe!r}, "w")
print("begun", file=file, flush=True)
time.sleep(600)
print("survived", file=file)
"""
PARENT = "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(600)\n"
HOOKS = "from wxml import hookimpl\n@hookimpl\ndef {signature}: ...\n"
LIMIT = 600.0


def probed(name: str, timeout: float = LIMIT) -> PluginRecord:
    """The one plugin of a distribution, after it was tried."""
    (record,) = probe([record for record in scan().records if record.distribution == name], timeout)
    return record


def test_a_good_plugin_keeps_its_status_though_it_prints(site) -> None:
    noise = "print('{}')\nimport os\nos.write(1, b'noise')\n"
    site.trainer("acme", "acme_x", noise + (trainer_code := site_code()))
    assert probed("acme").status == "ok"
    site.trainer("other", "other_x", trainer_code)
    assert {record.status for record in probe(scan().select("trainer"), LIMIT) if record.name == "it"} == {"conflict"}


def site_code() -> str:
    return (
        "from wxml.training.trainer import Trainer\n"
        "class Plugin(Trainer):\n    def fit(self, experiment, run_dir, *, resume=False): ...\n"
    )


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import nowhere_at_all\n", "failed to import: No module named 'nowhere_at_all'"),
        ("x = (\n", "failed to import: SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(3)\n", "failed to import: it called sys.exit(3)"),
        ("import os\nos._exit(0)\n", "its import ended the process with exit code 0"),
        ("import os\nos._exit(7)\n", "its import ended the process with exit code 7"),
        ("raise KeyboardInterrupt\n", "it raised KeyboardInterrupt when it was imported"),
        (CRASH, "its import was ended by SIGSEGV"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "its import was ended by SIGKILL"),
        ("class Plugin: ...\n", "is not a subclass of wxml.training.trainer.Trainer"),
        (
            site_code().replace("    def fit", "    def __init__(self, *, steps) -> None: ...\n    def fit"),
            "cannot be read: option 'steps' has no annotation",
        ),
    ],
)
def test_whatever_a_plugin_does_is_a_status_with_its_cause(site, code, problem) -> None:
    site.trainer("acme", "acme_x", code)
    record = probed("acme")
    assert record.status == "broken"
    assert problem in record.problem


@pytest.mark.parametrize("code", [ENDLESS, ASLEEP])
def test_an_import_without_end_is_ended(site, code) -> None:
    site.trainer("acme", "acme_x", code)
    assert probed("acme", 0.5).problem == "it was not imported within 0.5 s"


def test_what_an_import_has_started_is_ended_with_it(site, tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    site.trainer("acme", "acme_x", PARENT.format(child=CHILD.format(pipe=str(pipe))))
    said, seconds = "", 0.5
    while not said and seconds < LIMIT:  # on a busy machine it takes longer until the import begins
        seconds *= 2
        with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as reading:
            assert probed("acme", seconds).problem == f"it was not imported within {seconds:g} s"
            os.set_blocking(reading.fileno(), True)
            said = reading.read()  # until nobody holds the other end
    assert said == "begun\n"


TRYING = """
from wxml.plugins.catalog import scan
from wxml.plugins.probe.parent import probe
probe([record for record in scan().records if record.distribution == "acme"], 600)
"""
ANNOUNCED = "import os, sys\nfile = os.open({pipe!r}, os.O_WRONLY)\nos.write(file, b'begun')\n"
FORKED = "if os.fork() == 0:\n    os.close(0)\n"
REGEX = "import re\nre.match('(a*)*b', 'a' * 60)\n"
"""A loop of C code that does not let other threads run."""


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
@pytest.mark.parametrize("code", [ENDLESS, ASLEEP, FORKED + ASLEEP, REGEX], ids=["busy", "asleep", "forked", "C"])
def test_a_process_that_tries_a_plugin_ends_with_its_parent(site, tmp_path, code) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    site.trainer("acme", "acme_x", ANNOUNCED.format(pipe=str(pipe)) + code)
    variables = {**os.environ, "PYTHONPATH": str(site.folder)}
    with subprocess.Popen([sys.executable, "-c", TRYING], env=variables) as parent, pipe.open("rb") as reading:
        assert reading.read(5) == b"begun"
        parent.kill()
        assert reading.read() == b"", "nobody holds the other end any more"


@pytest.mark.parametrize(
    ("entry_points", "code", "problem"),
    [
        ("[wxml.commands]\nit = acme_x:tool\n", "import click\n@click.command()\ndef tool(): ...\n", ""),
        ("[wxml.commands]\nit = acme_x:tool\n", "tool = 3\n", "`acme_x:tool` is not a click command"),
        ("[wxml.hooks]\nit = acme_x\n", HOOKS.format(signature="wxml_run_started(run_dir)"), ""),
        (
            "[wxml.hooks]\nit = acme_x\n",
            HOOKS.format(signature="wxml_run_startd(run_dir)"),
            "has hooks that do not fit",
        ),
        ("[wxml.hooks]\nit = acme_x\n", HOOKS.format(signature="wxml_run_started(nonsense)"), "hooks that do not fit"),
        ("[wxml.hooks]\nit = acme_x\n", "1 / 0\n", "ZeroDivisionError"),
        ("[wxml.presets]\nit = acme_x.presets\n", "", "`acme_x.presets` is no folder of an installed package"),
    ],
)
def test_every_kind_is_tried_in_its_way(site, entry_points, code, problem) -> None:
    site.add("acme", entry_points, {"acme_x.py": code})
    record = probed("acme")
    assert record.status == ("broken" if problem else "ok")
    assert problem in record.problem


def test_presets_are_looked_for_and_not_imported(site, tmp_path) -> None:
    touch = f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n"
    code = {"acme_x/__init__.py": touch, "acme_x/presets/model/a.yaml": "model: {}\n"}
    site.add("acme", "[wxml.presets]\nit = acme_x.presets\n", code)
    assert probed("acme").status == "ok"
    assert not (tmp_path / "imported").exists()


def test_what_may_not_be_imported_is_not(site, tmp_path, monkeypatch) -> None:
    touch = f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).touch()\n"
    site.trainer("acme", "acme_x", touch)
    site.trainer("newer", "newer_x", touch, metadata="Requires-Dist: wxml-core>9\n")
    monkeypatch.setenv("WXML_PLUGINS", "-ACME")
    before = tuple(record for record in scan().records if record.distribution in ("acme", "newer"))
    assert probe(before, LIMIT) == before
    assert {record.status for record in before} == {"disabled", "incompatible"}
    assert not (tmp_path / "imported").exists()


def test_a_plugin_is_tried_where_this_process_would_find_it_and_not_in_the_current_folder(
    site, tmp_path, monkeypatch
) -> None:
    site.trainer("acme", "acme_x", "import stray\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stray.py").touch()
    assert "No module named 'stray'" in probed("acme").problem


def test_the_command_lists_everything_and_exits_with_1_if_it_must(site) -> None:
    site.trainer("crash", "crash_x", CRASH)
    site.add("leave", "[wxml.trainers]\nleave = leave_x:Plugin\n", {"leave_x.py": "import sys; sys.exit()"})
    site.add("good", "[wxml.trainers]\ngood = good_x:Plugin\n", {"good_x.py": site_code()})
    arguments = ("list-plugins", "--probe", "--kind", "trainer", "--timeout", "600", "--json")
    done = site.run(*arguments, "--strict", WXML_PLUGINS="crash,leave,good")
    found = json.loads(done.stdout)
    statuses = {plugin["distribution"]: plugin["status"] for plugin in found["plugins"]}
    assert done.returncode == 1
    assert {name: statuses[name] for name in ("crash", "leave", "good")} == {
        "crash": "broken",
        "leave": "broken",
        "good": "ok",
    }
    assert (found["problems"], site.run(*arguments, WXML_PLUGINS="crash,leave,good").returncode) == (2, 0)


def test_only_the_status_and_the_problem_change(site) -> None:
    site.trainer("acme", "acme_x", "1 / 0\n")
    (before,) = (record for record in scan().records if record.distribution == "acme")
    after = probed("acme")
    assert dataclasses.replace(before, status="broken", problem=after.problem) == after


SPLIT = "import os, sys\nsys.modules['acme_seen'] = sys\nos.environ['ACME_SEEN'] = '1'\nimport acme_extra\n"


def test_no_plugin_finds_what_another_one_has_imported_or_changed(site) -> None:
    """Also of one kind and one distribution."""
    later = "import os\nif 'ACME_SEEN' in os.environ: raise RuntimeError('seen')\nimport acme_seen\n"
    entry_points = "[wxml.trainers]\nearly = acme_x:Plugin\nlater = acme_y:Plugin\n"
    code = {"acme_x.py": SPLIT + site_code(), "acme_y.py": later + site_code(), "acme_extra.py": ""}
    site.add("acme", entry_points, code)
    found = probe([record for record in scan().records if record.distribution == "acme"], LIMIT)
    assert {record.name: record.status for record in found} == {"early": "ok", "later": "broken"}
    assert "No module named 'acme_seen'" in next(record for record in found if record.name == "later").problem


@pytest.mark.skipif(sys.platform != "linux", reason="plugins are tried in forks on Linux alone")
def test_what_takes_longest_is_done_once_for_all_plugins_of_a_kind(site, monkeypatch) -> None:
    """None is tried in a process that begins with nothing, and each has the process before it as its parent."""
    told = f"open({str(site.folder / 'parents')!r}, 'a').write(f'{{__import__(\"os\").getppid()}}\\n')\n"
    entry_points = "[wxml.trainers]\na = acme_x:Plugin\nb = acme_y:Plugin\nc = acme_z:Plugin\n"
    code = {f"acme_{name}.py": told + site_code() for name in "xy"} | {"acme_z.py": told + "1 / 0\n"}
    site.add("acme", entry_points, code)
    monkeypatch.delattr("wxml.plugins.probe.parent._problem_alone")
    found = probe([record for record in scan().records if record.distribution == "acme"], LIMIT)
    assert [record.status for record in found] == ["ok", "ok", "broken"]
    parents = (site.folder / "parents").read_text().split()
    assert (len(parents), len(set(parents))) == (3, 1)


FORERUNNER_DIES = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(1)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="plugins are tried in forks on Linux alone")
def test_a_plugin_that_kills_the_process_before_it_harms_no_other_one(site, monkeypatch) -> None:
    entry_points = "[wxml.trainers]\na = acme_x:Plugin\nb = acme_y:Plugin\nc = acme_z:Plugin\n"
    once = "from pathlib import Path\nfile = Path(__file__).with_suffix('.tried')\n"
    once += "if not file.exists():\n    file.touch()\n    " + FORERUNNER_DIES.replace("\n", "\n    ").rstrip(" ")
    site.add("acme", entry_points, {"acme_x.py": site_code(), "acme_y.py": once + site_code(), "acme_z.py": "1 / 0\n"})
    found = probe([record for record in scan().records if record.distribution == "acme"], LIMIT)
    assert {record.name: record.status for record in found} == {"a": "ok", "b": "ok", "c": "broken"}


def test_a_kind_whose_interface_fails_is_tried_plugin_by_plugin(site) -> None:
    entry_points = "[wxml.kinds]\nacme-kind = acme_x:Interface\n[wxml.acme_kinds]\nit = acme_y:Plugin\n"
    site.add("acme", entry_points, {"acme_x.py": "1 / 0\n", "acme_y.py": "class Plugin: ...\n"})
    found = probe([record for record in scan().records if record.distribution == "acme"], LIMIT)
    assert {record.status for record in found} == {"broken"}
    assert all("ZeroDivisionError" in record.problem for record in found)
