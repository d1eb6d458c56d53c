"""The peer's losses of spectra, scales, steps and edges for fields by formula: tests of wxml-losses compare with them.

python peer-tests/record_losses_of_structure.py    in an environment of its own: pip install anemoi-training==0.17.1
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.sparse import csr_matrix, save_npz
from torch import Tensor
from torch_geometric.data import HeteroData

ANSWERS = Path(__file__).parents[1] / "plugins" / "losses" / "tests" / "answers_of_structure.json"
ROWS, COLUMNS, NODES = 4, 5, 20


def answers() -> dict[str, list[float]]:
    """Every answer by its name, in float64."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: _numbers(compute()) for name, compute in _CASES.items()}


def fields(phase: float, *shape: int) -> Tensor:
    """Values by formula: sin(phase + 1.7 k^1.3) for k = 0, 1, 2, …, in the given shape."""
    count = int(np.prod(shape))
    return torch.from_numpy(np.sin(phase + 1.7 * np.arange(count) ** 1.3).reshape(shape))


def _numbers(found: Tensor) -> list[float]:
    flat: list[float] = torch.view_as_real(found).flatten().tolist() if found.is_complex() else found.flatten().tolist()
    return flat


def _pair(steps: int, members: int, nodes: int = NODES) -> tuple[Tensor, Tensor]:
    """Forecast and truth in the peer's layout, `[batch, step, member, node, variable]`."""
    forecast = fields(0.0, 2, members, steps, nodes, 2).transpose(1, 2)
    return forecast, fields(1.0, 2, steps, nodes, 2)[:, :, None]


def _octahedral(kind: str) -> Tensor:
    from anemoi.training import losses

    loss = getattr(losses, kind)(transform="octahedral_sht", nlat=16).double()
    nodes = 2 * sum(20 + 4 * row for row in range(8))
    found: Tensor = loss(*_pair(2, 1, nodes))
    return found


def _coefficients() -> Tensor:
    from anemoi.models.layers.spectral_transforms import OctahedralSHT

    found: Tensor = OctahedralSHT(nlat=16).double()(_pair(1, 1, 544)[0])[0, 0, 0, ..., 0]
    return found


def _plane(kind: str, members: int = 1, **options: object) -> Tensor:
    from anemoi.training import losses

    loss = getattr(losses, kind)(transform="fft2d", x_dim=COLUMNS, y_dim=ROWS, **options).double()
    found: Tensor = loss(*_pair(2, members))
    return found


def _multi_scale() -> Tensor:
    from anemoi.training.losses import MSELoss, MultiscaleLossWrapper

    with TemporaryDirectory() as folder:
        names = []
        for reach in (4, 1):
            rows = np.repeat(np.arange(NODES), 2)
            columns = np.stack([np.arange(NODES), (np.arange(NODES) + reach) % NODES], axis=1).ravel()
            names.append(f"{reach}.npz")
            save_npz(Path(folder, names[-1]), csr_matrix((np.full(2 * NODES, 0.5), (rows, columns))))
        config = {"loss_matrices_path": folder, "loss_matrices": [*names, None]}
        loss = MultiscaleLossWrapper(MSELoss(), [1.0, 0.5, 2.0], config)
    for provider in loss.smoothing_matrices[:-1]:
        provider.projection_matrix = provider.projection_matrix.double()
    found: Tensor = loss(*_pair(2, 1))
    return found


def _aggregate(name: str) -> Tensor:
    from anemoi.training.losses import MSELoss, TimeAggregateLossWrapper

    found: Tensor = TimeAggregateLossWrapper([name], MSELoss())(*_pair(3, 1))
    return found


def _graph(kind: str, *, itself: bool = False, row_normalize: bool = True, **options: object) -> Tensor:
    from anemoi.training import losses

    data, node = HeteroData(), np.arange(NODES)
    steps = [0, 1, 5, 7] if itself else [1, 5, 7]
    target, source = np.tile(node, len(steps)), np.concatenate([(node + step) % NODES for step in steps])
    data["data"].num_nodes = NODES
    data["data", "to", "data"].edge_index = torch.from_numpy(np.stack([source, target]))
    edges = {"edges_name": ("data", "to", "data"), "row_normalize": row_normalize}
    loss = getattr(losses, kind)(loss_graph=edges, graph_data=data, **options)
    matrix = loss.graph.graph_provider.projection_matrix.double()
    if row_normalize:  # the peer keeps thirds and quarters in float32
        matrix = torch.sparse_csr_tensor(
            matrix.crow_indices(), matrix.col_indices(), torch.full_like(matrix.values(), 1 / len(steps)), matrix.shape
        )
    loss.graph.graph_provider.projection_matrix = matrix
    found: Tensor = loss(*_pair(2, 3))
    return found


_CASES: dict[str, Callable[[], Tensor]] = {
    "coefficients": _coefficients,
    "amse": lambda: _octahedral("SpectralAMSELoss"),
    "spectrum": lambda: _octahedral("PowerSpectrumLoss"),
    "log-spectral": lambda: _plane("LogSpectralDistance"),
    "spectral-correlation": lambda: _plane("FourierCorrelationLoss"),
    "spectral-crps": lambda: _plane("SpectralCRPSLoss", members=3, alpha=0.9, coefficient_magnitude=True),
    "multi-scale": _multi_scale,
    "diff": lambda: _aggregate("diff"),
    "mean": lambda: _aggregate("mean"),
    "min": lambda: _aggregate("min"),
    "max": lambda: _aggregate("max"),
    "graph-energy fair": lambda: _graph("GraphEnergyScoreLoss", itself=True),
    "graph-energy": lambda: _graph("GraphEnergyScoreLoss", itself=True, fair=False, row_normalize=False),
    "graph-edge-energy": lambda: _graph("GraphEdgeEnergyScoreLoss"),
    "graph-variogram fair": lambda: _graph("GraphVariogramScoreLoss"),
    "graph-variogram": lambda: _graph("GraphVariogramScoreLoss", fair=False, p=0.5),
    "graph-edge-crps": lambda: _graph("GraphEdgeCRPSLoss", alpha=0.95),
}


if __name__ == "__main__":
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in answers().items())
    ANSWERS.write_text("{\n" + lines + "\n}\n")
