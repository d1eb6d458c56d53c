"""`wxml doctor --for` with several artefacts and folders: one table, one exit code."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save_file
from wxml.cli import group


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["doctor", *map(str, arguments)])


@pytest.fixture
def operations(checkpoint, forget, tmp_path: Path) -> Path:
    """A folder with two checkpoints, a forecast and scores of one of them, and files that are no artefacts."""
    folder = tmp_path / "operations"
    (folder / "east").mkdir(parents=True)
    model = checkpoint()
    shutil.copy(model, folder / "west.safetensors")
    shutil.copy(model, folder / "east" / "model.safetensors")
    for command in (
        ["forecast", str(model), "--start", "2000-01-12", "-o", str(folder / "run.npz")],
        ["verify", str(folder / "run.npz"), "-o", str(folder / "scores")],
    ):
        done = CliRunner().invoke(group, command)
        assert done.exit_code == 0, done.output
    save_file({"x": np.zeros(2, np.float32)}, folder / "state.safetensors", {"wxml_training_state": "{}"})
    (folder / ".west.4f.partial.safetensors").write_bytes(b"half")
    (folder / "notes.txt").write_text("ours")
    np.savez(folder / "truth.npz", t=np.zeros(3))
    forget()
    return folder


FOUND = ["east/model.safetensors", "run.npz", "scores", "west.safetensors"]


def rows(done: Result) -> dict[str, list[str]]:
    """The table: artefact → what follows it."""
    lines = done.stdout.split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines}


def change(tmp_path: Path, version: str) -> None:
    from wxml.plugins.catalog import installed

    file = tmp_path / "site" / "tiny_wxml-1.0.dist-info" / "METADATA"
    file.write_text(f"Metadata-Version: 2.1\nName: tiny-wxml\nVersion: {version}\n")
    installed.cache_clear()


def test_a_folder_stands_for_all_artefacts_beneath_it(operations: Path) -> None:
    done = doctor("--for", operations)
    assert done.exit_code == 0, done.output
    assert [str(Path(name).relative_to(operations)) for name in rows(done)] == FOUND
    assert {cells[0] for cells in rows(done).values()} == {"checkpoint", "forecast", "scores"}
    assert {cells[-1] for cells in rows(done).values()} == {"ok"}
    assert done.stdout.splitlines()[-1] == "all 4 artefacts in order"


@pytest.mark.parametrize("form", ["option", "argument"])
def test_several_are_compared_in_their_order(operations: Path, form: str) -> None:
    paths = [operations / "west.safetensors", operations / "east" / "model.safetensors"]
    given = [word for path in paths for word in ("--for", path)] if form == "option" else ["--for", *paths]
    assert list(rows(doctor(*given))) == list(map(str, paths))


def test_one_that_does_not_fit_is_exit_code_1_and_named(operations: Path, tmp_path: Path) -> None:
    change(tmp_path, "2.0")
    done = doctor("--for", operations)
    assert done.exit_code == 1
    about = rows(done)
    assert "different tiny-wxml 1.0: 2.0" in " ".join(about[str(operations / "west.safetensors")])
    said = done.stdout.splitlines()
    assert said[-2].startswith("4 of 4 artefacts not in order")
    alone = CliRunner().invoke(group, said[-1].split()[1:])  # the line that it prints
    assert alone.exit_code == 1
    assert "'tiny-wxml==1.0'" in alone.stdout.splitlines()[-1]


def test_a_damaged_one_in_a_folder_is_a_problem_and_the_others_are_compared(operations: Path) -> None:
    path = operations / "west.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    done = doctor("--for", operations)
    assert done.exit_code == 1
    assert rows(done)[str(path)][0] == "problem"
    assert rows(done)[str(operations / "east" / "model.safetensors")][-1] == "ok"


def test_for_programs_each_has_its_checks_and_its_command(operations: Path, tmp_path: Path) -> None:
    change(tmp_path, "2.0")
    done = doctor("--for", operations, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["schema"], found["healthy"]) == (1, 1, False)
    assert [check["subject"] for check in found["checks"]] == [str(operations / name) for name in FOUND]
    assert [one["artefact"] for one in found["artefacts"]] == [str(operations / name) for name in FOUND]
    model = found["artefacts"][0]
    assert "'tiny-wxml==1.0'" in model["command"]
    assert {"tiny-wxml", "wxml-core"} <= {check["subject"] for check in model["checks"]}


@pytest.mark.carries_out("name checkpoints, forecasts, folders of scores, or a folder of them")
def test_a_folder_without_artefacts_is_exit_code_2(operations: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = doctor("--for", tmp_path / "empty")
    assert done.exit_code == 2
    assert "there is no artefact beneath" in done.stderr
    assert doctor("--for", tmp_path / "empty" / ".." / "operations").exit_code == 0


@pytest.mark.parametrize("arguments", [("x.safetensors",), ("--manifest", "y.toml", "x.safetensors")])
def test_artefacts_stand_behind_for(arguments: tuple[str, ...]) -> None:
    done = doctor(*arguments)
    assert done.exit_code == 2
    assert "artefacts stand behind --for" in done.stderr


def test_a_path_that_is_named_and_is_not_there_is_exit_code_2(operations: Path) -> None:
    assert doctor("--for", operations / "west.safetensors", operations / "nowhere.safetensors").exit_code == 2
