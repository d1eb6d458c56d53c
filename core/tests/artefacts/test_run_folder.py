"""The checkpoint that is meant when the folder of a run is named; checkpoints that share a graph."""

from pathlib import Path

import pytest
import torch
from wxml import ArtefactError
from wxml.artefacts.checkpoint import check_checkpoint, load_checkpoint, read_header
from wxml.artefacts.migrated import migrate_file
from wxml.artefacts.run_folder import (
    KeptCheckpoint,
    checkpoint_in,
    kept_checkpoints,
    kept_name,
    while_it_is_there,
    write_kept,
)
from wxml.experiment.assembling import assemble

carries_out = pytest.mark.carries_out


@pytest.fixture
def run(tiny, tmp_path: Path) -> Path:
    """A run that keeps the steps 10, 20 and 30, of which 20 is the best."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    experiment = assemble(tiny())
    weights = experiment.new_model().state_dict()
    for step in (10, 20, 30):
        path = folder / "checkpoints" / kept_name(step)
        experiment.save(path, {n: t + step for n, t in weights.items()}, {"steps": step}, shares_graph=True)
    write_kept(folder, [KeptCheckpoint(s, 1.0 * s, {"validation_loss": 1 / s}, best=s == 20) for s in (10, 20, 30)])
    return folder


def test_checkpoints_of_a_run_share_one_graph(run: Path) -> None:
    files = sorted(path.name for path in (run / "checkpoints").iterdir() if path.suffix == ".safetensors")
    graph, *kept = files
    assert kept == [kept_name(step) for step in (10, 20, 30)]
    first, other = (load_checkpoint(run / "checkpoints" / kept_name(step)) for step in (10, 30))
    assert first.graph.identity == other.graph.identity
    assert first.header["graph_file"] == graph
    assert not torch.equal(*(one.weights["processor.mix.weight"] for one in (first, other)))
    alone = check_checkpoint(run / "checkpoints" / kept_name(10))
    assert alone is not None
    assert alone > len(first.weights)


@carries_out("copy `{}` beside it; or make one file of both where they are:  wxml checkpoint migrate IN OUT")
def test_a_lone_copy_says_what_it_lacks(run: Path, tmp_path: Path) -> None:
    kept = run / "checkpoints" / kept_name(20)
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes(kept.read_bytes())
    graph = read_header(lone)["graph_file"]
    with pytest.raises(ArtefactError, match=f"lacks its graph, .* it is in `{graph}`"):
        load_checkpoint(lone)
    (tmp_path / graph).write_bytes((run / "checkpoints" / graph).read_bytes())
    beside = load_checkpoint(lone)
    whole = tmp_path / "elsewhere" / "whole.safetensors"
    whole.parent.mkdir()
    migrate_file(kept, whole)
    assert "graph_file" not in read_header(whole)
    assert load_checkpoint(whole).graph.identity == beside.graph.identity


def test_a_graph_that_is_not_the_one_of_its_name_is_damaged(run: Path) -> None:
    kept = run / "checkpoints" / kept_name(20)
    graph = kept.with_name(read_header(kept)["graph_file"])
    graph.write_bytes(graph.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    with pytest.raises(ArtefactError, match=r"damaged|checksum"):
        load_checkpoint(kept)


def test_the_best_is_taken_until_the_training_has_ended(run: Path) -> None:
    assert checkpoint_in(run).name == kept_name(20)
    assert checkpoint_in(run, "last").name == kept_name(30)
    assert checkpoint_in(run, "best").name == kept_name(20)
    assert checkpoint_in(run, "10").name == kept_name(10)
    (run / "checkpoint.safetensors").write_bytes(b"")
    assert checkpoint_in(run).name == "checkpoint.safetensors"


def test_a_checkpoint_that_is_gone_is_not_chosen(run: Path) -> None:
    """The training removes files after it has written the list without them."""
    (run / "checkpoints" / kept_name(20)).unlink()
    assert [one.step for one in kept_checkpoints(run)] == [10, 30]
    assert checkpoint_in(run).name == kept_name(30)


@carries_out("choose one of {}{} or last")
def test_a_step_that_is_not_kept(run: Path) -> None:
    with pytest.raises(ArtefactError, match="keeps no checkpoint of step '15'"):
        checkpoint_in(run, "15")
    assert checkpoint_in(run, "last").name == kept_name(30)


@carries_out("leave `--step` out")
def test_a_file_has_no_steps(run: Path) -> None:
    path = run / "checkpoints" / kept_name(20)
    with pytest.raises(ArtefactError, match="is no folder of a run"):
        checkpoint_in(path, "20")
    assert checkpoint_in(path) == path


def test_another_one_is_chosen_if_the_first_is_gone_when_it_is_read(run: Path) -> None:
    read = []

    def work(path: Path) -> str:
        if not read:
            path.unlink()  # as the training does
        read.append(path.name)
        return str(load_checkpoint(path).header["training"]["steps"])

    assert while_it_is_there(run, None, work) == "30"
    assert read == [kept_name(20), kept_name(30)]


def test_a_damaged_list_is_an_error(run: Path) -> None:
    (run / "checkpoints" / "kept.json").write_text('[{"step": -1}]')
    with pytest.raises(ArtefactError, match=r"kept\.json"):
        checkpoint_in(run)
