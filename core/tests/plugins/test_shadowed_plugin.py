"""Code that an import finds in place of an installed plugin's own: told, called dirty, refused under an allow-list."""

import logging
import shutil
from pathlib import Path

import pytest
from wxml.artefacts.lineage import lineage
from wxml.artefacts.provenance import Provenance
from wxml.errors import BrokenPluginError
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve


@pytest.fixture(params=["RECORD", "no RECORD"])
def shadowed(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder that comes before the installed package `acme_x` and holds a copy of it."""
    info = site.trainer("acme", "acme_x")
    (site.folder / "acme_x" / "__init__.py").write_text("")
    if request.param == "RECORD":
        (info / "RECORD").write_text("acme_x/__init__.py,,\nacme_x/part.py,,\n")
    shutil.copytree(site.folder / "acme_x", tmp_path / "shadow" / "acme_x")
    monkeypatch.syspath_prepend(tmp_path / "shadow")
    return tmp_path / "shadow"


def test_shadowed_code_is_warned_of_and_recorded_as_dirty(shadowed: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = resolve("trainer", "it")
    with caplog.at_level(logging.WARNING):
        load(record)
    assert f"an import finds `{shadowed / 'acme_x'}`, which acme has not installed" in caplog.text
    (entry,) = (entry for entry in lock([UsedPlugin(record, {})]) if entry["plugin"] == "acme:it")
    assert (entry["dirty"], entry["origin"]) == (True, {"kind": "shadow", "folder": "shadow"})
    assert "an import found the folder `shadow` in place of what was installed" in entry["caution"]
    assert "code sha256:" in (text := lineage(Provenance("checkpoint", plugins=[entry]), "model"))
    assert "imported from elsewhere than installed" in text


@pytest.mark.carries_out("take `{}` out of PYTHONPATH, or remove `{}`")
def test_the_installed_code_loads_without_the_shadow(shadowed: Path, site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_PLUGINS", "acme")
    with pytest.raises(BrokenPluginError):
        load(resolve("trainer", "it"))
    both = f"{shadowed}:{site.folder}"
    assert site.run("show-plugin", "trainer", "it", PYTHONPATH=both).returncode == 3
    without = site.run("show-plugin", "trainer", "it", PYTHONPATH=str(site.folder))
    shutil.rmtree(shadowed / "acme_x")
    removed = site.run("show-plugin", "trainer", "it", PYTHONPATH=both)
    for done in (without, removed):
        assert done.returncode == 0, done.stderr
        assert str(site.folder / "acme_x" / "part.py") in done.stdout


@pytest.mark.parametrize("allowed", ["acme", "acme,other"])
def test_an_allow_list_refuses_shadowed_code(shadowed: Path, monkeypatch: pytest.MonkeyPatch, allowed: str) -> None:
    monkeypatch.setenv("WXML_PLUGINS", allowed)
    with pytest.raises(BrokenPluginError, match="an allow-list allows installed code alone") as caught:
        load(resolve("trainer", "it"))
    assert f"take `{shadowed}` out of PYTHONPATH" in caught.value.fix


def test_the_installed_code_loads_once_the_shadow_is_gone(
    shadowed: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(shadowed)
    monkeypatch.setenv("WXML_PLUGINS", "acme")
    with caplog.at_level(logging.WARNING):
        assert load(resolve("trainer", "it")).__module__ == "acme_x.part"
    assert "shadowed" not in caplog.text


def test_doctor_names_the_shadow(shadowed: Path, site) -> None:
    done = site.run("doctor", PYTHONPATH=f"{shadowed}:{site.folder}")
    assert done.returncode == 1
    assert f"`{shadowed / 'acme_x'}` is imported in its place: take `{shadowed}` out of PYTHONPATH" in done.stdout
