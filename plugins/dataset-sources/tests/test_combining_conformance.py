"""What the interface promises, checked by the kit for every source that is made of others."""

import pytest
from wxml.testing import DataSourceContract
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.combining.accumulate import Accumulate
from wxml_dataset_sources.combining.complement import Complement
from wxml_dataset_sources.combining.concat import Concat
from wxml_dataset_sources.combining.convert import Convert
from wxml_dataset_sources.combining.cutout import Cutout
from wxml_dataset_sources.combining.derive import Derive
from wxml_dataset_sources.combining.ensemble import Ensemble
from wxml_dataset_sources.combining.grids import Grids
from wxml_dataset_sources.combining.interpolate_times import InterpolateTimes
from wxml_dataset_sources.combining.join import Join
from wxml_dataset_sources.combining.merge import Merge
from wxml_dataset_sources.combining.missing import Missing
from wxml_dataset_sources.combining.regrid import Regrid
from wxml_dataset_sources.combining.rename import Rename
from wxml_dataset_sources.combining.repeated import Repeated
from wxml_dataset_sources.combining.rescale import Rescale
from wxml_dataset_sources.combining.rolling import Rolling
from wxml_dataset_sources.combining.statistics_of import StatisticsOf
from wxml_dataset_sources.combining.subset import Subset


@pytest.fixture(scope="module", autouse=True)
def _open_once(tmp_path_factory):
    """Files are looked at once, and stay open: the source that reads them is no matter of these tests.

    One cache for all lets the other process, in which sources are read as well, be one for all.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WXML_CACHE", str(tmp_path_factory.mktemp("cache")))
        examined, found = xarray_source._examined, {}

        def known(file, selection, grids):
            key = repr((file, selection))
            found[key] = found.get(key) or examined(file, selection, grids)
            return found[key]

        patch.setattr(xarray_source, "_examined", known)
        patch.setattr(xarray_source, "release", lambda: None)
        yield
    xarray_source.release()


def chosen(world):
    """A world as a config has it."""
    return {"plugin": "xarray", **world.choice.options}


class TestJoin(DataSourceContract):
    plugin = Join

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        turned = world("q", latitudes=(-60.0, 0.0, 60.0), longitudes=(-180.0, -90.0, 0.0, 90.0))
        self.options = {"sources": [chosen(world("t z")), chosen(turned)]}


class TestConcat(DataSourceContract):
    plugin = Concat

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"sources": [chosen(world("t z", "2000-01-05")), chosen(world("z t"))]}


class TestMerge(DataSourceContract):
    plugin = Merge

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        worlds = [world(start=f"2000-01-01T{hour}", step=12, members=2) for hour in ("00", "06")]
        self.options = {"sources": [chosen(each) for each in worlds]}


class TestSubset(DataSourceContract):
    plugin = Subset

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {
            "source": chosen(world("t z q", count=9, members=3)),
            "start": "2000-01-01T06",
            "frequency": "12h",
            "select": ["q", "t"],
            "members": [2, 0],
            "area": {"north": 30, "west": -100, "east": 100},
            "thinning": {"random": 0.5},
        }


class TestRename(DataSourceContract):
    plugin = Rename

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z")), "names": {"t": "temperature"}}


class TestConvert(DataSourceContract):
    plugin = Convert

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z")), "units": {"t": "degC"}}


class TestRescale(DataSourceContract):
    plugin = Rescale

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z")), "variables": {"t": {"scale": 2, "units": "1"}}}


class TestMissing(DataSourceContract):
    plugin = Missing
    missing = [("2000-01-03", "t")]

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        parts = {"plugin": "concat", "sources": [chosen(world("t z")), chosen(world("t z", "2000-01-05"))]}
        self.options = {"source": parts, "policy": "nan"}


class TestEnsemble(DataSourceContract):
    plugin = Ensemble

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"sources": [chosen(world("t z", members=2)), chosen(world("z t"))]}


class TestRolling(DataSourceContract):
    plugin = Rolling

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z q", count=8)), "window": "18h", "variables": ["z", "t"]}


class TestInterpolateTimes(DataSourceContract):
    plugin = InterpolateTimes

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z", members=2)), "frequency": "2h"}


class TestRepeated(DataSourceContract):
    plugin = Repeated

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        source = chosen(world("t z", "1999-12-30", count=8, step=12))
        period = {"start": "2003-12-30", "end": "2004-01-02T12", "frequency": "12h"}
        self.options = {"source": source, "every": "day", "members": 2, **period}


class TestRegrid(DataSourceContract):
    plugin = Regrid

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        self.options = {"source": chosen(world("t z", members=2)), "to": {"octahedral": 4}}


class TestDerive(DataSourceContract):
    plugin = Derive

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        speed = {"formula": "wind-speed", "of": ["u", "v"]}
        self.options = {"source": chosen(world("u v t", members=2)), "variables": {"speed": speed}}


class TestCutout(DataSourceContract):
    plugin = Cutout

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        region = world("t z", latitudes=(40.0, 20.0, 0.0, -20.0), longitudes=(70.0, 90.0, 110.0))
        self.options = {"sources": [chosen(region), chosen(world("z t"))]}


class TestAccumulate(DataSourceContract):
    plugin = Accumulate

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        options = {"variables": ["tp"], "start": "2000-01-01", "restart": "12h"}
        self.options = {"source": chosen(world("t tp", count=8)), **options}


class TestGrids(DataSourceContract):
    plugin = Grids

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        region = world("t z", latitudes=(40.0, 20.0), longitudes=(70.0, 95.0, 110.0))
        self.options = {"sources": [chosen(region), chosen(world("z t"))]}


class TestComplement(DataSourceContract):
    plugin = Complement

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        other = world("q", latitudes=(70.0, 0.0, -70.0), longitudes=(10.0, 100.0, 190.0, 280.0))
        self.options = {"source": chosen(world("t z")), "other": chosen(other), "method": "inverse-distance"}


class TestStatisticsOf(DataSourceContract):
    plugin = StatisticsOf

    @pytest.fixture(autouse=True)
    def _sources(self, world):
        other = world("z t q", "2000-02-01", count=9, latitudes=(-45.0, 45.0))
        self.options = {"source": chosen(world("t z", members=2)), "of": chosen(other)}
