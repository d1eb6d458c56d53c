"""A source of another package composes with ours."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SOURCE = '''
import numpy as np
from wxml import DataSource, Grid, SourceHeader, Variable


class Sea(DataSource):
    """The hours since 2000, plus the latitude."""

    def __init__(self, *, name: str = "sst", turned: bool = False, near: bool = False) -> None:
        latitudes = np.array([60.0, 0.0, -60.0])[:: -1 if turned else 1]
        grid = Grid.regular(latitudes, [0.0, 120.0, 240.0])
        if near:
            grid = Grid.regular([20.0, 10.0, 0.0, -10.0, -20.0], [-20.0, -10.0, 0.0, 10.0, 20.0])
        times = np.datetime64("2000-01-01", "s") + np.arange(8) * np.timedelta64(6, "h")
        self.header = SourceHeader(grid, (Variable(name, units="K"),), times)

    def _read(self, time_indices, variable_indices, out):
        out[:] = (6 * time_indices)[:, None, None, None] + self.header.grid.latitudes

    def provenance(self):
        return {"sea": True}
'''
PROGRAM = """
import json
import sys
from wxml import create

choice = json.loads(sys.argv[1])
source = create("data-source", choice.pop("plugin"), choice)
values = source.read(source.header.times, source.header.names)
record, checksums, stamp = source.provenance(), source.checksums(), source.stamp()
grid = source.header.grid
print(json.dumps([source.header.names, values[:, 0].tolist(), grid.latitudes.tolist(), record, checksums, stamp]))
"""
SEA = {"plugin": "acme-sea"}
NEAR = SEA | {"near": True}
JOINED = {"plugin": "join", "sources": [SEA, SEA | {"name": "ice", "turned": True}]}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Reads what a choice of plugins gives, in a process that has the package of the source."""
    folder = tmp_path_factory.mktemp("acme")
    info = folder / "acme_sea-1.0.dist-info"
    info.mkdir()
    (folder / "acme_sea.py").write_text(SOURCE)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-sea\nVersion: 1.0\nRequires-Dist: wxml-core>=0.2\n"
    )
    (info / "entry_points.txt").write_text("[wxml.data_sources]\nacme-sea = acme_sea:Sea\n")
    (info / "RECORD").write_text("")
    environment = {**os.environ, "PYTHONPATH": str(folder), "WXML_CACHE": str(folder / "cache")}

    def read(choice):
        command = [sys.executable, "-c", PROGRAM, json.dumps(choice)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    return read


def test_a_source_of_another_package_composes(read):
    part = {"plugin": "subset", "area": {"north": 70, "south": 30}, "frequency": "12h", "source": JOINED}
    names, values, _, record, checksums, stamp = read({"plugin": "rename", "source": part, "names": {"ice": "siconc"}})
    assert names == ["sst", "siconc"]
    assert [[each[0] for each in instant] for instant in values] == [[hour + 60.0] * 2 for hour in (0, 12, 24, 36)]
    assert record["sources"][0]["sources"][0]["sources"] == [{"sea": True}] * 2
    assert (checksums, stamp) == ([], "")


def test_it_is_cut_out_brought_to_another_grid_and_derived_from(read):
    cutout = {"plugin": "cutout", "sources": [NEAR, SEA]}
    derived = {
        "plugin": "derive",
        "source": cutout,
        "variables": {"less": {"formula": "difference", "of": ["sst"] * 2}},
    }
    names, values, latitudes, *_ = read({"plugin": "convert", "source": derived, "units": {"sst": "degC"}})
    assert names == ["sst", "less"]
    assert len(latitudes) == 25 + 9 - 1  # 0°N 0°E of the coarse one lies in the region
    expected = [[6 * step + latitude - 273.15 for latitude in latitudes] for step in range(8)]
    np.testing.assert_allclose([each[0] for each in values], expected, atol=1e-4)
    assert not np.any([each[1] for each in values])
    regrid = {"plugin": "regrid", "source": NEAR, "to": {"like": NEAR | {"near": True}}, "method": "conservative"}
    thinned = {"plugin": "subset", "source": regrid, "thinning": {"every": 2}}
    _, values, latitudes, *_ = read({"plugin": "rolling", "source": thinned, "window": "12h"})
    assert len(latitudes) == 9
    np.testing.assert_allclose(values[0][0], np.array(latitudes) + 3.0, atol=1e-5)  # the mean of 0 and 6 h
