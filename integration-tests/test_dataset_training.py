"""What trains from files trains from the dataset built of them, by one line: the same samples, the same loss."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from wxml import assemble, create, load_config
from wxml.errors import ConfigError
from wxml_dataset_builder.command import command

PAGE = Path(__file__).resolve().parents[1] / "docs" / "datasets.md"


def build(*arguments: object) -> None:
    done = CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)
    if done.exception:
        raise done.exception


def test_an_experiment_trains_alike_from_its_dataset(
    tmp_path: Path, make_world: Callable[..., Path], quick_wxml: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_world(tmp_path / "world")
    monkeypatch.chdir(folder)
    experiment, store = folder / "experiment.yaml", folder / "built.zarr"
    build("build", experiment, store)
    change = f"data.source={{plugin: anemoi, path: {store}}}"
    first, second = assemble(load_config(experiment)), assemble(load_config(experiment, [change]))
    assert first.source.header.grid.identity == second.source.header.grid.identity
    assert np.array_equal(first.source.header.grid.area_weights, second.source.header.grid.area_weights)
    assert first.source.header.variables == second.source.header.variables
    for one, other in zip(first.samples("training", 1), second.samples("training", 1), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    for name, changes in {"files": [], "built": [change]}.items():
        quick_wxml("train", experiment, *changes, "--run-dir", folder / name, folder=folder)
    assert (folder / "files" / "history.csv").read_text() == (folder / "built" / "history.csv").read_text()


def test_the_recipe_of_the_page_is_built_and_appended(tmp_path: Path) -> None:
    text = re.findall(r"^```yaml\n# recipe.yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)[0]
    recipe, store = tmp_path / "recipe.yaml", tmp_path / "world.zarr"
    recipe.write_text(text)
    build("build", recipe, store)
    assert len(create("data-source", "anemoi", {"path": str(store)}).header.times) == 16
    build("append", store, "dates.end=2000-01-10")
    source = create("data-source", "anemoi", {"path": str(store)})
    assert len(source.header.times) == 20
    options = yaml.safe_load(text)["source"]
    whole = create("data-source", options.pop("plugin"), {key: str(value) for key, value in options.items()})
    assert np.array_equal(source.read(source.header.times, ["t"]), whole.read(source.header.times, ["t"]))


def test_keys_of_a_recipe_on_the_command_line_count_for_an_experiment_too(
    tmp_path: Path, make_world: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_world(tmp_path / "world")
    monkeypatch.chdir(folder)
    experiment, store = folder / "experiment.yaml", folder / "built.zarr"
    times = assemble(load_config(experiment)).source.header.times
    build("build", experiment, store, f"dates.end={times[3]}", "output.format=zarr2", "description=four dates")
    assert (store / ".zgroup").exists()
    assert np.array_equal(create("data-source", "anemoi", {"path": str(store)}).header.times, times[:4])
    with pytest.raises(ConfigError, match="formt"):
        build("build", experiment, folder / "other.zarr", "output.formt=zarr2")
