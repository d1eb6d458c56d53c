"""Neighbours, weighted sums over them, and Gaussian means, beside sums over all pairs of nodes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, save_npz
from wxml import Grid
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import DataError
from wxml_kernels import EdgeIndex
from wxml_losses.neighbours import nearest_nodes, nodes_within
from wxml_losses.smoothing import gaussian_smoother, stored_smoother
from wxml_losses.weighted_sums import WeightedSums

REGION = Grid.regular([62, 56, 50, 44], [0, 6, 12, 18, 24])


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def points(seed: int, count: int) -> np.ndarray:
    places = np.random.default_rng(seed).normal(size=(count, 3))
    return places / np.linalg.norm(places, axis=1, keepdims=True)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 60), st.floats(0.01, 3.1))
def test_nodes_within_an_angle_are_those_of_all_pairs(seed, count, angle):
    places = points(seed, count)
    distance = angular_distance(places[:, None], places[None])
    target, source = np.nonzero(distance <= angle)
    found = nodes_within(places, angle)
    assert np.array_equal(found.target, target)
    assert np.array_equal(found.source, source)
    assert found.angle == pytest.approx(distance[target, source], abs=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 60), st.data())
def test_nearest_nodes_are_those_of_all_pairs(seed, count, data):
    wanted = data.draw(st.integers(1, count - 1))
    places = points(seed, count)
    distance = angular_distance(places[:, None], places[None]) + 10 * np.eye(count)
    found = nearest_nodes(places, wanted)
    assert np.array_equal(found.target, np.repeat(np.arange(count), wanted))
    assert np.array_equal(found.source.reshape(count, wanted), np.sort(np.argsort(distance)[:, :wanted]))


def test_of_nodes_at_the_same_distance_those_of_lower_numbers_are_taken():
    grid = Grid.regular([60, 20, -20, -60], 45 * np.arange(8))
    found = nearest_nodes(unit_vectors(grid.latitudes, grid.longitudes), 1)
    assert found.source.reshape(4, 8)[0].tolist() == [1, 0, 1, 2, 3, 4, 5, 0]  # west and east are as near as each other


def test_a_dense_cluster_beside_a_lonely_node_has_its_neighbours():
    places = np.concatenate([points(0, 40) * 1e-4 + [0, 0, 1], [[0, 0, -1]]])
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    found = nearest_nodes(places, 5)
    assert np.bincount(found.target).tolist() == [5] * 41


def edges(seed: int, count: int = 7) -> tuple[EdgeIndex, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = np.sort(rng.integers(0, count, 20))
    source, weights = rng.integers(0, count, 20), rng.uniform(size=20)
    matrix = np.zeros((count, count))
    np.add.at(matrix, (target, source), weights)
    return EdgeIndex(source, target, count, count), weights, matrix


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_weighted_sums_are_a_product_with_a_matrix(seed):
    index, weights, matrix = edges(seed)
    values = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(seed))
    expected = np.einsum("ij,j...->i...", matrix, values.numpy())
    assert WeightedSums(index, weights)(values).numpy() == pytest.approx(expected)


def test_gradients_of_weighted_sums():
    index, weights, _ = edges(1)
    values = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(WeightedSums(index, weights), (values,))


@pytest.mark.parametrize("missing", [False, True])
def test_gaussian_means_are_those_of_all_pairs(missing):
    """Σ_j a_j e^{−d²/2σ²} p_j x_j / Σ_j a_j e^{−d²/2σ²} p_j over d ≤ 2.5 σ."""
    values = np.random.default_rng(0).normal(size=(20, 3))
    present = np.random.default_rng(1).uniform(size=(20, 3)) > 0.4 * missing
    places = unit_vectors(REGION.latitudes, REGION.longitudes)
    distance = 6371.0 * angular_distance(places[:, None], places[None])
    weights = np.where(distance <= 2.5 * 600, REGION.area_weights * np.exp(-0.5 * (distance / 600) ** 2), 0.0)
    expected = weights @ (present * values) / (weights @ present)
    known = torch.from_numpy(present.astype(float)) if missing else None
    found = gaussian_smoother(REGION, 600.0)(torch.from_numpy(present * values), known)
    assert found.numpy() == pytest.approx(expected)


def test_smoothing_damps_a_wave_as_a_gaussian_does():
    """Of wavenumber l on the sphere by about e^{−l(l+1)σ²/2}; σ = 800 km is 0.126, so l = 5 is damped to 0.79."""
    grid = Grid.octahedral(24)
    sine = np.sin(np.radians(grid.latitudes))
    wave = np.polynomial.legendre.legval(sine, [0, 0, 0, 0, 0, 1])
    found = gaussian_smoother(grid, 800.0)(torch.from_numpy(wave[:, None]), None)[:, 0].numpy()
    inside = np.abs(wave) > 0.2
    damping = (found[inside] / wave[inside]).mean()
    assert damping == pytest.approx(np.exp(-30 * (800 / 6371) ** 2 / 2), rel=0.05)


def stored(path, matrix):
    save_npz(path, csr_matrix(matrix))
    return path


def test_a_stored_matrix_is_multiplied(tmp_path):
    matrix = np.random.default_rng(0).uniform(size=(20, 20)) * (np.random.default_rng(1).uniform(size=(20, 20)) > 0.7)
    values = np.random.default_rng(2).normal(size=(20, 2))
    smoother = stored_smoother(stored(tmp_path / "matrix.npz", matrix), 20)
    assert smoother(torch.from_numpy(values), None).numpy() == pytest.approx(matrix @ values)


@pytest.mark.carries_out("write it with `scipy.sparse.save_npz(path, matrix.tocsr())`")
@pytest.mark.parametrize("fault", ["text", "other arrays", "objects", "pointers", "columns"])
def test_another_file_is_refused(tmp_path, fault):
    path, matrix = tmp_path / "matrix.npz", csr_matrix(np.eye(20))
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array([20, 20])}
    if fault == "text":
        path.write_text("matrix")
    elif fault == "other arrays":
        np.savez(path, matrix=np.eye(20))
    else:
        wrong = {
            "objects": {"data": np.array([{}] * 20)},
            "pointers": {"indptr": matrix.indptr[:-1]},
            "columns": {"indices": matrix.indices + 1},
        }
        np.savez(path, **(parts | wrong[fault]))
    with pytest.raises(DataError, match="matri"):
        stored_smoother(path, 20)
    stored_smoother(stored(path, np.eye(20)), 20)


@pytest.mark.carries_out("write the matrix of the grid of the data")
def test_a_matrix_of_other_nodes_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"must have shape \[20, 20\], got \[5, 5\]"):
        stored_smoother(stored(tmp_path / "matrix.npz", np.eye(5)), 20)
    stored_smoother(stored(tmp_path / "matrix.npz", np.eye(20)), 20)


@pytest.mark.carries_out("write a matrix of means")
def test_weights_that_are_negative_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"must be finite and not negative, got -1.0 to -1.0"):
        stored_smoother(stored(tmp_path / "matrix.npz", -np.eye(20)), 20)
    stored_smoother(stored(tmp_path / "matrix.npz", np.eye(20)), 20)
