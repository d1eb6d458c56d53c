import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from wxml.environment import git as git_module
from wxml.environment.origin import caution
from wxml.plugins import lock as lock_module
from wxml.plugins.catalog import installed, scan
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.model import Options
from wxml.plugins.resolve import resolve

NO_INDEX = "no installer writes down the index: if the package is private, name its index with --index-url"


def used(name: str = "it", **options: object) -> UsedPlugin:
    return UsedPlugin(resolve("trainer", name), options)


def test_an_entry_says_what_it_was_and_how_to_install_it_again(site) -> None:
    site.trainer("acme", "acme_x", "code = 1\n")
    core, entry = lock([used(steps=3)])
    name, content = b"acme_x/part.py", b"code = 1\n"
    digest = hashlib.sha256(name + b"\0" + str(len(content)).encode() + b"\0" + content).hexdigest()
    assert entry == {
        "plugin": "acme:it",
        "kind": "trainer",
        "version": "1.0",
        "options": {"steps": 3},
        "origin": {"kind": "index"},
        "code": f"sha256:{digest}",
        "dirty": None,
        "install": "python -m pip install 'acme==1.0'",
        "caution": NO_INDEX,
        "depends": [],
    }
    assert (core["plugin"], core["kind"], core["version"]) == ("wxml-core", "core", "0.2.0")
    assert core["code"].startswith("sha256:")


def test_packages_are_asked_about_at_the_same_time(site, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    together, asked = threading.Barrier(2, timeout=60), lock_module.origin

    def meeting(name: str, code: Path | None) -> dict[str, object]:
        together.wait()  # wxml-core and acme
        return asked(name, code)

    monkeypatch.setattr(lock_module, "origin", meeting)
    assert [entry["version"] for entry in lock([used()])] == ["0.2.0", "1.0"]


def test_only_what_was_used_is_in_it_and_each_once(site) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    entries = lock([used("acme:it", a=1), used("acme:it", a=2), used("acme:it", a=1)])
    assert [entry["plugin"] for entry in entries] == ["wxml-core", "acme:it", "acme:it"]


def test_it_is_the_same_bytes_in_any_order_and_for_any_hash_seed(site) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    one, two = used("acme:it", b={"y": 1, "x": 2}, a=frozenset("qwertz")), used("other:it")
    assert json.dumps(lock([one, two])) == json.dumps(lock([two, one]))
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from wxml.plugins.lock import UsedPlugin, lock; from wxml.plugins.resolve import resolve\n"
        "used = [UsedPlugin(resolve('trainer', 'acme:it'), {'a': set('qwertzuiop'), 'b': frozenset('asdf')})]\n"
        "print(json.dumps(lock(used)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, str(site.folder)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("change", ["byte", "name", "new file", "yaml"])
def test_the_hash_changes_with_the_code(site, change) -> None:
    site.trainer("acme", "acme_x", "code = 1\n")
    before = lock([used()])
    part = site.folder / "acme_x" / "part.py"
    if change == "byte":
        part.write_text("code = 2\n")
    elif change == "name":
        part.rename(part.with_name("trap.py"))
    elif change == "new file":
        part.with_name("new.py").touch()
    else:
        part.with_name("preset.yaml").touch()
    after = lock([used()])
    assert [a["code"] != b["code"] for a, b in zip(before, after, strict=True)] == [False, True]


def test_the_hash_does_not_see_caches_and_data(site) -> None:
    site.trainer("acme", "acme_x", "code = 1\n")
    before = lock([used()])
    (site.folder / "acme_x" / "__pycache__").mkdir()
    (site.folder / "acme_x" / "__pycache__" / "part.cpython-311.pyc").touch()
    (site.folder / "acme_x" / "table.nc").touch()
    assert lock([used()]) == before


def test_a_single_module_is_hashed_too(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme_single:Plugin\n", {"acme_single.py": "1"})
    assert lock([used()])[1]["code"].startswith("sha256:")


def test_the_lock_imports_no_plugin(site) -> None:
    site.trainer("acme", "acme_x", "raise RuntimeError")
    lock([used()])
    assert "acme_x" not in sys.modules


class Group(Options):
    radius: float = 0.5


def test_options_become_json(site, tmp_path) -> None:
    site.trainer("acme", "acme_x")
    entry = lock([used(group=Group(), path=tmp_path, pair=(1, 2), names={"b", "a"})])[1]
    assert entry["options"] == {
        "group": {"radius": 0.5},
        "names": ["a", "b"],
        "pair": [1, 2],
        "path": str(tmp_path),
    }
    json.dumps(entry)


@pytest.mark.parametrize(
    ("direct_url", "origin", "install"),
    [
        (
            {"url": "https://me:secret@git.acme.org/wx.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}},
            {"kind": "git", "url": "https://git.acme.org/wx.git", "commit": "abc123"},
            "'acme @ git+https://git.acme.org/wx.git@abc123'",
        ),
        (
            {
                "url": "https://git.acme.org/wx.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
                "subdirectory": "plugins/a",
            },
            {"kind": "git", "url": "https://git.acme.org/wx.git", "commit": "abc", "subdirectory": "plugins/a"},
            "'acme @ git+https://git.acme.org/wx.git@abc#subdirectory=plugins/a'",
        ),
        (
            {"url": "https://acme.org/acme-1.0.whl", "archive_info": {"hash": "sha256=00"}},
            {"kind": "archive", "url": "https://acme.org/acme-1.0.whl", "hash": "sha256=00"},
            "'acme @ https://acme.org/acme-1.0.whl#sha256=00'",
        ),
        (
            {"url": "https://acme.org/a.zip", "archive_info": {"hashes": {"sha256": "00"}}, "subdirectory": "x"},
            {"kind": "archive", "url": "https://acme.org/a.zip", "hash": "sha256=00", "subdirectory": "x"},
            "'acme @ https://acme.org/a.zip#sha256=00&subdirectory=x'",
        ),
        (
            {"url": "ssh://git:secret@git.acme.org/wx.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            {"kind": "git", "url": "ssh://git@git.acme.org/wx.git", "commit": "abc"},
            "'acme @ git+ssh://git@git.acme.org/wx.git@abc'",
        ),
        (
            {"url": "https://acme.org/acme-1.0.whl?token=secret", "archive_info": {"hash": "sha256=00"}},
            {"kind": "archive", "url": "https://acme.org/acme-1.0.whl?token=***", "hash": "sha256=00"},
            "'acme @ https://acme.org/acme-1.0.whl?token=***#sha256=00'",
        ),
        (
            {"url": "file:///home/me/acme", "dir_info": {"editable": True}},
            {"kind": "local", "editable": True, "folder": "acme"},
            "'./acme'",
        ),
        ({"url": "file:///home/me", "dir_info": {}}, {"kind": "local", "editable": False, "folder": "me"}, "'./me'"),
        ({"url": "file:///home/it's", "dir_info": {}}, {"kind": "local", "editable": False}, "'acme==1.0'"),
        (
            {"url": "file:///tmp/acme-1.0.whl", "archive_info": {"hash": "sha256=00"}},
            {"kind": "archive", "file": "acme-1.0.whl", "hash": "sha256=00"},
            "'./acme-1.0.whl'",
        ),
        ("not an object", {"kind": "index"}, "'acme==1.0'"),
    ],
)
def test_the_origin_is_told_without_secrets_or_paths(site, direct_url, origin, install) -> None:
    info = site.trainer("acme", "acme_x")
    (info / "direct_url.json").write_text(json.dumps(direct_url))
    entry = lock([used()])[1]
    assert entry["origin"] == origin
    assert entry["install"] == f"python -m pip install {install}"
    assert "secret" not in json.dumps(entry)


@pytest.mark.parametrize(
    ("distribution", "source", "said"),
    [
        ("wxml-core", {"kind": "index"}, ""),
        ("Wxml_Processor.GNN", {"kind": "index"}, ""),
        ("acme", {"kind": "git", "url": "https://git.acme.org/wx.git", "commit": "abc"}, ""),
        ("acme", {"kind": "index"}, NO_INDEX),
        ("acme", {}, NO_INDEX),
        ("acme", {"kind": "archive", "url": "https://acme.org/x.whl?token=***"}, "had a password or token"),
        ("acme", {"kind": "archive", "file": "x.whl", "hash": "sha256=00"}, "installed from a file with sha256=00"),
        ("acme", {"kind": "local", "editable": True}, "installed from a folder: put it"),
        (
            "acme",
            {"kind": "shadow", "url": "https://git.acme.org/wx.git", "commit": "abc"},
            "at commit abc in place of",
        ),
    ],
)
def test_a_command_that_may_bring_something_else_comes_with_a_caution(distribution, source, said) -> None:
    told = caution(distribution, source)
    assert said in told
    assert bool(told) == bool(said)


@pytest.mark.parametrize("version", ["1.0+cu124", "2.0rc1", "0.1.dev3+g1a2b"])
def test_the_install_line_has_the_whole_version(site, version) -> None:
    site.trainer("acme", "acme_x", version=version)
    entry = lock([used()])[1]
    assert (entry["version"], entry["install"]) == (version, f"python -m pip install 'acme=={version}'")


def test_the_install_line_has_the_extras_of_the_plugin(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme_x.part:Plugin [fast]\n", {"acme_x/part.py": ""})
    entry = lock([UsedPlugin(resolve("trainer", "acme:it", scan()))])[1]
    assert entry["install"] == "python -m pip install 'acme[fast]==1.0'"


# Whether the code was changed


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def editable(site, monkeypatch) -> Path:
    """The work tree of a package that is installed editable, in a folder of its own, all of it committed."""
    project = site.folder.parent / "repository" / "plugins" / "acme"
    (project / "src" / "acme_x").mkdir(parents=True)
    (project / "src" / "acme_x" / "part.py").write_text("code = 1\n")
    (project / "README.md").write_text("read me\n")
    repository = project.parents[1]
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    info = site.add("acme", "[wxml.trainers]\nit = acme_x.part:Plugin\n")
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.setattr(sys, "path", [*sys.path, str(project / "src")])  # as a .pth file does
    return project


def test_an_editable_package_is_dirty_once_its_code_is_not_committed(editable) -> None:
    assert lock([used()])[1]["dirty"] is False
    (editable / "src" / "acme_x" / "part.py").write_text("code = 2\n")
    assert lock([used()])[1]["dirty"] is True
    git(editable, "commit", "--quiet", "-am", "second")
    assert lock([used()])[1]["dirty"] is False
    (editable / "src" / "acme_x" / "new.py").touch()
    assert lock([used()])[1]["dirty"] is True


def test_what_running_and_writing_leave_behind_makes_nothing_dirty(editable) -> None:
    before = lock([used()])
    for name in ("src/acme_x/__pycache__/part.cpython-311.pyc", "src/acme.egg-info/PKG-INFO", "README.md", "notes.txt"):
        (editable / name).parent.mkdir(exist_ok=True)
        (editable / name).write_text("changed")
    assert lock([used()]) == before


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@git.acme.org:weather/wx.git", "ssh://git@git.acme.org/weather/wx.git"),
        ("https://me:secret@git.acme.org/wx.git", "https://git.acme.org/wx.git"),
    ],
)
def test_an_editable_package_is_installed_from_its_commit(editable, remote, url) -> None:
    git(editable, "remote", "add", "origin", remote)
    commit = git(editable, "rev-parse", "HEAD")
    entry = lock([used()])[1]
    assert entry["origin"] == {
        "kind": "local",
        "editable": True,
        "url": url,
        "commit": commit,
        "subdirectory": "plugins/acme",
    }
    assert entry["install"] == f"python -m pip install 'acme @ git+{url}@{commit}#subdirectory=plugins/acme'"


def test_a_remote_on_this_machine_is_not_told(editable) -> None:
    git(editable, "remote", "add", "origin", "/home/me/wx")
    entry = lock([used()])[1]
    commit = git(editable, "rev-parse", "HEAD")
    assert entry["origin"] == {"kind": "local", "editable": True, "folder": "acme", "commit": commit}
    assert entry["install"] == "python -m pip install './acme'"
    assert f"the folder `acme` at commit {commit}" in entry["caution"]


def test_without_git_it_is_unknown(editable, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert lock([used()])[1]["dirty"] is None


def test_a_git_that_does_not_answer_is_told(editable, tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_module, "LIMIT", 0.2)
    entry = lock([used()])[1]
    assert (entry["dirty"], "commit" in entry["origin"]) == (None, False)
    assert all(re.fullmatch("git has not answered about `.*` for 0.2 s: .*", message) for message in caplog.messages)
    assert caplog.messages


def test_outside_of_any_work_tree_it_is_unknown(site, editable) -> None:
    shutil.rmtree(editable.parents[1] / ".git")
    assert lock([used()])[1]["dirty"] is None


def record_of(folder: Path, *files: str) -> str:
    """The lines of a RECORD, as the wheel specification has them."""
    rows = []
    for file in files:
        digest = hashlib.sha256((folder / file).read_bytes()).digest()
        rows.append(f"{file},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},1\n")
    return "".join([*rows, "acme_x/__pycache__/part.cpython-311.pyc,,\n", "acme-1.0.dist-info/RECORD,,\n"])


@pytest.mark.parametrize("change", ["byte", "removed"])
def test_a_wheel_is_dirty_once_an_installed_file_is_not_what_was_installed(site, change) -> None:
    info = site.trainer("acme", "acme_x", "code = 1\n")
    (info / "RECORD").write_text(record_of(site.folder, "acme_x/part.py"))
    assert lock([used()])[1]["dirty"] is False
    part = site.folder / "acme_x" / "part.py"
    part.unlink() if change == "removed" else part.write_text("code = 2\n")
    assert lock([used()])[1]["dirty"] is True


def test_every_first_party_plugin_can_be_locked() -> None:
    records = [record for record in installed().records if record.status == "ok"]
    entries = lock([UsedPlugin(record) for record in records])
    assert len(entries) == len(records) + 1
    assert all(entry["code"] and entry["version"] for entry in entries)
