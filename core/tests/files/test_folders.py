"""The folders of wxml on a machine."""

import sys
from pathlib import Path

import pytest
from wxml.files import folders
from wxml.files.folders import cache_folder, user_folder


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_on_linux_it_is_where_it_has_always_been(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WXML_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folders._user_cache.cache_clear()
    assert cache_folder() == tmp_path / ".cache" / "wxml"
    folders._user_cache.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches" / "wxml"


def test_a_user_without_a_home_has_folders_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("WXML_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", homeless)
    monkeypatch.setattr("platformdirs.user_config_dir", homeless)
    folders._user_cache.cache_clear()
    for folder in (cache_folder(), Path(user_folder())):
        with pytest.raises(OSError, match=r"exists|directory"):
            folder.mkdir(parents=True)
    assert "set WXML_CACHE to a folder" in caplog.text
    folders._user_cache.cache_clear()
