"""The space of losses: what a loss and its weights are told of an experiment."""

import numpy as np
import pytest
from wxml import LossSpace
from wxml.errors import DataError
from wxml.testing.tiny_experiment import tiny_experiment


def test_the_space_is_that_of_the_experiment() -> None:
    space = LossSpace.of(tiny_experiment(), steps=4, members=2)
    assert (space.names, space.prognostic, space.steps, space.members) == (("t", "q"), {"t", "q"}, 4, 2)
    assert space.timestep == np.timedelta64(6, "h")
    assert space.area.sum() == pytest.approx(1.0)
    part = space.select(["q"])
    assert (part.names, part.statistics.variables) == (("q",), ("q",))
    np.testing.assert_allclose(part.tendency_scale, space.tendency_scale[1:])


@pytest.mark.carries_out("write the name of a variable")
def test_fields_are_those_of_the_source_at_its_first_time() -> None:
    experiment = tiny_experiment()
    space = LossSpace.of(experiment, steps=1)
    with pytest.raises(DataError, match="the data source has no variable 'lsm'"):
        space.field("lsm")
    np.testing.assert_allclose(space.field("t"), experiment.source.wave("t", 0.0, 0), rtol=1e-6)
