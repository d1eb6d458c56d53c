"""What migrations do to a checkpoint: its config, its weights, its lock and its record."""

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from wxml import BrokenPluginError, UnknownPluginError
from wxml.artefacts.checkpoint import Checkpoint, check_checkpoint, load_checkpoint
from wxml.artefacts.migrated import migrate_file, migrated, recorded_today
from wxml.artefacts.provenance import Provenance
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore

HELPERS = """
from wxml import Migration

def renamed(weights, options):
    return {name.replace("mix", "map"): tensor for name, tensor in weights.items()}

def change(kind, plugin, **changes):
    return Migration(version="2.0", kind=kind, plugin=plugin, **changes)

"""
WAVES = (
    HELPERS
    + """
MIGRATIONS = [change("data-source", "waves", renamed="ripples"), change("trainer", "none", renamed="idle")]
"""
)
MIXING = HELPERS + 'MIGRATIONS = [change("processor", "mixing", options={"bias": "offset"}, new_weights=renamed)]'
MAPPERS = HELPERS + 'MIGRATIONS = [change("mapper", "mean", new_weights=lambda w, o: {k: 2 * t for k, t in w.items()})]'

Update = Callable[..., None]


@pytest.fixture
def update(tiny, forget: Callable[[], None], tmp_path: Path) -> Update:
    """Installs version 2.0 of the tiny plugins: with migrations, and with other names and code."""

    def update(migrations: str, renamed: Mapping[str, str] | None = None) -> None:
        site = tmp_path / "site"
        info = (site / "tiny_wxml-1.0.dist-info").rename(site / "tiny_wxml-2.0.dist-info")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-wxml\nVersion: 2.0\nSummary: tiny\n")
        points = (info / "entry_points.txt").read_text()
        for old, new in (renamed or {}).items():
            assert f"\n{old}" in points
            points = points.replace(f"\n{old}", f"\n{new}")
        (info / "entry_points.txt").write_text(points + "[wxml.migrations]\ntiny = tiny_migrations:MIGRATIONS\n")
        (site / "tiny_migrations.py").write_text(migrations)
        forget()

    return update


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiny_migrations", raising=False)


@pytest.fixture
def saved(tiny, tmp_path: Path) -> Path:
    """A checkpoint of version 1.0."""
    experiment = assemble(tiny({"model.processor.bias": True}))
    path = tmp_path / "c.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {"steps": 3})
    return path


def read(path: Path) -> Checkpoint:
    return migrated(load_checkpoint(path), str(path))


def lock(checkpoint: Checkpoint) -> dict[str, str]:
    """The plugins of a lock but for wxml-core, with their versions."""
    entries = checkpoint.header["provenance"]["plugins"]
    return {f"{entry['kind']} {entry['plugin']}": entry["version"] for entry in entries if entry["kind"] != "core"}


def test_without_migrations_a_checkpoint_is_what_it_was(saved: Path, update: Update) -> None:
    update("MIGRATIONS = ()")
    checkpoint = load_checkpoint(saved)
    assert migrated(checkpoint, "c") is checkpoint


def test_options_and_weights_of_one_part(saved: Path, update: Update) -> None:
    before = load_checkpoint(saved)
    update(MIXING)
    after = read(saved)
    assert after.header["config"]["model"]["processor"] == {"plugin": "tiny-wxml:mixing", "offset": True}
    gone, new = (set(x.weights) - set(y.weights) for x, y in ((before, after), (after, before)))
    assert (gone, new) == (
        {"processor.mix.weight", "processor.mix.bias"},
        {"processor.map.weight", "processor.map.bias"},
    )
    assert torch.equal(after.weights["processor.map.weight"], before.weights["processor.mix.weight"])
    assert after.header["training"] == {"steps": 3}


def test_a_plugin_that_stands_twice_in_the_config_is_migrated_twice(saved: Path, update: Update) -> None:
    before = load_checkpoint(saved).weights
    update(MAPPERS)
    after = read(saved).weights
    doubled = {name for name in before if torch.equal(after[name], 2 * before[name])}
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    assert {name.partition(".")[0] for name in doubled} >= {"encoder", "decoder"}
    assert {name.partition(".")[0] for name in changed} == {"encoder", "decoder"}
    assert {name for name in before if name.startswith(("encoder.", "decoder."))} <= doubled


def test_plugins_without_weights_have_names(saved: Path, update: Update) -> None:
    before = load_checkpoint(saved)
    update(WAVES, {"waves = ": "ripples = "})
    after = read(saved)
    assert after.header["config"]["data"]["source"] == {"plugin": "tiny-wxml:ripples"}
    assert all(torch.equal(after.weights[name], tensor) for name, tensor in before.weights.items())
    assert restore(saved)[0].source.provenance() is not None


def test_the_lock_is_that_of_what_is_installed(saved: Path, update: Update) -> None:
    assert set(lock(load_checkpoint(saved)).values()) == {
        "1.0",
        load_checkpoint(saved).header["provenance"]["wxml_core"],
    }
    update(WAVES, {"waves = ": "ripples = "})
    found = lock(read(saved))
    assert found["data-source tiny-wxml:ripples"] == found["mapper tiny-wxml:mean"] == "2.0"
    assert "data-source tiny-wxml:waves" not in found
    assert found["trainer tiny-wxml:none"] == "1.0", "nothing installed is called `idle`, and a forecast needs none"


@pytest.mark.parametrize("key", ["options", "origin", "install", "code", "dirty"])
def test_an_entry_of_the_lock_may_lack_what_it_need_not_have(saved: Path, update: Update, key: str) -> None:
    record = Provenance.from_dict(load_checkpoint(saved).header["provenance"])
    for entry in record.plugins:
        del entry[key]
    update(WAVES, {"waves = ": "ripples = "})
    assert recorded_today(record, str(saved)).data.source.plugin == "tiny-wxml:ripples"


def test_the_record_says_what_was_done_and_keeps_the_old_one(saved: Path, update: Update) -> None:
    before = Provenance.from_dict(load_checkpoint(saved).header["provenance"])
    update(MIXING)
    after = Provenance.from_dict(read(saved).header["provenance"])
    (done,) = after.migrations
    assert done == {
        "place": "model.processor",
        "kind": "processor",
        "plugin": "tiny-wxml:mixing",
        "renamed": "tiny-wxml:mixing",
        "version": "2.0",
    }
    assert after.parents == [before.to_dict()]
    assert (after.data, after.graph, after.notes) == (before.data, before.graph, before.notes)
    assert after.origins["model.processor.offset"] == "migration to tiny-wxml 2.0"
    assert "model.processor.bias" not in after.origins
    assert after.origins["data.source.plugin"] == before.origins["data.source.plugin"]


def test_a_part_of_the_model_that_cannot_be_migrated_is_an_error(saved: Path, update: Update) -> None:
    update(MIXING.replace("new_weights=renamed", "new_weights=None[0]"))
    with pytest.raises(BrokenPluginError, match="failed to import"):
        read(saved)


def test_a_trainer_that_cannot_be_migrated_is_warned_of(saved: Path, update: Update, caplog) -> None:
    update(HELPERS + 'MIGRATIONS = [change("trainer", "none", new_options=lambda options: 1 / 0)]')
    checkpoint = load_checkpoint(saved)
    assert migrated(checkpoint, "c") is checkpoint
    (warning, *_) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "the migration of trainer 'none' to tiny-wxml 2.0 failed: ZeroDivisionError" in warning.getMessage()


def test_a_new_name_that_nobody_has_is_an_error_where_it_is_needed(saved: Path, update: Update) -> None:
    update(HELPERS + 'MIGRATIONS = [change("processor", "mixing", renamed="nowhere")]')
    with pytest.raises(UnknownPluginError):
        restore(saved)


def test_a_file_is_written_with_its_own_checksums(saved: Path, update: Update, heard, tmp_path: Path) -> None:
    update(MIXING)
    target = tmp_path / "new.safetensors"
    assert migrate_file(saved, target) is True
    written = load_checkpoint(target)
    assert check_checkpoint(target) == len(written.header["checksums"])
    assert "processor.map.weight" in written.weights
    assert migrate_file(target, tmp_path / "again.safetensors") is False
    assert (tmp_path / "again.safetensors").read_bytes() == target.read_bytes()


def test_a_file_may_be_migrated_in_its_place(saved: Path, update: Update) -> None:
    update(MIXING)
    assert migrate_file(saved, saved, overwrite=True) is True
    assert "processor.map.weight" in load_checkpoint(saved).weights


def test_a_verifier_whose_version_nobody_knows_is_called_by_its_name_of_today(saved: Path, update: Update) -> None:
    code = HELPERS + 'MIGRATIONS = [change("verifier", "none", renamed="nothing")]'
    update(code, {"none = tiny_wxml:NoVerifier": "nothing = tiny_wxml:NoVerifier"})
    after = read(saved)
    assert after.header["config"]["verification"] == {"plugin": "tiny-wxml:nothing"}
    assert after.header["provenance"]["migrations"] == []
    record = Provenance.from_dict(load_checkpoint(saved).header["provenance"])
    assert recorded_today(record, "c").verification.plugin == "tiny-wxml:nothing"
