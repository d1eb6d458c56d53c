"""A YAML file of a command of its own is checked as an experiment is."""

from pathlib import Path
from typing import Annotated

import pytest
from wxml import Kind, Options, PluginChoice
from wxml.config.settings import read_settings, written_keys
from wxml.errors import ConfigError


class Step(Options):
    length: int = 1


class Recipe(Options):
    source: Annotated[PluginChoice, Kind("data-source")]
    step: Step = Step()
    name: str = ""


GOOD = "source: {plugin: simulated-atmosphere, end: 2000-01-02}\nstep: {length: 2}\n"


def read(folder: Path, text: str, *changes: str) -> Recipe:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return read_settings(file, Recipe, changes, advice="see the recipe")


def test_a_file_and_changes_over_it(tmp_path: Path) -> None:
    recipe = read(tmp_path, GOOD, "name=x", "source.truncation=5")
    assert (recipe.step.length, recipe.name) == (2, "x")
    assert recipe.source.options == {"end": "2000-01-02", "truncation": 5}
    assert written_keys(tmp_path / "recipe.yaml") == {"source", "step"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD.replace("step", "stpe"), "unknown key `stpe`: did you mean 'step'?"),
        (GOOD.replace("length", "lenght"), "unknown key `lenght`: did you mean 'length'?"),
        (GOOD.replace("2}", "two}"), "`length` must be a valid integer, got 'two'"),
        ("step: {length: 2}\n", "`source` is missing"),
        (GOOD.replace("simulated-atmosphere", "simulated-atmosfere"), "did you mean 'simulated-atmosphere'?"),
        (GOOD + "defaults: [{model: gnn}]\n", "presets belong to experiments"),
        (GOOD.replace("end:", "ende:"), "unknown key `ende`: did you mean 'end'?"),
    ],
)
def test_every_fault_has_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert sentence in str(caught.value), caught.value
    assert "recipe.yaml" in str(caught.value)
    assert caught.value.fix == "see the recipe"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "sorce: 1\nstep: {length: x}\n")
    assert [fault.key for fault in caught.value.faults] == ["sorce", "source", "step.length"]
