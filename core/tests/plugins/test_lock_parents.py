"""The lock names every package that a plugin's class, or a parent of it, is in."""

import hashlib
from pathlib import Path

import pytest
from wxml.artefacts.lineage import lineage
from wxml.artefacts.provenance import Provenance
from wxml.plugins.catalog import scan
from wxml.plugins.comparison import compare
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve

BASE = """
from pathlib import Path
from wxml.training.trainer import Trainer

class Base(Trainer):
    def fit(self, experiment, run_dir, *, resume=False):
        return Path(run_dir)
"""
CHILD = "from acme_nets.base import Base\nclass Plugin(Base):\n    '''Trains nothing.'''\n"


def nets(site, *, version: str = "3.0", record: bool = True) -> Path:
    """Install the distribution in which the parent class of the plugin is; without `record`, its code alone."""
    files = {"acme_nets/__init__.py": "", "acme_nets/base.py": BASE}
    if not record:
        for name, content in files.items():
            (site.folder / name).parent.mkdir(exist_ok=True)
            (site.folder / name).write_text(content)
        return site.folder / "acme_nets"
    info = site.add("acme-private-nets", "", files, version=version)
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    return info


def locked() -> dict:
    """The entry of the plugin, which was loaded."""
    record = resolve("trainer", "it")
    load(record)
    return lock([UsedPlugin(record)])[1]


def hashed(**files: str) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        path = f"acme_nets/{name}.py"
        digest.update(f"{path}\0{len(content)}\0{content}".encode())
    return f"sha256:{digest.hexdigest()}"


def test_the_package_of_a_parent_class_is_in_the_lock(site) -> None:
    site.trainer("acme", "acme_x", CHILD)
    nets(site)
    (parent,) = locked()["depends"]
    assert parent == {
        "package": "acme_nets",
        "distribution": "acme-private-nets",
        "version": "3.0",
        "origin": {"kind": "index"},
        "code": hashed(__init__="", base=BASE),
        "dirty": None,
        "install": "python -m pip install 'acme-private-nets==3.0'",
        "caution": "no installer writes down the index: if the package is private, name its index with --index-url",
    }


def test_a_class_may_live_in_the_package_of_another_distribution(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme_nets.plugin:Plugin\n")
    nets(site)
    (site.folder / "acme_nets" / "plugin.py").write_text(CHILD)
    assert [one["distribution"] for one in locked()["depends"]] == ["acme-private-nets"]


def test_a_parent_that_no_package_brought_is_called_dirty(site) -> None:
    site.trainer("acme", "acme_x", CHILD)
    nets(site, record=False)
    (parent,) = locked()["depends"]
    assert (parent["package"], parent["distribution"], parent["dirty"]) == ("acme_nets", "", True)
    assert (parent["install"], parent["code"]) == ("", hashed(__init__="", base=BASE))
    assert parent["caution"] == "`acme_nets` belongs to no installed package: no command brings it back"


def test_what_core_itself_brings_is_no_parent(tiny) -> None:
    record = resolve("processor", "mixing")
    assert any(parent.__module__.startswith("torch.") for parent in load(record).__mro__)
    assert lock([UsedPlugin(record)])[1]["depends"] == []


def test_nothing_is_imported_for_it(site) -> None:
    site.trainer("acme", "acme_x", CHILD)
    nets(site)
    assert lock([UsedPlugin(resolve("trainer", "it"))])[1]["depends"] == []


@pytest.mark.parametrize(
    ("change", "outcome", "said"),
    [
        ("none", "ok", ""),
        ("code", "code", "acme-private-nets 3.0, and its installed code is another"),
        ("version", "version", "acme-private-nets 3.0, and 3.1 is installed"),
        ("removed", "missing", "a parent of trainer 'it' of acme-private-nets 3.0, which is not installed"),
    ],
)
def test_a_changed_parent_is_found_out(site, change: str, outcome: str, said: str) -> None:
    site.trainer("acme", "acme_x", CHILD)
    info = nets(site)
    entry = locked()
    if change == "code":
        (site.folder / "acme_nets" / "base.py").write_text(f"{BASE}\n")
    elif change in ("version", "removed"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()
        if change == "version":
            nets(site, version="3.1")
    own, parent = compare([entry], scan())
    assert (own.distribution, own.outcome) == ("acme", "ok")
    assert (parent.distribution, parent.outcome, parent.sentence) == ("acme-private-nets", outcome, said)


def test_inspect_names_the_parent(site) -> None:
    site.trainer("acme", "acme_x", CHILD)
    nets(site)
    text = lineage(Provenance("checkpoint", plugins=[locked()]), "model")
    assert "on acme-private-nets 3.0, code sha256:" in text
