"""What errors of models propose, carried out: the model forecasts, and keeps the limits that it was given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wxml import Fields
from wxml.errors import WxmlError
from wxml.experiment.assembling import assemble
from wxml.forecasting.rollout import rollout

carries_out = pytest.mark.carries_out
Changes = dict[str, Any]
Holds = Callable[[Fields], Any]

LOGARITHM = [{"plugin": "log1p"}, {"plugin": "normalise"}]
SHARE, Q_IS_DIAGNOSTIC = {"q": {"fraction_of": "t"}}, {"data.variables.diagnostic": ["q"]}


def root(*variables: str) -> Changes:
    return {"data.transforms": [{"plugin": "root", "variables": list(variables)}]}


def bounding(**bounds: Changes) -> Changes:
    return {"model.bounding": bounds}


def finite(fields: Fields) -> Any:
    return np.isfinite(fields.values)


def is_share(fields: Fields) -> Any:
    return (fields["q"] >= -1e-3) & (fields["q"] <= fields["t"] + 1e-3)


CASES: list[tuple[pytest.MarkDecorator, Changes, list[tuple[Changes, Holds]]]] = [
    (
        carries_out("`how: inject` works with every processor"),
        {"model.noise": {"channels": 4}},
        [
            ({"model.noise": {"channels": 4, "how": "inject"}}, finite),
            ({"model.noise": {"channels": 4}, "model.processor.plugin": "conditioned"}, finite),
        ],
    ),
    (
        carries_out("set it to 0"),
        {"model.trainable_features.decoder": 2},
        [({"model.trainable_features.decoder": 0}, finite)],
    ),
    (
        carries_out("{}known: {}"),
        bounding(temperature={"minimum": 300}),
        [(bounding(t={"minimum": 300}), lambda fields: fields["t"] >= 299.99)],
    ),
    (
        carries_out("{}known: {}"),
        Q_IS_DIAGNOSTIC | bounding(q={"fraction_of": "tt"}),
        [(Q_IS_DIAGNOSTIC | bounding(q={"fraction_of": "t"}), is_share)],
    ),
    (
        carries_out("add {} to `data.variables.diagnostic`"),
        bounding(**SHARE),
        [
            (Q_IS_DIAGNOSTIC | bounding(**SHARE), is_share),
        ],
    ),
    (
        carries_out("let one of them be forecast by itself"),
        Q_IS_DIAGNOSTIC | bounding(**SHARE, t={"fraction_of": "q"}),
        [(Q_IS_DIAGNOSTIC | bounding(**SHARE), is_share)],
    ),
    (
        carries_out("choose a limit that the transforms can take"),
        {"data.transforms": LOGARITHM} | bounding(q={"minimum": -2}),
        [({"data.transforms": LOGARITHM} | bounding(q={"minimum": 8}), lambda fields: fields["q"] >= 7.99)],
    ),
    (
        carries_out("leave {} out of the transforms that do this, or out of `model.bounding`"),
        root("q") | bounding(q={"minimum": 8}),
        [(root("t") | bounding(q={"minimum": 8}), lambda fields: fields["q"] >= 7.99), (root("q"), finite)],
    ),
    (
        carries_out("leave {} out of the transforms that are not linear, or give it limits instead"),
        Q_IS_DIAGNOSTIC | {"data.transforms": LOGARITHM} | bounding(**SHARE),
        [
            (Q_IS_DIAGNOSTIC | bounding(**SHARE), is_share),
            (
                Q_IS_DIAGNOSTIC | {"data.transforms": LOGARITHM} | bounding(q={"minimum": 0, "maximum": 3}),
                lambda fields: (fields["q"] >= -0.01) & (fields["q"] <= 3.01),
            ),
        ],
    ),
]


@pytest.mark.parametrize(
    ("broken", "ways"), [pytest.param(broken, ways, marks=fix, id=fix.args[0]) for fix, broken, ways in CASES]
)
def test_the_fix_helps(broken: Changes, ways: list[tuple[Changes, Holds]], tiny) -> None:
    with pytest.raises(WxmlError):
        assemble(tiny(broken)).new_model()
    for changes, holds in ways:
        experiment = assemble(tiny(changes))
        for _, fields in rollout(experiment, experiment.new_model(), experiment.source.header.times[[6]], 2):
            assert holds(fields).all()
