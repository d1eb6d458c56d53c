"""Sections of packages in a config: checked like the options of plugins, recorded, read back."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml import ConfigError, UnknownPluginError, extension
from wxml.cli import group
from wxml.config.compose import compose
from wxml.config.explain import explain
from wxml.config.load import load_config
from wxml.config.schema import ExperimentConfig

GOOD = """\
defaults: [{model: toy}]
data:
  source: {plugin: toy}
  split: {training: [2000-01-01, 2000-10-31]}
graph: {plugin: toy}
training: {plugin: toy}
"""
SECTION = GOOD + "extensions:\n  acme: {project: storm-42}\n"


def faults(experiment: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(experiment, overrides)
    return [str(fault) for fault in caught.value.faults]


def test_the_key_names_the_plugin(plugins) -> None:
    loaded = load_config(plugins.experiment(SECTION), ["extensions.acme.alarm=5"])
    found = extension(loaded.config, "acme")
    assert (type(found).__name__, found.project, found.alarm) == ("Settings", "storm-42", 5)
    assert loaded.origins["extensions.acme.project"] == "experiment.yaml:8"
    assert loaded.origins["extensions.acme.alarm"] == "command line"
    plain = loaded.config.model_dump(mode="json")
    assert plain["extensions"] == {"acme": {"plugin": "acme", "project": "storm-42", "alarm": 5}}
    assert ExperimentConfig.model_validate(plain) == loaded.config
    for name in ("acme", "Acme", "acme-wxml:acme"):
        assert extension(plain, name).alarm == 5


def test_no_section_is_none(plugins) -> None:
    config = load_config(plugins.experiment(GOOD)).config
    assert config.extensions == {}
    assert extension(config, "acme") is None
    assert extension({}, "acme") is None


def test_a_full_name_may_stand_beside(plugins) -> None:
    full = GOOD + "extensions:\n  settings: {plugin: 'acme-wxml:acme', project: x}\n"
    config = load_config(plugins.experiment(full)).config
    assert extension(config, "acme").project == "x"
    assert extension(config, "other-wxml:acme") is None


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("acme: {projct: x}", "unknown key `projct`: did you mean 'project'?"),
        ("acme: {project: x, alarm: -1}", "must be greater than 0, got -1 (experiment.yaml:8, extensions.acme.alarm)"),
        ("acme:", "`project` is missing"),
        ("acmee: {project: x}", "unknown extension 'acmee': did you mean 'acme'?   installed: acme (experiment.yaml:8"),
        ("acme: 3", "extensions.acme"),
        ("acme: {project: x, watcher: {plugin: scorcard}}", "unknown verifier 'scorcard': did you mean 'scorecard'?"),
        ("acme: {project: x, watcher: {plugin: scorecard, regoins: []}}", "unknown key `regoins`"),
    ],
)
def test_a_wrong_section_is_refused_with_its_place(plugins, section: str, told: str) -> None:
    found = faults(plugins.experiment(f"{GOOD}extensions:\n  {section}\n"))
    assert any(told in fault for fault in found), found


def test_an_extension_that_is_not_installed_says_so(plugins) -> None:
    with pytest.raises(UnknownPluginError, match="unknown extension 'other'"):
        extension({"extensions": {"other": {"a": 1}}}, "other")


def test_the_example_of_show_plugin_is_a_valid_section(plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml.plugins.load._outcomes", {})  # the classes of the tests before are in folders of theirs
    shown = CliRunner().invoke(group, ["show-plugin", "extension", "acme"]).stdout
    _, _, example = shown.partition("in a config:\n")
    section = "\n".join(line for line in example.splitlines() if line and not line.startswith("#"))
    config = load_config(plugins.experiment(f"{GOOD}{section}\n")).config
    assert extension(config, "acme").alarm == 3.0


def test_a_section_is_explained(plugins) -> None:
    explained = explain(compose(plugins.experiment(SECTION), []), "extensions.acme")
    assert explained.heading == "extensions.acme: extension 'acme' of acme-wxml 0.3.1 (experiment.yaml:8)"
    values = {key.option.name: (key.value, key.origin) for key in explained.keys}
    assert values["project"] == ("storm-42", "experiment.yaml:8")
    assert values["alarm"] == ("3.0", "default")
