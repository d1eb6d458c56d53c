import hashlib
import json
import subprocess
import sys

import pytest
from wxml.plugins.catalog import installed
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options import Options
from wxml.plugins.resolve import resolve


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
        "install": "python -m pip install 'acme==1.0'",
    }
    assert (core["plugin"], core["kind"], core["version"]) == ("wxml-core", "core", "0.1.0")
    assert core["code"].startswith("sha256:")


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
            "'acme @ https://acme.org/acme-1.0.whl'",
        ),
        (
            {"url": "file:///home/me/acme", "dir_info": {"editable": True}},
            {"kind": "local", "editable": True},
            "'acme==1.0'",
        ),
        ({"url": "file:///tmp/acme-1.0.whl", "archive_info": {}}, {"kind": "archive"}, "'acme==1.0'"),
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


def test_every_first_party_plugin_can_be_locked() -> None:
    records = [record for record in installed().records if record.status == "ok"]
    entries = lock([UsedPlugin(record) for record in records])
    assert len(entries) == len(records) + 1
    assert all(entry["code"] and entry["version"] for entry in entries)
