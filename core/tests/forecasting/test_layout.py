"""The layout of a forecast file; `wxml-forecast-writers` tests the files themselves, with plain xarray."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.data.grid import Grid
from wxml.errors import ArtefactError, DataError
from wxml.forecasting.layout import (
    HORIZONTAL,
    PROVENANCE,
    ForecastLayout,
    grid_coordinates,
    provenance_from_text,
    provenance_text,
)
from wxml.testing.tiny_forecast import tiny_header

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_layout_of_members_on_a_regular_grid() -> None:
    layout = ForecastLayout.of(tiny_header(members=3))
    sizes = {"time": 2, "prediction_timedelta": 3, "number": 3, "latitude": 4, "longitude": 6}
    assert list(layout.dimensions.items()) == list(sizes.items())
    assert [one.name for one in layout.coordinates] == [*sizes, "area_weight"]
    assert layout.variables == ("t_850", "msl")
    assert layout.auxiliary == "area_weight"
    assert layout.step_shape == (3, 4, 6)
    assert layout.step_bytes == 2 * 3 * 4 * 6 * 4
    assert set(layout.attributes) == {"Conventions", "title", PROVENANCE}


@pytest.mark.parametrize(
    ("grid", "dimensions"),
    [
        (Grid.regular([10.0, 20.0], [0.0, 90.0, 180.0, 270.0]), HORIZONTAL[0]),
        (Grid.curvilinear(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[1.0, 2.0], [1.5, 2.5]])), HORIZONTAL[1]),
        (Grid.healpix(1), HORIZONTAL[2]),
    ],
    ids=["regular", "curvilinear", "healpix"],
)
def test_the_horizontal_dimensions_follow_from_the_grid(grid: Grid, dimensions: tuple[str, ...]) -> None:
    latitude, longitude, weight = grid_coordinates(grid)
    assert weight.dimensions == dimensions
    assert weight.values.size == len(grid)
    assert set(latitude.dimensions) | set(longitude.dimensions) == set(dimensions)
    assert weight.values.sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_the_provenance_reads_back_from_its_text(record: dict[str, object]) -> None:
    assert provenance_from_text("a.nc", provenance_text(record)) == record


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "carries no `wxml_provenance`"), ("{", "is damaged"), ("[1]", "is no JSON object"), (3.5, "is damaged")],
)
def test_a_damaged_provenance_names_the_file(text: object, message: str) -> None:
    with pytest.raises(ArtefactError, match=rf"`a\.nc`.*{message}|{message}.*`a\.nc`|`a\.nc` {message}"):
        provenance_from_text("a.nc", text)


def test_a_record_that_is_not_json_is_refused() -> None:
    with pytest.raises(DataError, match="JSON values only"):
        provenance_text({"when": np.datetime64("2000-01-01")})
