"""Damaged and hostile checkpoints: each is refused with a sentence, and no damage changes a number unseen."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from wxml import ArtefactError, Statistics
from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint, read_header, save_checkpoint
from wxml.artefacts.formats import read_provenance
from wxml.files.checksums import sealed
from wxml.files.json_loader import LONGEST, load_json
from wxml.testing import tiny_graph, tiny_grid

HEADER: dict[str, Any] = {
    "config": {"seed": 3},
    "provenance": {"artefact": "checkpoint", "plugins": [{"plugin": "a:b", "kind": "mapper", "version": "1"}]},
    "roles": {"prognostic": ["t", "q"], "forcing": ["orog"]},
    "variables": [{"name": "t", "units": "K"}, {"name": "q"}],
    "training": {"steps": 5},
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    grid = tiny_grid(4, 6)
    statistics = Statistics(("t", "q"), *np.random.default_rng(2).uniform(size=(5, 2)))
    weights = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    save_checkpoint(tmp_path / "c.safetensors", Checkpoint(HEADER, weights, tiny_graph(grid, 5), grid, statistics))
    return tmp_path / "c.safetensors"


def parts(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["wxml"])
    return header, load_file(path)


def forge(path: Path, header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """What a hostile writer does: the checksums fit whatever is written."""
    plain = {key: value for key, value in header.items() if key not in ("checksum", "checksums")}
    save_file(tensors, path, {"wxml": sealed(plain, tensors)})


def contents(path: Path) -> tuple[object, ...]:
    """Everything that a forecast is made of."""
    found = load_checkpoint(path)
    weights = {name: (t.dtype, t.shape, t.float().numpy().tobytes()) for name, t in found.weights.items()}
    numbers = [getattr(found.statistics, name).tobytes() for name in ("mean", "std", "tendency_std")]
    grid = (found.grid.latitudes.tobytes(), found.grid.area_weights.tobytes(), found.grid.shape)
    return {k: v for k, v in found.header.items() if k != "checksum"}, weights, numbers, grid, found.graph.identity


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_of_a_byte_changes_anything_unseen(saved: Path, seed: int) -> None:
    whole, expected = saved.read_bytes(), contents(saved)
    random, refused = np.random.default_rng(seed), 0
    for offset in random.integers(len(whole), size=100):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << random.integers(8)
        saved.write_bytes(damaged)
        try:
            assert contents(saved) == expected
        except ArtefactError:
            refused += 1
    assert refused > 90


@pytest.mark.parametrize("name", ["weights/a", "weights/b", "grid/area_weights", "graph/edges/mesh/mesh/features"])
def test_a_changed_tensor_is_named(saved: Path, name: str) -> None:
    header, tensors = parts(saved)
    tensors[name].view(-1)[0] += 1
    save_file(tensors, saved, {"wxml": json.dumps(header)})
    with pytest.raises(ArtefactError, match=rf"tensor `{name}` of `.*` is damaged: .*\n  copy it again"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.update({"weights/a": tensors["weights/a"].reshape(3, 2).clone()}),
        lambda tensors: tensors.update({"weights/c": tensors.pop("weights/a")}),
        lambda tensors: tensors.pop("statistics/mean"),
        lambda tensors: tensors.update(
            {"statistics/mean": tensors["statistics/std"].clone(), "statistics/std": tensors["statistics/mean"].clone()}
        ),
    ],
    ids=["another shape", "another name", "missing", "exchanged"],
)
def test_tensors_that_were_rewritten_are_told(saved: Path, change: Callable[..., object]) -> None:
    header, tensors = parts(saved)
    change(tensors)
    save_file(tensors, saved, {"wxml": json.dumps(header)})
    with pytest.raises(ArtefactError, match=r"tensor `.*` is damaged"):
        load_checkpoint(saved)


def test_a_changed_header_is_told(saved: Path) -> None:
    header, tensors = parts(saved)
    header["training"]["steps"] = 6
    save_file(tensors, saved, {"wxml": json.dumps(header)})
    with pytest.raises(ArtefactError, match=r"the header of `.*` is damaged: its checksum"):
        read_header(saved)


def test_a_file_of_format_2_without_checksums_is_refused(saved: Path) -> None:
    header, tensors = parts(saved)
    del header["checksum"], header["checksums"]
    save_file(tensors, saved, {"wxml": json.dumps(header)})
    with pytest.raises(ArtefactError, match="it has no checksums"):
        read_header(saved)


def test_a_file_of_format_1_loads_and_says_that_it_has_no_checksums(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    header, tensors = parts(saved)
    del header["checksum"], header["checksums"]
    save_file(tensors, saved, {"wxml": json.dumps({**header, "format": 1})})
    assert set(load_checkpoint(saved).weights) == {"a", "b"}
    assert [text for text in caplog.messages if "carries no checksums" in text]


WRONG: list[Any] = [None, -1, 10**18, "x", [], {}, [[]], [1], {"a": {}}, True, 0.5]
KEYS = [
    ("format",),
    ("config",),
    ("roles",),
    ("roles", "prognostic"),
    ("roles", "forcing"),
    ("variables",),
    ("variables", 0),
    ("variables", 0, "name"),
    ("variables", 0, "level"),
    ("provenance",),
    ("provenance", "plugins"),
    ("provenance", "plugins", 0),
    ("provenance", "plugins", 0, "version"),
    ("provenance", "parents"),
    ("provenance", "origins"),
    ("provenance", "data"),
    ("training",),
    ("statistics",),
    ("grid",),
    ("grid", "shape"),
    ("grid", "is_regular"),
    ("transformed",),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ".".join(map(str, key)))
def test_a_wrong_value_of_any_key_is_refused_or_harmless(saved: Path, key: tuple[Any, ...]) -> None:
    original, tensors = parts(saved)
    refused = 0
    for value in WRONG:
        header = json.loads(json.dumps(original))
        inside: Any = header
        for part in key[:-1]:
            inside = inside.setdefault(part, {}) if isinstance(inside, dict) else inside[part]
        inside[key[-1]] = value
        forge(saved, header, tensors)
        for read in (load_checkpoint, read_provenance):
            try:
                read(saved)
            except ArtefactError as error:
                refused += f"`{saved}`" in error.message
    assert refused


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("grid/area_weights", lambda t: t.neg()),
        ("grid/latitudes", lambda t: t * 100),
        ("grid/longitudes", lambda t: t * torch.nan),
        ("grid/longitudes", lambda t: t.long()),
        ("grid/longitudes", lambda t: t[:3].clone()),
        ("statistics/std", lambda t: t.neg()),
        ("statistics/mean", lambda t: t * torch.inf),
        ("graph/edges/mesh/mesh/source", lambda t: t + 10**9),
        ("graph/edges/mesh/mesh/source", lambda t: t.neg() - 1),
        ("graph/edges/mesh/mesh/source", lambda t: t.double()),
        ("graph/edges/mesh/mesh/target", lambda t: t[:2].clone()),
        ("graph/edges/mesh/mesh/features", lambda t: t[:2].clone()),
        ("graph/edges/mesh/mesh/features", lambda t: t * torch.nan),
        ("graph/nodes/grid/latitudes", lambda t: t[:2].clone()),
        ("graph/nodes/mesh/latitudes", lambda t: t[:, None].clone()),
    ],
)
def test_numbers_that_cannot_be_are_refused_even_with_fitting_checksums(
    saved: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    header, tensors = parts(saved)
    forge(saved, header, {**tensors, name: change(tensors[name])})
    with pytest.raises(ArtefactError, match=r"is damaged: "):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 200 + "]" * 200, "nested more than 100 levels"),
        ("[" * 100_000, "nested more than 100 levels"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested more than 100 levels"),
        ("9" * 5000, "an integer has 5000 characters"),
        ("-" + "9" * 300, "an integer has 301 characters"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (r'"\ud800"', "surrogates not allowed"),
        (" " * LONGEST + "1", "it has 33554433 characters"),
        ("{", "Expecting property name"),
    ],
)
def test_json_is_bounded(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_json(text)


@pytest.mark.parametrize("suffix", [".safetensors", ".nc", ".zarr"])
def test_a_pipe_is_no_artefact(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    with pytest.raises(ArtefactError, match="is neither a file nor a folder"):
        read_provenance(path)
    with pytest.raises(ArtefactError, match="there is no checkpoint"):
        load_checkpoint(path)
