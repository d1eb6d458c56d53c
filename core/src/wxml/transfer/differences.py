"""What makes the forecasts of two models differ although one has the weights of the other."""

__all__ = ["differences"]

from collections.abc import Iterator, Mapping
from typing import Any

from wxml.transfer.outputs import same_outputs
from wxml.transfer.pairs import Pair, dropped
from wxml.transfer.side import Side

DATA = ("timestep", "input_steps", "output_steps")
MODEL = ("channels", "latent_skip", "truncation_width")
READS = ("input_last_state", "input_means")
"""What a new model may read in addition: the weights for it begin at 0."""
PLUGINS = ("encoder", "processor", "decoder")


def differences(parent: Side, child: Side, pairs: Mapping[str, Pair]) -> list[str]:
    """One sentence for each variable that is new, dropped or forecast in another way, and for each option that differs.

    Other statistics, another order and another mesh are none: the weights follow the statistics and the order exactly,
    and the mesh is what the weights are to be carried to.
    """
    return [*_of_variables(parent, child, pairs), *_of_options(parent, child)]


def _of_variables(parent: Side, child: Side, pairs: Mapping[str, Pair]) -> Iterator[str]:
    for name in child.preprocessing.variables:
        pair = pairs.get(name)
        if pair is None:
            yield f"{name!r} is new"
        elif pair.is_copy:
            yield f"{name!r} is new, and begins with the weights of {pair.old!r}"
        elif name in child.roles.input and pair.old not in parent.roles.input:
            yield f"{name!r} was no input"
        elif name in child.roles.output and pair.old not in parent.roles.output:
            yield f"{name!r} was not forecast"
        elif name in child.roles.output and not same_outputs(parent, child, pair):
            yield f"{name!r} was forecast as something else (`model.residual`, `model.bounding`)"
    for name in dropped(parent, pairs):
        yield f"{name!r} of the checkpoint is dropped"


def _of_options(parent: Side, child: Side) -> Iterator[str]:
    old, new = (side.config.model_dump(mode="json") for side in (parent, child))
    for section, keys in (("data", DATA), ("model", MODEL)):
        for key in keys:
            if old[section][key] != new[section][key]:
                yield _differs(f"{section}.{key}", old[section][key], new[section][key])
    for key in READS:
        if old["model"][key] and not new["model"][key]:
            yield _differs(f"model.{key}", True, False)
    for part in PLUGINS:
        was, now = old["model"][part], new["model"][part]
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key):
                yield _differs(f"model.{part}.{key}", was.get(key, "its default"), now.get(key, "its default"))
    if old["model"]["spread"] != new["model"]["spread"]:
        yield _differs("model.spread", old["model"]["spread"], new["model"]["spread"])
    if (old["model"]["noise"] is None) != (new["model"]["noise"] is None):
        yield _differs("model.noise", old["model"]["noise"], new["model"]["noise"])


def _differs(option: str, old: Any, new: Any) -> str:
    return f"`{option}` was {old}, is {new}"
