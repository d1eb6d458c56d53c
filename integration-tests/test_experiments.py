"""The experiments of the documentation are configs that `wxml train` takes."""

from pathlib import Path

import pytest
from wxml.config.load import load_config

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted((ROOT / "docs" / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_of_the_documentation_is_valid(path: Path) -> None:
    names_its_data = "data.source.path=" not in path.read_text()
    loaded = load_config(path, () if names_its_data else ("data.source.path=air.zarr",))
    assert loaded.config.training.plugin


def test_the_experiments_of_the_time_to_skill_differ_in_their_model_alone() -> None:
    paths = [path for path in EXPERIMENTS if path.stem.startswith("ncep-day-")]
    configs = [load_config(path, ("data.source.path=air.zarr",)).config for path in paths]
    assert len({config.model.processor.plugin for config in configs}) == len(configs) == 3
    first, *others = (config.model_dump(mode="json", exclude={"model"}) for config in configs)
    assert all(other == first for other in others)
