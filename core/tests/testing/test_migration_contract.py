"""Right migrations keep their contract, and each fault is found by one check of it."""

import sys
import unittest
from pathlib import Path
from typing import Any

import pytest
from wxml import Migration
from wxml.testing import MigrationContract
from wxml.testing.conformance import run_checks

TRAINER = """
from wxml.training.trainer import Trainer

class Plugin(Trainer):
    '''Trains nothing.'''
    def __init__(self, *, path: str, order: int = 1): ...
    def fit(self, experiment, run_dir, *, resume=False): ...
"""
CHECKPOINTS = "checkpoints of earlier versions are read"


def change(version: str, plugin: str, **changes: Any) -> Migration:
    return Migration(version=version, kind="trainer", plugin=plugin, **changes)


RIGHT = [
    change("1.5", "first", renamed="second", options={"rank": "degree"}),
    change("2.0", "second", renamed="it", options={"degree": "order"}, new_options=lambda old: {"order": 3, **old}),
    change("2.0", "plain", renamed="it", options={"degree": "order"}),
]


@pytest.fixture
def acme(site) -> None:
    site.trainer("acme-wxml", "acme_x", TRAINER, version="2.0")


def results(migrations: list[Migration], **fields: Any) -> dict[str, tuple[str, str]]:
    """What each check says: its name → result and message."""
    required = {name: {"path": "a.nc"} for name in ("first", "second", "plain", "it")}
    of = {"plugin": sys.modules[__name__], "distribution": "acme-wxml", "migrations": migrations, "required": required}
    contract: Any = type("Checked", (MigrationContract,), {**of, **fields})
    return {check.name: (check.result, check.message) for check in run_checks(contract)}


def test_right_migrations_pass(acme) -> None:
    found = results(RIGHT)
    assert found.pop(CHECKPOINTS)[0] == "skipped"
    assert len(found) == 5
    assert {result for result, _ in found.values()} == {"passed"}, found


@pytest.mark.parametrize(
    ("wrong", "check", "said"),
    [
        (change("2.1", "first"), "versions are there already", "is for version 2.1, and 2.0 is installed"),
        (change("1.5.0", "First"), "each change is one migration", "two migrations of trainer 'first' to 1.5"),
        (
            change("2.0", "third", renamed="its"),
            "names lead to installed plugins",
            "acme-wxml:its: there is none",
        ),
        (
            change("2.0", "it", new_options=lambda old: {"order": old["rank"]}),
            "options without values are migrated",
            "KeyError: 'rank'",
        ),
        (
            change("2.0", "it", new_options=lambda old: {**old, "rank": 1}),
            "options without values are migrated",
            "unknown key `rank`",
        ),
        (
            change("2.0", "it", new_options=lambda old: {**old, "order": {1}}),
            "options without values are migrated",
            "not JSON serializable",
        ),
        (change("2.0", "it", options={"rank": "ordre"}), "renamed options are options today", "has no option `ordre`"),
    ],
)
def test_a_broken_migration_is_found_out(acme, wrong: Migration, check: str, said: str) -> None:
    found = results([*RIGHT, wrong])
    assert found[check][0] == "failed"
    assert said in found[check][1]


def test_options_that_a_plugin_requires_have_to_be_told(acme) -> None:
    result, message = results(RIGHT, required={})["options without values are migrated"]
    assert result == "failed"
    assert "name those that it must have in `required`" in message


def test_migrations_of_nothing_installed_are_found_out(site) -> None:
    assert results(RIGHT)["versions are there already"] == ("failed", "acme-wxml is not installed")


def test_a_checkpoint_that_cannot_be_read_is_found_out(acme, tmp_path: Path) -> None:
    result, message = results(RIGHT, checkpoints=[tmp_path / "none.safetensors"])[CHECKPOINTS]
    assert result == "failed"
    assert "there is no checkpoint" in message


def test_it_is_a_test_class_for_pytest(acme) -> None:
    class Mine(MigrationContract):
        distribution = "acme-wxml"
        migrations = RIGHT

    Mine().test_names_lead_to_installed_plugins()
    with pytest.raises(unittest.SkipTest):
        Mine().test_checkpoints_of_earlier_versions_are_read()
