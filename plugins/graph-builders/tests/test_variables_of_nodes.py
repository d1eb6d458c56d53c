"""What a variable of the data tells of nodes: masks, values, areas, heights."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from wxml import DataSource, Grid, NodeSet, PluginChoice, SourceHeader, Variable, create, load_config
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.attributes.area import Area
from wxml_graph_builders.attributes.variables import NonMissing, NonZero, OfVariable
from wxml_graph_builders.edge_features.height_difference import HeightDifference
from wxml_graph_builders.meshes.triangles import Triangles

carries_out = pytest.mark.carries_out
SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
T63 = SHARED / "static-fields"
GRID = Grid.regular(np.arange(85.0, -90, -10), np.arange(0.0, 360, 10))
SOUTH = GRID.latitudes < 0


class Planet(DataSource):
    """A sea in the south that has a temperature, and land in the north that has a height; two times."""

    def __init__(self, *, height_units: str = "m", gap: bool = False, days: int = 2) -> None:
        units = {"sst": "K", "land": "1", "height": height_units, "cell_area": "km2", "odd": ""}
        times = np.array(["2000-01-01", "2000-01-02"], "datetime64[s]")[:days]
        self.header = SourceHeader(GRID, tuple(Variable(name, units=unit) for name, unit in units.items()), times)
        self.gap = gap

    def _read(self, time_indices: Any, variable_indices: Any, out: NDArray[np.float32]) -> None:
        for row, time in enumerate(time_indices):
            fields = [
                np.where(SOUTH, 280.0 + time, np.nan),
                np.where(SOUTH, 0.0, 1.0),
                np.where(np.arange(len(GRID)) == 5, np.nan, GRID.latitudes) if self.gap else GRID.latitudes,
                GRID.area_weights * 5.1e8,
                np.where(SOUTH, np.nan, GRID.longitudes + time),
            ]
            out[row] = np.stack(fields)[variable_indices]

    def provenance(self) -> dict[str, Any]:
        return {"plugin": "planet"}


@pytest.fixture(autouse=True)
def planet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source `planet` is there without being installed."""

    def made(kind: str, name: str, options: dict[str, Any], *rest: Any, where: str = "") -> Any:
        return Planet(**options) if name == "planet" else create(kind, name, options, *rest, where=where)

    monkeypatch.setattr("wxml_graph_builders.sampled_field.create", made)


def source(**options: Any) -> PluginChoice:
    return PluginChoice(plugin="planet", **options)


def on_grid() -> tuple[MeshNodes, BuildContext]:
    nodes = MeshNodes(NodeSet.of_grid(GRID))
    return nodes, BuildContext(GRID, {"grid": nodes})


def test_a_mask_is_where_a_variable_has_a_value() -> None:
    assert np.array_equal(NonMissing(variable="sst", source=source()).values(*on_grid()), SOUTH)
    assert NonMissing(variable="land", source=source()).values(*on_grid()).all()


def test_a_mask_is_where_a_variable_is_not_zero() -> None:
    """A missing value is none."""
    assert np.array_equal(NonZero(variable="land", source=source()).values(*on_grid()), ~SOUTH)
    assert np.array_equal(NonZero(variable="sst", source=source()).values(*on_grid()), SOUTH)
    meridian = GRID.longitudes == 0
    assert np.array_equal(NonZero(variable="odd", source=source()).values(*on_grid()), ~SOUTH & ~meridian)


def test_nodes_of_a_mesh_have_the_value_of_the_nearest_node() -> None:
    mesh = Triangles(refinement=3).build(on_grid()[1])
    found = OfVariable(variable="height", source=source()).values(mesh, on_grid()[1])
    nearness = mesh.points @ on_grid()[0].points.T
    is_nearest = nearness > nearness.max(axis=1, keepdims=True) - 1e-12
    assert np.all((is_nearest & (found[:, None] == GRID.latitudes)).any(axis=1))


def test_a_time_may_be_chosen() -> None:
    first = OfVariable(variable="odd", source=source(), fill=-1.0).values(*on_grid())
    second = OfVariable(variable="odd", source=source(), fill=-1.0, time="2000-01-02").values(*on_grid())
    np.testing.assert_array_equal(second[~SOUTH] - first[~SOUTH], 1)
    assert np.all(second[SOUTH] == -1)
    with pytest.raises(DataError, match="no data for 2000-01-03"):
        OfVariable(variable="odd", source=source(), time="2000-01-03").values(*on_grid())


@carries_out("give a `fill` for them, or choose another variable")
def test_missing_values_are_told() -> None:
    with pytest.raises(DataError, match=f"`sst` is missing at {(~SOUTH).sum()} of {len(GRID)} nodes"):
        OfVariable(variable="sst", source=source()).values(*on_grid())
    assert np.all(OfVariable(variable="sst", source=source(), fill=0.0).values(*on_grid())[~SOUTH] == 0)
    assert len(OfVariable(variable="land", source=source()).values(*on_grid())) == len(GRID)


@carries_out("choose other data")
def test_data_without_times_are_told() -> None:
    with pytest.raises(DataError, match="the source of `land` has no times at all"):
        NonZero(variable="land", source=source(days=0)).values(*on_grid())
    NonZero(variable="land", source=source(days=1)).values(*on_grid())


def test_a_variable_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="no variable 'sts'"):
        NonMissing(variable="sts", source=source()).values(*on_grid())


def test_areas_are_taken_from_a_variable() -> None:
    area = Area(method="from-variable", variable="cell_area", source=source())
    np.testing.assert_allclose(area.values(*on_grid()), GRID.area_weights, rtol=1e-6)
    metres = Area(method="from-variable", variable="cell_area", source=source(), unit="m2").values(*on_grid())
    np.testing.assert_allclose(metres, GRID.area_weights * 5.1e14, rtol=1e-6)


# Heights


def pairs() -> tuple[NodeSet, NodeSet, NDArray[np.int64]]:
    nodes = on_grid()[0].nodes
    count = len(nodes.latitudes)
    return nodes, nodes, np.stack([np.arange(count), np.roll(np.arange(count), 36)], axis=1)


@pytest.mark.parametrize(
    ("units", "metres"), [("m", 1.0), ("km", 1000.0), ("m2 s-2", 1 / 9.80665), ("m**2 s**-2", 1 / 9.80665)]
)
def test_the_difference_of_heights_is_in_metres(units: str, metres: float) -> None:
    nodes, _, edges = pairs()
    found = HeightDifference(variable="height", source=source(height_units=units)).values(*pairs())
    expected = (nodes.latitudes[edges[:, 0]] - nodes.latitudes[edges[:, 1]]) * metres
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)
    assert HeightDifference(variable="height", source=source()).values(*pairs()[:2], edges[:0]).shape == (0, 1)


@carries_out("choose another variable, or take it as an attribute of the nodes and the feature `difference`")
def test_what_is_no_height_is_told() -> None:
    with pytest.raises(DataError, match="must be a height or a geopotential, got the units '1'"):
        HeightDifference(variable="land", source=source()).values(*pairs())
    HeightDifference(variable="height", source=source()).values(*pairs())
    land = OfVariable(variable="land", source=source()).values(*on_grid())
    nodes = pairs()[0].with_attributes(land=land)
    create("edge-feature", "difference", {"attribute": "land"}).values(nodes, nodes, pairs()[2])


@carries_out("choose another variable, or data that have it everywhere")
def test_missing_heights_are_told() -> None:
    with pytest.raises(DataError, match="`height` is missing at 1 of 648 nodes"):
        HeightDifference(variable="height", source=source(gap=True)).values(*pairs())
    HeightDifference(variable="height", source=source()).values(*pairs())


def test_an_experiment_names_its_own_source(tmp_path: Path) -> None:
    """`${data.source}` in an attribute is the source of the experiment."""
    pytest.importorskip("wxml_processor_gnn")
    pytest.importorskip("wxml_trainer_lightning")
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(
        "defaults: [{model: gnn-tiny}]\n"
        "training: {plugin: lightning}\n"
        "data:\n"
        "  source: {plugin: simulated-atmosphere, truncation: 5}\n"
        "  split: {training: [2000-01-01, 2000-06-30], validation: [2000-07-01, 2000-12-31]}\n"
        "graph:\n"
        "  plugin: composed\n"
        "  nodes:\n"
        "    grid: {plugin: grid, attributes: {high: {plugin: non-zero, variable: z, source: '${data.source}'}}}\n"
        "    mesh: {plugin: triangles, refinement: 1}\n"
        "  edges:\n"
        "    - {from: grid, to: mesh, plugin: radius}\n"
        "    - {from: mesh, to: mesh, plugin: multi-scale}\n"
        "    - {from: mesh, to: grid, plugin: nearest}\n"
    )
    graph = load_config(experiment).config.graph
    chosen = graph.options["nodes"]["grid"]["attributes"]["high"]["source"]
    assert chosen["plugin"].endswith("simulated-atmosphere")
    assert chosen["truncation"] == 5
    grid = create("data-source", "simulated-atmosphere", {"truncation": 5}).header.grid
    built = create("graph-builder", graph.plugin, graph.options).build(grid)
    assert built.nodes["grid"].attributes["high"].all()


@pytest.mark.skipif(not T63.is_dir(), reason="the shared weather data are not on this machine")
def test_real_land_and_heights_of_a_mesh() -> None:
    """Three tenths of the earth are land; on an edge from sea to Tibet the height rises by kilometres."""
    surface = {"plugin": "xarray", "path": str(T63.parent / "echam5-global-6h" / "tsurf.nc")}
    fields = {"plugin": "constants", "source": surface, "path": str(T63 / "*_mod1_rectilinear_grid_2D.nc")}
    chosen = PluginChoice.model_validate(fields)
    grid = create("data-source", "constants", {key: value for key, value in fields.items() if key != "plugin"}).header
    names = {name.lower()[:4]: name for name in grid.names}
    mesh = Triangles(refinement=5).build(on_grid()[1])
    land = NonZero(variable=names["sftl"], source=chosen).values(mesh, on_grid()[1])
    assert 0.25 < land.mean() < 0.5
    tibet, ocean = (int(np.argmax(mesh.points @ unit_vectors(*place))) for place in ((33.0, 88.0), (0.0, -140.0)))
    assert land[tibet]
    assert not land[ocean]
    heights = HeightDifference(variable=names["orog"], source=chosen)
    found = heights.values(mesh.nodes, mesh.nodes, np.array([[tibet, ocean], [ocean, tibet]]))
    assert 3500 < found[0, 0] < 6000
    assert found[1, 0] == -found[0, 0]
