"""Names that a forecast file can hold are known before the training."""

import numpy as np
import pytest
from wxml import DataError, ForecastHeader, Grid, Variable
from wxml.data.file_names import check_file_names, coordinate_names
from wxml.forecasting.layout import ForecastLayout

GRIDS = {
    "regular": Grid.regular([60.0, 20.0], [0.0, 90.0, 180.0]),
    "curvilinear": Grid.curvilinear(*np.meshgrid([40.0, 50.0], [0.0, 10.0], indexing="ij")),
    "cells": Grid.octahedral(2),
}


@pytest.mark.parametrize("kind", list(GRIDS))
def test_the_coordinates_are_those_of_the_layout(kind: str) -> None:
    start, lead = np.array(["2000-01-01"], "datetime64[s]"), np.array([6], "timedelta64[h]").astype("timedelta64[s]")
    layout = ForecastLayout.of(ForecastHeader(GRIDS[kind], (Variable("t"),), start, lead, 1, {}))
    assert coordinate_names(GRIDS[kind]) == {one.name for one in layout.coordinates} | set(layout.dimensions)


@pytest.mark.parametrize("name", ["t_850", "2t", "a.b", "u+v", "t" * 200])
def test_other_names_stand_in_every_file(name: str) -> None:
    check_file_names([name], coordinate_names(GRIDS["regular"]))


@pytest.mark.parametrize("name", ["two words", "t/850", "température", "_t", "", "t" * 201, "time", "latitude"])
def test_names_that_no_file_holds_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"cannot hold a variable|is that of a coordinate"):
        check_file_names(["t", name], coordinate_names(GRIDS["regular"]))
