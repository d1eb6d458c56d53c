"""A source of another package composes with ours."""

import json
import os
import subprocess
import sys

SOURCE = '''
import numpy as np
from wxml import DataSource, Grid, SourceHeader, Variable


class Sea(DataSource):
    """The hours since 2000 everywhere."""

    def __init__(self, *, name: str = "sst", turned: bool = False) -> None:
        latitudes = np.array([60.0, 0.0, -60.0])[:: -1 if turned else 1]
        times = np.datetime64("2000-01-01", "s") + np.arange(8) * np.timedelta64(6, "h")
        self.header = SourceHeader(Grid.regular(latitudes, [0.0, 120.0, 240.0]), (Variable(name, units="K"),), times)

    def _read(self, time_indices, variable_indices, out):
        out[:] = (6 * time_indices)[:, None, None, None] + self.header.grid.latitudes

    def provenance(self):
        return {"sea": True}
'''
PROGRAM = """
import json
from wxml import create

sea = {"plugin": "acme-sea"}
joined = {"plugin": "join", "sources": [sea, {"plugin": "acme-sea", "name": "ice", "turned": True}]}
options = {"source": {"plugin": "subset", "area": {"north": 70, "south": 30}, "frequency": "12h", "source": joined},
           "names": {"ice": "siconc"}}
source = create("data-source", "rename", options)
values = source.read(source.header.times, source.header.names)
record, checksums, stamp = source.provenance(), source.checksums(), source.stamp()
print(json.dumps([source.header.names, values[:, 0, :, 0].tolist(), record, checksums, stamp]))
"""


def test_a_source_of_another_package_composes(tmp_path):
    info = tmp_path / "acme_sea-1.0.dist-info"
    info.mkdir()
    (tmp_path / "acme_sea.py").write_text(SOURCE)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-sea\nVersion: 1.0\nRequires-Dist: wxml-core>=0.2\n"
    )
    (info / "entry_points.txt").write_text("[wxml.data_sources]\nacme-sea = acme_sea:Sea\n")
    (info / "RECORD").write_text("")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    names, values, record, checksums, stamp = json.loads(done.stdout)
    assert names == ["sst", "siconc"]
    assert values == [[hour + 60.0] * 2 for hour in (0, 12, 24, 36)]
    assert record["sources"][0]["sources"][0]["sources"] == [{"sea": True}] * 2
    assert (checksums, stamp) == ([], "")
