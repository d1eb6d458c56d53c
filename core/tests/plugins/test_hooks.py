import logging
import sys
from pathlib import Path

import pytest
from wxml.plugins.catalog import scan
from wxml.plugins.hooks import Hooks, hooks, provenance_notes

RECORDING = """
from wxml import hookimpl
seen = []

@hookimpl
def wxml_run_started(run_dir):
    seen.append(run_dir)

@hookimpl
def wxml_provenance():
    return {{"{name}": len(seen)}}
"""


def add_hooks(site, name: str, code: str) -> None:
    site.add(name, f"[wxml.hooks]\n{name} = {name}_hooks\n", {f"{name}_hooks.py": code})


def test_everyone_has_a_say_and_nothing_is_imported_before(site) -> None:
    add_hooks(site, "acme", RECORDING.format(name="acme"))
    add_hooks(site, "other", RECORDING.format(name="other"))
    hooks = Hooks(scan())
    assert "acme_hooks" not in sys.modules
    assert hooks.call("wxml_run_started", run_dir=Path("run")) == []
    assert sys.modules["acme_hooks"].seen == sys.modules["other_hooks"].seen == [Path("run")]
    assert hooks.call("wxml_provenance") == [{"acme": 1}, {"other": 1}]


def test_without_hook_plugins_nothing_happens(site, monkeypatch) -> None:
    monkeypatch.setenv("WXML_PLUGINS", "none")
    assert hooks().call("wxml_checkpoint_saved", path=Path("x")) == []


@pytest.mark.parametrize(
    ("failure", "said"),
    [("raise ValueError('boom')", "ValueError: boom"), ("import sys; sys.exit(3)", "SystemExit: 3")],
)
def test_a_hook_that_fails_is_reported_and_the_others_still_run(site, caplog, failure, said) -> None:
    hook = f"from wxml import hookimpl\n@hookimpl\ndef wxml_run_started(run_dir):\n    {failure}\n"
    add_hooks(site, "acme", hook)
    add_hooks(site, "other", RECORDING.format(name="other"))
    hooks().call("wxml_run_started", run_dir=Path("run"))
    assert sys.modules["other_hooks"].seen == [Path("run")]
    (warning,) = caplog.records
    assert (warning.levelno, warning.getMessage()) == (
        logging.WARNING,
        f"hook wxml_run_started of acme 1.0 failed: {said}",
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('gone')", "plugin acme 1.0 (hook 'acme') failed to import: gone"),
        ("import sys; sys.exit()", "it called sys.exit(None)"),
        ("from wxml import hookimpl\n@hookimpl\ndef wxml_run_started(folder): ...\n", "folder"),
    ],
)
def test_a_hook_module_that_cannot_be_used_is_left_out_once(site, caplog, code, said) -> None:
    add_hooks(site, "acme", code)
    add_hooks(site, "other", RECORDING.format(name="other"))
    for _ in range(2):
        assert hooks().call("wxml_provenance") == [{"other": 0}]
    (warning,) = caplog.records
    assert warning.getMessage().startswith("the hooks of acme 1.0 are left out: ")
    assert said in warning.getMessage()


def test_a_misspelt_hook_is_reported(site, caplog) -> None:
    add_hooks(site, "acme", "from wxml import hookimpl\n@hookimpl\ndef wxml_run_strated(run_dir): ...\n")
    hooks().call("wxml_provenance")
    assert "acme 1.0 has a hook that wxml does not know: unknown hook 'wxml_run_strated'" in caplog.text


def test_a_denied_hook_plugin_is_never_imported(site, monkeypatch, caplog) -> None:
    add_hooks(site, "acme", RECORDING.format(name="acme"))
    monkeypatch.setenv("WXML_PLUGINS", "-acme")
    assert hooks().call("wxml_provenance") == []
    assert "acme_hooks" not in sys.modules
    assert caplog.text == ""


def test_a_caller_that_gives_the_wrong_values_is_told() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'checkpoint'"):
        hooks().call("wxml_run_finished", run_dir=Path("run"))
    with pytest.raises(AttributeError, match="wxml_run_ended"):
        hooks().call("wxml_run_ended")


def test_a_failure_that_comes_again_is_told_once(site, caplog) -> None:
    add_hooks(
        site,
        "acme",
        "from wxml import hookimpl\n@hookimpl\ndef wxml_run_started(run_dir):\n    raise OSError('full')\n",
    )
    for _ in range(3):
        hooks().call("wxml_run_started", run_dir=Path("run"))
    assert [record.getMessage() for record in caplog.records] == [
        "hook wxml_run_started of acme 1.0 failed: OSError: full"
    ]


def test_what_one_hook_does_to_the_config_reaches_nobody_else(site) -> None:
    change = (
        "from wxml import hookimpl\n@hookimpl\ndef wxml_config_resolved(config):\n    config['model']['channels'] = 1\n"
    )
    look = (
        "from wxml import hookimpl\nseen = []\n@hookimpl\ndef wxml_config_resolved(config):\n    seen.append(config)\n"
    )
    add_hooks(site, "acme", change)
    add_hooks(site, "other", look)
    config = {"model": {"channels": 64}}
    hooks().call("wxml_config_resolved", config=config)
    assert config == {"model": {"channels": 64}}
    assert sys.modules["other_hooks"].seen == [config]


# Notes in the provenance

NOTE = "from wxml import hookimpl\n@hookimpl\ndef wxml_provenance():\n    return {returned}\n"


def test_notes_of_everyone_are_kept(site) -> None:
    add_hooks(site, "acme", NOTE.format(returned="{'institute': 'Acme', 'nested': {'a': [1, None]}}"))
    add_hooks(site, "other", NOTE.format(returned="{'project': 'x'}"))
    assert provenance_notes() == {"institute": "Acme", "nested": {"a": [1, None]}, "project": "x"}


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("['institute']", "it must be a dict with text as keys, got ['institute']"),
        ("{1: 'institute'}", "it must be a dict with text as keys, got {1: 'institute'}"),
        ("{'when': object}", "it holds more than JSON values: Object of type type is not JSON serializable"),
        ("{'score': float('nan')}", "it holds more than JSON values: Out of range float values"),
        ("{'project': 'y'}", "another package has a note 'project'"),
    ],
)
def test_a_note_that_cannot_be_kept_is_left_out_and_told(site, caplog, returned, said) -> None:
    add_hooks(site, "aardvark", NOTE.format(returned="{'project': 'x'}"))
    add_hooks(site, "acme", NOTE.format(returned=returned))
    assert provenance_notes() == {"project": "x"}
    (warning,) = caplog.records
    assert warning.getMessage().startswith(f"what hook wxml_provenance of acme 1.0 returned is left out: {said}")
