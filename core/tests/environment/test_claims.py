"""A distribution is wxml-core, or the owner of the code that runs, only if its own files say so."""

from pathlib import Path

import pytest
from wxml.environment.changes import is_dirty, is_foreign
from wxml.environment.distributions import Environment
from wxml.environment.names import CORE, canonical_name
from wxml.errors import WxmlError
from wxml.plugins.catalog import scan
from wxml.plugins.load import load


def distribution(place: Path, folder: str, name: str, record: str = "") -> None:
    info = place / folder
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n\n")
    (info / "entry_points.txt").write_text("[wxml.processors]\nacme = acme_wxml:Acme\n")
    if record:
        (info / "RECORD").write_text(record)


@pytest.mark.parametrize("name", ["wxml-core", "Wxml_Core", "wxml.core"])
@pytest.mark.parametrize("folder", ["evil-9.0.dist-info", "wxml_core-9.0.dist-info"])
def test_a_name_alone_makes_no_core(name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Environment().find(CORE)
    distribution(tmp_path, folder, name, "wxml/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("WXML_PLUGINS", "none")
    chosen, catalog = Environment().find(CORE), scan()
    assert genuine is not None
    assert chosen is not None
    assert chosen.folder == genuine.folder
    assert catalog.kinds
    assert all(record.status == "disabled" for record in catalog.records if record.name == "acme")
    told = [sentence for _, sentence in Environment().doubts()] + [one.problem for one in catalog.records]
    assert any("which it is not" in text or "not in the allow-list" in text for text in told)


def test_code_before_the_installed_one_is_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, shadow = tmp_path / "site", tmp_path / "shadow"
    for place in (site, shadow):
        (place / "acme_wxml").mkdir(parents=True)
        (place / "acme_wxml" / "__init__.py").write_text("")
    distribution(site, "acme_wxml-9.0.dist-info", "acme-wxml", "acme_wxml/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    installed = Environment().find("acme-wxml")
    assert installed is not None
    assert not is_foreign(installed, site / "acme_wxml")
    assert is_foreign(installed, shadow / "acme_wxml")
    assert is_dirty("acme-wxml", shadow / "acme_wxml") is True


def test_a_namespace_belongs_to_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "acme_wxml-9.0.dist-info", "acme-wxml", "acme/wxml/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed = Environment().find("acme-wxml")
    (tmp_path / "elsewhere" / "acme").mkdir(parents=True)
    assert installed is not None
    assert not is_foreign(installed, tmp_path / "elsewhere" / "acme")


def test_a_distribution_may_name_code_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "acme_wxml-9.0.dist-info", "acme-wxml", "acme_wxml/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "elsewhere" / "others").mkdir(parents=True)
    (tmp_path / "elsewhere" / "others" / "__init__.py").write_text("")
    installed = Environment().find("acme-wxml")
    assert installed is not None
    assert not is_foreign(installed, tmp_path / "elsewhere" / "others")


@pytest.mark.parametrize("rules", ["", "acme-wxml", "evil", "acme-wxml,evil", "-other"])
@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("evil-9.0.dist-info", "acme-wxml"),
        ("acme_wxml-9.0.dist-info", "evil"),
        ("acme_wxml_evil-9.0.dist-info", "acme-wxml"),
        ("acme-9.0.dist-info", "acme-wxml"),
        ("evil.egg-info", "acme-wxml"),
    ],
)
def test_a_folder_of_another_name_is_broken_whatever_is_allowed(
    folder: str, name: str, rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, folder, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("WXML_PLUGINS", rules)
    (record,) = (one for one in scan().records if one.name == "acme" and one.kind == "processor")
    assert record.status in (("broken",) if rules in ("", "-other") else ("broken", "disabled"))
    if record.status == "broken":
        assert record.problem == f"its metadata say that it is {name}, and its folder is called `{folder}`"
    with pytest.raises(WxmlError, match=r"its metadata say|not in the allow-list"):
        load(record)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("acme_wxml-9.0.dist-info", "Acme.WxML"),
        ("acme-wxml-9.0.dist-info", "acme-wxml"),
        ("acme.wxml-9.0rc1.dist-info", "acme_wxml"),
        ("acme_wxml.egg-info", "acme-wxml"),
        ("acme_wxml-9.0-py3.11.egg-info", "acme-wxml"),
        ("acme_3d-9.0.dist-info", "acme-3d"),
        ("acme-3d-9.0.dist-info", "acme-3d"),
    ],
)
def test_every_installers_spelling_of_a_folder_is_that_of_its_name(
    folder: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, folder, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    (record,) = (one for one in scan().records if one.name == "acme" and one.kind == "processor")
    assert (record.status, record.distribution) == ("ok", canonical_name(name))
