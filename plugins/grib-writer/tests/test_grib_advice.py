"""What errors of the writer propose, carried out: the forecast can be written, or read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import Fields, Grid, GridPart, Variable, open_forecast
from wxml.errors import WxmlError
from wxml_grib_writer.writer import Grib2Writer

carries_out = pytest.mark.carries_out
ROW = Grid.regular([12.5], [0, 10, 20])
VALUES = np.array([1.0, 2.0, 3.0], np.float32)


@pytest.fixture
def tried(tmp_path: Path, header: Callable[..., Any], write: Callable[..., str]) -> Callable[..., np.ndarray]:
    """Writes a forecast and gives what is read back, of the first variable."""
    names = (tmp_path / f"{number}.grib2" for number in range(9))

    def write_it(nodes: Grid, *variables: Variable, values: Any = VALUES, changes: Any = (), **options: Any) -> Any:
        head = header(nodes, *variables, **dict(changes))
        with open_forecast(write(next(names), head, values, packing="ieee", **options)) as stored:
            return stored.read(0, head.variables[0].name)[0, 0]

    return write_it


def refused(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Insist that this is refused, and leave what it says to the mark of the test."""
    with pytest.raises(WxmlError):
        call(*arguments, **options)


@carries_out("write it as zarr or NetCDF")
def test_several_grids_go_into_another_format(tried: Callable[..., Any]) -> None:
    whole = Grid.unstructured([50.0, 51.0, 48.5], [5.0, 7.5, 11.0])
    refused(tried, replace(whole, parts=(GridPart("a", 1), GridPart("b", 2))))
    assert tried(whole).tolist() == [1, 2, 3]


@carries_out("give its keys as `grid` of the writer, such as {gridType: lambert, …}, or write zarr or NetCDF")
@carries_out(
    "give the keys that `grib_dump` shows for the grid of the data: the first node, the order of rows and columns and "
    "the shape of the earth count, too"
)
def test_a_rotated_grid_by_its_keys(tried: Callable[..., Any], rotated: tuple[Grid, dict[str, Any]]) -> None:
    grid, keys = rotated
    refused(tried, grid, values=np.arange(12))
    refused(tried, grid, values=np.arange(12), grid=keys | {"longitudeOfSouthernPoleInDegrees": 20.0})
    assert tried(grid, values=np.arange(12), grid=keys).tolist() == list(range(12))


@carries_out("leave `grid` out: the grid is known by its nodes")
def test_a_list_of_nodes_has_no_projection(tried: Callable[..., Any]) -> None:
    nodes = Grid.octahedral(2)
    refused(tried, nodes, values=np.arange(len(nodes)), grid={"gridType": "lambert"})
    assert tried(nodes, values=np.arange(len(nodes))).tolist() == list(range(len(nodes)))


@carries_out("write them like {}: paramId=130")
@carries_out(
    "name keys, such as parameters: {{}: 'paramId=130,typeOfLevel=isobaricInhPa,level=850'} "
    "(https://codes.ecmwf.int/grib/param-db) in its units, or leave it out"
)
def test_a_name_that_grib_does_not_know(tried: Callable[..., Any]) -> None:
    melon = Variable("melon", units="K")
    refused(tried, ROW, melon)
    refused(tried, ROW, melon, parameters={"melon": "number 130"})
    refused(tried, ROW, melon, parameters={"melon": "paramId=133"})
    assert tried(ROW, melon, parameters={"melon": "paramId=130"}).tolist() == [1, 2, 3]


@carries_out("name other keys for one of them, as in parameters: {{}: 'paramId=…,level=…'}")
def test_two_variables_of_one_parameter(tried: Callable[..., Any]) -> None:
    both = Variable("t2m", units="K"), Variable("2t", units="K")
    refused(tried, ROW, *both)
    keys = {"2t": "paramId=130,typeOfLevel=heightAboveGround,level=4"}
    assert tried(ROW, *both, parameters=keys).tolist() == [1, 2, 3]


@carries_out("name it for the writer, as in periods: {{}: 6h}, or `start` if it begins at the initial time")
@carries_out("choose a longer step, or name a shorter period")
def test_the_period_of_an_accumulation(tried: Callable[..., Any]) -> None:
    rain = Variable("tp", units="kg m-2")
    refused(tried, ROW, rain)
    refused(tried, ROW, rain, periods={"tp": "12h"})
    assert tried(ROW, rain, periods={"tp": "6h"}).tolist() == [1, 2, 3]
    assert tried(ROW, rain, periods={"tp": "start"}).tolist() == [1, 2, 3]
    assert tried(ROW, rain, periods={"tp": "12h"}, changes={"hours": (12, 24)}).tolist() == [1, 2, 3]


@carries_out("name its keys, as in parameters: {{}: 'typeOfStatisticalProcessing=…'}")
def test_a_step_type_that_eccodes_does_not_know(tried: Callable[..., Any]) -> None:
    odd = Variable("t2m", units="K", step_type="sharks", period="6h")
    refused(tried, ROW, odd)
    usual = replace(odd, step_type="max")
    assert tried(ROW, usual).tolist() == [1, 2, 3]


@carries_out("look for the fault of the model: its forecast has run away")
def test_an_infinite_value(tried: Callable[..., Any]) -> None:
    refused(tried, ROW, values=np.array([1, np.inf, 2]))
    assert tried(ROW, values=np.array([1.0, 5.0, 2.0])).tolist() == [1, 5, 2]


@carries_out("write each step once")
@carries_out("call `open` with a header first")
@carries_out("call `close` first, or use a second writer")
def test_the_order_of_the_calls(tmp_path: Path, header: Callable[..., Any]) -> None:
    head, writer = header(ROW), Grib2Writer(str(tmp_path / "forecast.grib2"))
    step = Fields(head.initial_times[0] + head.lead_times[0], ("t_850",), VALUES[None, None])
    refused(writer.write, step, head.lead_times[0])
    writer.open(head)
    refused(writer.open, head)
    writer.write(step, head.lead_times[0])
    refused(writer.write, step, head.lead_times[0])
    writer.close()
    second = Grib2Writer(str(tmp_path / "second.grib2"))
    second.open(head)
    second.write(step, head.lead_times[0])
    second.close()
    assert (tmp_path / "second.grib2").read_bytes() == (tmp_path / "forecast.grib2").read_bytes()


@carries_out("name a file of forecasts; wxml reads analyses in GRIB as the data source `xarray`")
@carries_out("name a file that is there")
@carries_out("copy the file again, or write it again")
@carries_out("take one of both out")
def test_what_is_no_forecast(tmp_path: Path, header: Callable[..., Any], write: Callable[..., str]) -> None:
    path = Path(write(tmp_path / "forecast.grib2", header(ROW), VALUES))
    whole = path.read_bytes()
    refused(Grib2Writer.read_provenance, str(tmp_path / "absent.grib2"))
    for content in (b"no GRIB", b"GRIB" + bytes(40), whole.replace(b"wxmlx", b"wxmlz"), whole + whole):
        path.write_bytes(content)
        refused(open_forecast, path)
    place = whole.index(b"wxml") + 4
    path.write_bytes(whole[:place] + bytes(9) + whole[place + 9 :])
    refused(open_forecast, path)
    path.write_bytes(whole)
    with open_forecast(path) as stored:
        np.testing.assert_allclose(stored.read(0, "t_850")[0, 0], VALUES, atol=1e-4)
    assert Grib2Writer.read_provenance(str(path)) == {"artefact": "forecast"}
