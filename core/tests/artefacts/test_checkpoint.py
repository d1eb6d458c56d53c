"""The checkpoint file: nothing lost, the same bytes twice, and a sentence for whatever is not one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from wxml import ArtefactError, Grid, Statistics
from wxml.artefacts.checkpoint import FORMAT, Checkpoint, load_checkpoint, read_header, save_checkpoint
from wxml.testing import tiny_graph, tiny_grid

HEADER = {
    "config": {"seed": 3},
    "provenance": {"artefact": "checkpoint"},
    "roles": {"prognostic": ["t"]},
    "training": {"steps": 5, "loss": 0.1},
    "variables": [{"name": "t"}],
}


def checkpoint(grid: Grid | None = None, levels: int = 0) -> Checkpoint:
    """Small, of many kinds of numbers, the same every time."""
    grid = grid or tiny_grid(4, 6)
    generator = torch.Generator().manual_seed(1)
    weights = {
        "encoder.weight": torch.randn(3, 4, generator=generator),
        "transposed": torch.randn(3, 4, generator=generator).T,
        "half": torch.randn(5, generator=generator).to(torch.bfloat16),
        "count": torch.tensor(7),
        "odd": torch.tensor([np.inf, -0.0, 1e-45, np.nan]),
        "empty": torch.zeros(0, 2),
    }
    numbers = np.random.default_rng(2).uniform(size=(5, 2))
    return Checkpoint(HEADER, weights, tiny_graph(grid, 5, levels=levels), grid, Statistics(("t", "q"), *numbers))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "checkpoint.safetensors", checkpoint())
    return tmp_path / "checkpoint.safetensors"


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.ndim else tensor.numpy().tobytes()


def test_weights_come_back_bit_for_bit(saved: Path) -> None:
    loaded, original = load_checkpoint(saved).weights, checkpoint().weights
    assert set(loaded) == set(original)
    for name, tensor in original.items():
        assert (loaded[name].dtype, loaded[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(loaded[name]) == bits(tensor)


@pytest.mark.parametrize(
    "grid",
    [tiny_grid(4, 6), Grid.octahedral(2), Grid.unstructured([0, 1, 2, 3], [9, 8, 7, 6], [1, 2, 3, 4])],
    ids=["regular", "octahedral", "unstructured"],
)
def test_grid_graph_and_statistics_come_back_bit_for_bit(grid: Grid, tmp_path: Path) -> None:
    original = checkpoint(grid)
    save_checkpoint(tmp_path / "c.safetensors", original)
    loaded = load_checkpoint(tmp_path / "c.safetensors")
    assert loaded.graph.identity == original.graph.identity
    assert np.array_equal(loaded.graph.mesh().edges.transpose, original.graph.mesh().edges.transpose)
    assert loaded.grid.identity == grid.identity
    assert loaded.grid.is_regular == grid.is_regular
    assert np.array_equal(loaded.grid.area_weights, grid.area_weights)
    assert loaded.statistics.variables == ("t", "q")
    for name in ("mean", "std", "minimum", "maximum", "tendency_std"):
        assert np.array_equal(getattr(loaded.statistics, name), getattr(original.statistics, name))


def test_coarser_levels_of_the_mesh_come_back(tmp_path: Path) -> None:
    original = checkpoint(levels=2)
    save_checkpoint(tmp_path / "c.safetensors", original)
    mesh = load_checkpoint(tmp_path / "c.safetensors").graph.mesh()
    assert [len(level.nodes) for level in mesh.levels()] == [5, 2, 1]
    for pair in (("mesh", "mesh:1"), ("mesh:2", "mesh:1")):
        assert np.array_equal(mesh.route(*pair).edges.features, original.graph.mesh().route(*pair).edges.features)


def test_the_header_comes_back(saved: Path) -> None:
    header = read_header(saved)
    assert {key: header[key] for key in HEADER} == HEADER
    assert header["format"] == FORMAT
    assert load_checkpoint(saved).header == header


def test_the_same_checkpoint_is_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "again.safetensors", checkpoint())
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_nothing_in_the_file_can_run(saved: Path) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    described = json.loads(content[8 : 8 + length])
    assert list(json.loads(described.pop("__metadata__")["wxml"])) == sorted(
        [*HEADER, "checksum", "checksums", "format", "grid", "statistics", "transformed"]
    )
    assert {entry["dtype"] for entry in described.values()} <= {"F32", "F64", "BF16", "I64"}


def test_the_header_is_read_without_torch(saved: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path; from wxml.artefacts.checkpoint import read_header\n"
        "print(read_header(Path(sys.argv[1]))['training']['steps'])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(saved)], check=True, capture_output=True, text=True)
    assert done.stdout == "5\n"


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_refused(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    for read in (read_header, load_checkpoint):
        with pytest.raises(ArtefactError, match=r"checkpoint.safetensors` is not a checkpoint, or was cut short"):
            read(saved)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00.", bytes(4096), b"\xff" * 4096])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ArtefactError, match="is not a checkpoint"):
        read_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=["none", "others"])
def test_safetensors_of_others_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "x.safetensors", metadata)
    with pytest.raises(ArtefactError, match="is a safetensors file, but no wxml checkpoint"):
        read_header(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"format": "one"}'])
def test_a_damaged_header_is_refused(tmp_path: Path, text: str) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "x.safetensors", {"wxml": text})
    with pytest.raises(ArtefactError, match=r"x.safetensors`"):
        read_header(tmp_path / "x.safetensors")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"format": FORMAT + 1})
    save_file({"weight": torch.ones(2)}, tmp_path / "x.safetensors", {"wxml": header})
    with pytest.raises(ArtefactError, match=rf"has format {FORMAT + 1}, .* reads up to {FORMAT}\n  upgrade wxml-core"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.safetensors", tmp_path):
        with pytest.raises(ArtefactError, match="there is no checkpoint"):
            read_header(path)


def test_an_existing_file_is_kept_unless_told_otherwise(saved: Path) -> None:
    before = saved.read_bytes()
    other = Checkpoint({**HEADER, "training": {"steps": 6}}, *(getattr(checkpoint(), n) for n in REST))
    with pytest.raises(ArtefactError, match="exists already"):
        save_checkpoint(saved, other)
    assert saved.read_bytes() == before
    save_checkpoint(saved, other, overwrite=True)
    assert read_header(saved)["training"] == {"steps": 6}


REST = ("weights", "graph", "grid", "statistics")


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = Checkpoint({**HEADER, "training": object()}, *(getattr(checkpoint(), n) for n in REST))
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "c.safetensors", broken)
    assert list(tmp_path.iterdir()) == []


def test_loading_does_not_touch_the_file(saved: Path) -> None:
    before = saved.read_bytes()
    weights = load_checkpoint(saved).weights
    weights["encoder.weight"].zero_()
    assert saved.read_bytes() == before
