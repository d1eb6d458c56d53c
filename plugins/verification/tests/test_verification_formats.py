"""A forecast in a format that another package writes and reads is scored like any other."""

from pathlib import Path

import numpy as np
import pytest
from wxml import DataError, Grid, installed
from wxml_verification.reading import ForecastFile

POINTS = "[wxml.forecast_writers]\nrows = acme_rows:Rows\nmute = acme_rows:Mute\n"
CODE = '''
import numpy as np
from wxml import ForecastHeader, ForecastWriter, Grid, StoredForecast, Variable

class Mute(ForecastWriter):
    def open(self, header): ...
    def write(self, fields, lead_time): ...
    def close(self): ...
    @classmethod
    def read_provenance(cls, target):
        return {"artefact": "forecast"}

class Rows(Mute):
    """One row of text for each value of `x` in K: initial time, lead time, member, node, latitude, longitude, value."""
    @classmethod
    def read(cls, target):
        rows = np.loadtxt(target, ndmin=2)
        times, leads = (np.unique(rows[:, column]) for column in (0, 1))
        places = rows[: int(rows[:, 3].max()) + 1, 4:6].T
        values = rows[:, 6].reshape(len(times), len(leads), -1, places.shape[1])
        header = ForecastHeader(
            Grid.unstructured(*places), (Variable("x", units="K"),), (times * 3600).astype("datetime64[s]"),
            (leads * 3600).astype("timedelta64[s]"), values.shape[2], {},
        )
        return StoredForecast(header, lambda case, name: values[case], has_areas=False)
'''
TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-02", "s"), np.timedelta64(6, "h"))


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """Installs the two formats while a test runs."""
    info = tmp_path / "site" / "acme_rows-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rows\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "site" / "acme_rows.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    installed.cache_clear()
    yield
    installed.cache_clear()


def rows(path: Path, grid, added: list[float]) -> Path:
    """Two members, whose values are 280 plus what is added, six and twelve hours after two initial times."""
    hours = TIMES[:2].astype("int64") // 3600
    places = list(zip(grid.latitudes, grid.longitudes, strict=True))
    text = [
        f"{time} {lead} {member} {node} {places[node][0]} {places[node][1]} {280 + more}"
        for time in hours
        for lead in (6, 12)
        for member, more in enumerate(added)
        for node in range(len(grid))
    ]
    path.write_text("\n".join(text))
    return path


def test_a_format_of_another_package_is_scored(acme, tmp_path, grid, source, verify) -> None:
    path = rows(tmp_path / "forecast.rows", grid, [1.0, 4.0])  # the mean of the members is 2.5 too warm
    nodes = Grid.unstructured(grid.latitudes, grid.longitudes)
    truth = source(nodes, ["x"], TIMES, np.full((4, 1, 4), 280))
    scores, _ = verify(path, truth, maps=0)
    assert scores.cases == 2
    for metric in ("rmse", "bias", "mae"):
        np.testing.assert_allclose(scores.get(metric, "forecast", "x"), [2.5, 2.5])


def test_a_file_that_does_not_say_its_areas_has_none(acme, tmp_path, grid) -> None:
    with ForecastFile(rows(tmp_path / "forecast.rows", grid, [0.0])) as forecast:
        assert forecast.area_weights() is None


def test_a_format_that_cannot_be_read_is_refused(acme, tmp_path, grid, source, verify) -> None:
    path = tmp_path / "forecast.mute"
    path.write_text("42")
    with pytest.raises(DataError, match=r"forecast\.mute` cannot be read back: its forecast writer `Mute` has no"):
        verify(path, source(grid, ["x"], TIMES, np.zeros((4, 1, 4))))
