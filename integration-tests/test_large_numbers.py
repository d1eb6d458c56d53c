"""Options that make one layer after the other have a largest value: a slip of the keyboard ends at once."""

import pytest
from wxml.config.load import load_config
from wxml.errors import ConfigError

LAYERS = [
    *((part, "gnn", "hidden_layers", 100) for part in ("encoder", "processor", "decoder")),
    *(("processor", plugin, "num_layers", 1000) for plugin in ("gnn", "transformer", "graph-transformer")),
]


@pytest.mark.parametrize(("part", "plugin", "option", "largest"), LAYERS)
def test_layers_have_a_largest_number(trained, part: str, plugin: str, option: str, largest: int) -> None:
    def load(number: int) -> None:
        load_config(trained / "experiment.yaml", [f"model.{part}={{plugin: {plugin}, {option}: {number}}}"])

    load(largest)
    with pytest.raises(ConfigError, match=f"`{option}` must be less than or equal to {largest}"):
        load(largest + 1)
