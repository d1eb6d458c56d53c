"""Under the profile `operations` a checkpoint is read by the code that made it, or once it was accepted."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml.artefacts.checkpoint import read_header
from wxml.cli import group
from wxml.config.plugin_use import FORECAST
from wxml.errors import ArtefactError
from wxml.experiment.restoring import restore
from wxml.plugins.operations import require_same


def install(tmp_path: Path, forget, *, version: str = "1.0", code: str = "") -> None:
    """Install the tiny plugins in another version, or with other code."""
    info = tmp_path / "site" / "tiny_wxml-1.0.dist-info"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-wxml\nVersion: {version}\n")
    with (tmp_path / "site" / "tiny_wxml.py").open("a") as file:
        file.write(code)
    forget()


def lock_of(path: Path) -> list[dict]:
    return read_header(path)["provenance"]["plugins"]


@pytest.mark.carries_out("_remedies()")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "2.0"}, "was made with tiny-wxml 1.0, and 2.0 is installed"),
        ({"code": "\n"}, "was made with tiny-wxml 1.0, and its installed code is another"),
    ],
)
@pytest.mark.parametrize("way", ["install", "accept"])
def test_other_code_than_made_it_is_refused(
    checkpoint, forget, tmp_path, monkeypatch, changes: dict[str, str], said: str, way: str
) -> None:
    path = checkpoint()
    module = tmp_path / "site" / "tiny_wxml.py"
    code = module.read_text()
    require_same(lock_of(path), FORECAST, str(path))
    install(tmp_path, forget, **changes)
    restore(path)  # without the profile it is a warning
    with monkeypatch.context() as machine:
        machine.setenv("WXML_PROFILE", "operations")
        with pytest.raises(ArtefactError, match=said) as caught:
            restore(path)
    same, accept = caught.value.fix.splitlines()
    assert same.startswith("install what made it:  ")
    assert same.endswith("'tiny-wxml==1.0'")
    if way == "install":
        module.write_text(code)  # what this line does
        install(tmp_path, forget)
    else:
        words = accept.partition("wxml checkpoint migrate ")[2].split()
        new = tmp_path / "accepted.safetensors"
        done = CliRunner().invoke(group, ["checkpoint", "migrate", *words[:-1], str(new)])
        assert done.exit_code == 0, done.output
        record = read_header(new)["provenance"]
        assert record["parents"][0]["plugins"] == lock_of(path)
        path = new
    require_same(lock_of(path), FORECAST, str(path))
    restore(path)


@pytest.mark.parametrize("key", ["code", "version"])
def test_a_record_that_does_not_say_which_code_it_was_is_refused(checkpoint, key: str) -> None:
    path = checkpoint()
    lacking = [{name: value for name, value in entry.items() if name != key} for entry in lock_of(path)]
    with pytest.raises(ArtefactError, match="does not say which code of tiny-wxml:mean made it"):
        require_same(lacking, FORECAST, str(path))


def test_a_record_without_any_plugins_is_refused(checkpoint) -> None:
    with pytest.raises(ArtefactError, match="does not say which code of wxml-core made it"):
        require_same([], FORECAST, str(checkpoint()))


def test_what_only_the_training_needed_does_not_matter(checkpoint, forget, tmp_path) -> None:
    path = checkpoint()
    entries = [{**entry, "version": "0.9"} if entry["kind"] == "trainer" else entry for entry in lock_of(path)]
    require_same(entries, FORECAST, str(path))
