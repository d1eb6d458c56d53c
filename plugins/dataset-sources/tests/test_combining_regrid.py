"""Values on another grid."""

import copy
import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, save_npz
from wxml import DataSource, Grid, PluginChoice
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining import kept_weights
from wxml_dataset_sources.combining.regrid import Regrid
from wxml_dataset_sources.combining.target_grid import Target
from wxml_dataset_sources.combining.weights import interpolation_weights

carries_out = pytest.mark.carries_out
QUARTERS = [0.0, 90.0, 180.0, 270.0]
GLOBE = Grid.regular([60.0, 0.0, -60.0], QUARTERS)
REGION = Grid.regular([50.0, 48.0, 46.0], [-4.0, -2.0, 0.0, 2.0])
GRIDS = {
    "regular": Grid.regular(np.arange(87.5, -90, -5), np.arange(0, 360, 5)),
    "octahedral": Grid.octahedral(16),
    "healpix": Grid.healpix(8),
    "scattered": Grid.unstructured(
        np.degrees(np.arcsin(np.random.default_rng(0).uniform(-1, 1, 1500))),
        np.random.default_rng(1).uniform(0, 360, 1500),
    ),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def places(*pairs: tuple[float, float]) -> Grid:
    return Grid.unstructured(*np.array(pairs, float).T)


def brought(source: Grid, values, target: Grid, method="bilinear") -> np.ndarray:
    return interpolation_weights(source, target, method) @ np.asarray(values, float)


def test_between_four_nodes_by_hand():
    values = np.arange(12.0)  # rows 0 to 3, 4 to 7, 8 to 11
    target = places((30, 45), (0, 90), (15, 90), (-30, 315), (60, 337.5))
    np.testing.assert_allclose(brought(GLOBE, values, target), [2.5, 5.0, 4.0, (4 + 7 + 8 + 11) / 4, 0.25 * 3])


def test_beyond_the_last_row_of_the_globe_the_row_counts():
    values = np.arange(12.0)
    np.testing.assert_allclose(brought(GLOBE, values, places((90, 0), (75, 45), (-90, 180))), [0.0, 0.5, 10.0])


@pytest.mark.parametrize("turned", [1, -1])
def test_a_plane_in_latitude_and_longitude_is_kept_across_greenwich(turned):
    source = Grid.regular([50.0, 48.0, 46.0][::turned], [-4.0, -2.0, 0.0, 2.0])
    random = np.random.default_rng(0)
    target = Grid.unstructured(random.uniform(46, 50, 50), random.uniform(-4, 2, 50))

    def plane(grid: Grid) -> np.ndarray:
        return 2 * grid.latitudes + 3 * np.mod(grid.longitudes + 180, 360)

    np.testing.assert_allclose(brought(source, plane(source), target), plane(target), rtol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_the_own_nodes_keep_their_values(name, method):
    values = np.random.default_rng(0).normal(size=len(GRIDS[name]))
    np.testing.assert_allclose(brought(GRIDS[name], values, GRIDS[name], method), values, atol=1e-9)


@pytest.mark.parametrize("name", GRIDS)
def test_weights_sum_to_one_and_a_smooth_field_is_close(name):
    target = Grid.octahedral(12)
    weights = interpolation_weights(GRIDS[name], target, "bilinear")
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    assert weights.min() >= 0
    source, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (GRIDS[name], target))
    error = np.abs(weights @ source - wanted).max()
    assert error < {"scattered": 0.03, "healpix": 0.008}.get(name, 0.006)


def test_the_nearest_node_is_the_nearest():
    target = Grid.octahedral(5)
    source, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (GRIDS["scattered"], target))
    nearest = np.argmax(wanted @ source.T, axis=1)
    found = brought(GRIDS["scattered"], np.arange(len(source)), target, "nearest")
    np.testing.assert_array_equal(found, nearest)


def test_a_missing_value_spreads_only_to_what_is_made_of_it():
    values = np.arange(12.0)
    values[0] = np.nan
    found = brought(GLOBE, values, places((60, 90), (60, 45), (30, 90), (0, 0)))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False, False])


def test_a_source_on_another_grid_for_all_times_members_and_variables(world, everything):
    one = world("t z", members=2)
    source = Regrid(source=one.choice, to=Target(octahedral=3))
    assert source.header.grid.identity == Grid.octahedral(3).identity
    weights = interpolation_weights(GLOBE, Grid.octahedral(3), "bilinear").toarray()
    for name, values in everything(source).items():
        np.testing.assert_allclose(values, one.values[name] @ weights.T, rtol=1e-6)


@pytest.mark.parametrize(
    ("to", "grid"),
    [
        ({"degrees": 30}, Grid.regular(np.arange(90, -91, -30), np.arange(0, 360, 30))),
        ({"octahedral": 2}, Grid.octahedral(2)),
        ({"healpix": 4}, Grid.healpix(4)),
    ],
)
def test_the_grids_that_have_names(world, to, grid):
    assert Regrid(source=world("t").choice, to=Target(**to)).header.grid.identity == grid.identity


def test_the_grid_of_another_source(world):
    other = world("t", latitudes=(45.0, 30.0), longitudes=(10.0, 20.0, 30.0))
    source = Regrid(source=world("t").choice, to=Target(like=other.choice))
    assert source.header.grid.identity == Grid.regular([45.0, 30.0], [10.0, 20.0, 30.0]).identity


@carries_out("write for example {}: {degrees: 1.0}")
@pytest.mark.parametrize("wrong", [{}, {"healpix": 2, "octahedral": 2}, {"degrees": 0.7}])
def test_targets_that_are_none(world, wrong):
    with pytest.raises(DataError, match=r"^`to` needs one of `degrees`|^`degrees` is 0\.7, which does not divide 180"):
        Regrid(source=world("t").choice, to=Target(**wrong))
    assert Regrid(source=world("t").choice, to=Target(degrees=1.0)).header.grid.shape == (181, 360)


@carries_out(
    "cut `to` with `subset` and its option `area`: `to: {like: {plugin: subset, …}}`, or take the nearest nodes, "
    "however far they are: `method: nearest`"
)
def test_nothing_is_extrapolated(world):
    region = world("t", latitudes=(70.0, 0.0, -70.0), longitudes=(-100.0, 0.0, 100.0))
    globe, choice = world("t"), region.choice
    with pytest.raises(DataError, match=r"3 of 12 nodes of `to` are outside of the grid of `source`, such as 60°N"):
        Regrid(source=choice, to=Target(like=globe.choice))
    near = {"plugin": "subset", "area": {"west": -95, "east": 95}, "source": globe.choice.model_dump()}
    assert len(Regrid(source=choice, to=Target(like=PluginChoice(**near))).header.grid) == 9
    assert len(Regrid(source=choice, to=Target(like=globe.choice), method="nearest").header.grid) == 12


def test_nothing_is_extrapolated_from_triangles():
    region = Grid.curvilinear(*np.meshgrid(np.linspace(30, 60, 16), np.linspace(-20, 20, 21), indexing="ij"))
    inside = places((59, 0), (31, 19), (45, 0))
    assert interpolation_weights(region, inside, "bilinear").shape == (3, 16 * 21)
    with pytest.raises(DataError, match=r"2 of 3 nodes of `to` are outside of the grid of `source`, such as 60°N 30°E"):
        interpolation_weights(region, places((60, 30), (45, 0), (-45, 0)), "bilinear")


def test_weights_are_kept_and_made_anew_where_they_are_damaged(world, everything, cache, monkeypatch, caplog):
    one = world("t")
    first = everything(Regrid(source=one.choice, to=Target(healpix=2)))["t"]
    (file,) = cache.glob("regrid-*.npz")

    def never(*grids):
        raise AssertionError("the weights are made again")

    with monkeypatch.context() as patch:
        patch.setattr(kept_weights, "interpolation_weights", never)
        np.testing.assert_array_equal(everything(Regrid(source=one.choice, to=Target(healpix=2)))["t"], first)
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], content[:200] + bytes(100) + content[300:], b""):
        file.write_bytes(damaged)
        with caplog.at_level(logging.WARNING, "wxml"):
            np.testing.assert_array_equal(everything(Regrid(source=one.choice, to=Target(healpix=2)))["t"], first)
        assert "its weights are made anew" in caplog.messages[-1]
        assert file.read_bytes() == content


@carries_out(
    "write one with `scipy.sparse.save_npz(path, weights)`, target nodes × source nodes",
    "name the weights that belong to these two grids, or leave `matrix` out to have them made",
    "leave one of the two out",
)
def test_weights_of_others_in_a_file(world, everything, tmp_path):
    one, path = world("t z", members=2), str(tmp_path / "weights.npz")
    options = {"source": one.choice, "to": Target(octahedral=3), "matrix": path}
    halves = np.zeros((len(Grid.octahedral(3)), 12))
    halves[:, [3, 5]] = 0.5
    for content in (b"no archive", b""):
        (tmp_path / "weights.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"^`matrix` .*weights.npz cannot be read as a sparse matrix: "):
            Regrid(**options)
    np.savez(path, data=np.array([{}], object), format=b"csr")
    with pytest.raises(DataError, match=r"cannot be read as a sparse matrix: .*allow_pickle=False"):
        Regrid(**options)
    save_npz(path, csr_array(np.where(halves > 0, np.nan, 0)))
    with pytest.raises(DataError, match=r"holds float64 that are not all finite numbers"):
        Regrid(**options)
    save_npz(path, csr_array(halves.T))
    with pytest.raises(DataError, match=r"has 12 × 144 weights, and `to` has 144 nodes, `source` 12"):
        Regrid(**options)
    save_npz(path, csr_array(halves))
    with pytest.raises(DataError, match=r"^`method` is nearest, and `matrix` .* has weights of its own"):
        Regrid(**options, method="nearest")
    source = copy.deepcopy(Regrid(**options))  # without the weights, as in a data-loader worker
    assert source._weights is None
    for name, found in everything(source).items():
        half = one.values[name][..., [3, 5]].mean(axis=-1, keepdims=True)
        np.testing.assert_allclose(found, np.broadcast_to(half, found.shape), rtol=1e-6)
    checksum = hashlib.sha256((tmp_path / "weights.npz").read_bytes()).hexdigest()
    assert source.provenance()["options"] == {"matrix": checksum, "grid": Grid.octahedral(3).identity}


@carries_out("name one that does, such as `regrid`")
def test_grid_weights_leave_out_what_is_outside() -> None:
    """A node outside of a limited area has no weights; with `nearest` it is so from twice the distance of nodes on."""
    area = Grid.regular([50.0, 49.0, 48.0], [5.0, 6.0, 7.0])
    places = Grid.unstructured([49.25, 48.5, 30.0, 51.0], [5.5, 6.0, 6.0, 6.0])
    sums = {
        method: np.asarray(Regrid.grid_weights(area, places, method).sum(axis=1)).round(12).tolist()
        for method in ("bilinear", "nearest")
    }
    assert sums == {"bilinear": [1, 1, 0, 0], "nearest": [1, 1, 0, 1]}
    with pytest.raises(DataError, match="no method 'bilinaer'"):
        Regrid.grid_weights(area, places, "bilinaer")
    with pytest.raises(DataError, match="brings no values to other grids"):
        DataSource.grid_weights(area, places, "bilinear")
