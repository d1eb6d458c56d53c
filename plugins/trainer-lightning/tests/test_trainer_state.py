"""The state file: whole or refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml.errors import ArtefactError
from wxml_trainer_lightning.state import Position, StateFile, TrainingState, differences, flatten, run_identity

IDENTITY = {"seed": "1", "training.learning_rate": "0.001"}
POSITION = Position(
    step=7,
    elapsed=1.5,
    training_loss=0.1,
    validation_loss=0.2,
    best_loss=0.15,
    best_step=5,
    tracker_runs={"mlflow": "abc"},
    loss_scale={"scale": 65536.0},
)


def make_state() -> TrainingState:
    tensors = {"weights/layer": torch.arange(6.0).reshape(2, 3), "optimizer/0/step": torch.tensor(7.0)}
    return TrainingState(POSITION, tensors)


@pytest.fixture
def state_file(tmp_path):
    state_file = StateFile(tmp_path, IDENTITY)
    state_file.write(make_state())
    return state_file


def test_what_is_written_is_read_back(state_file) -> None:
    state = state_file.begin(resume=True)
    assert state.position == POSITION
    assert state.below("weights")["layer"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state.below("optimizer").keys() == {"0/step"}


def test_kept_weights_are_the_best_then_the_averaged_then_the_last() -> None:
    tensors = {f"{kind}/w": torch.tensor(value) for value, kind in enumerate(("best", "average", "weights"))}
    for value in range(3):
        assert TrainingState(POSITION, tensors).kept_weights == {"w": torch.tensor(value)}
        tensors.pop(next(iter(tensors)))


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True))
def test_a_state_cut_short_anywhere_is_refused(tmp_path_factory, share) -> None:
    state_file = StateFile(tmp_path_factory.mktemp("cut"), IDENTITY)
    state_file.write(make_state())
    whole = state_file.path.read_bytes()
    state_file.path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ArtefactError, match="damaged or was cut short") as caught:
        state_file.read()
    assert "another directory" in caught.value.fix


@pytest.mark.parametrize("content", [b"", b"not a state", bytes(1000)])
def test_other_files_are_refused(state_file, content) -> None:
    state_file.path.write_bytes(content)
    with pytest.raises(ArtefactError, match="damaged"):
        state_file.read()


def contents(state: TrainingState) -> tuple[object, ...]:
    return state.position, {name: (t.dtype, t.shape, t.numpy().tobytes()) for name, t in state.tensors.items()}


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_of_a_byte_changes_anything_unseen(state_file, seed) -> None:
    whole, expected, refused = state_file.path.read_bytes(), contents(make_state()), 0
    random = np.random.default_rng(seed)
    for offset in random.integers(len(whole), size=100):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << random.integers(8)
        state_file.path.write_bytes(damaged)
        try:
            assert contents(state_file.read()) == expected
        except ArtefactError:
            refused += 1
    assert refused > 90


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("position", {"step": -1}),
        ("position", {"step": "x"}),
        ("position", {"loss_scale": [1]}),
        ("position", []),
        ("identity", {"seed": 1}),
        ("identity", None),
        ("format", [2]),
        ("format", None),
    ],
)
def test_a_hostile_header_with_fitting_checksums_is_refused(state_file, key, value) -> None:
    from safetensors.torch import save_file
    from wxml.files.checksums import sealed

    header = {"format": 2, "position": {}, "identity": IDENTITY, key: value}
    tensors = dict(make_state().tensors)
    save_file(tensors, state_file.path, {"wxml_training_state": sealed(header, tensors)})
    with pytest.raises(ArtefactError, match=r"state\.safetensors"):
        state_file.read()


def test_a_safetensors_file_of_another_kind_is_refused(state_file) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, state_file.path)
    with pytest.raises(ArtefactError, match="damaged"):
        state_file.read()


def test_a_state_of_other_settings_is_refused_and_says_which(state_file) -> None:
    other = StateFile(state_file.run_dir, {"seed": "1", "training.learning_rate": "0.002", "training.ema": "0.9"})
    with pytest.raises(ArtefactError, match="belongs to another training") as caught:
        other.begin(resume=True)
    assert "training.learning_rate: was 0.001, is 0.002" in caught.value.message
    assert "training.ema: was absent, is 0.9" in caught.value.message
    assert "seed" not in caught.value.message


@pytest.mark.parametrize(
    ("old", "today"),
    [
        (
            {"seed": "1", "model.earlier_states": '"changes"', "model.residual": '"last-state"'},
            {"seed": "1", "model.input_tendencies": "true", "model.residual": '"persistence"'},
        ),
        (
            {"model.earlier_states": '"values"', "model.residual": '"truncated"'},
            {"model.input_tendencies": "false", "model.residual": '"truncated"'},
        ),
    ],
)
def test_a_state_of_version_0_1_is_the_same_training_under_todays_names(tmp_path, old, today) -> None:
    StateFile(tmp_path, old).write(make_state())
    assert StateFile(tmp_path, today).begin(resume=True).position == POSITION
    with pytest.raises(ArtefactError, match=r"model\.residual: was .*, is \"none\"") as caught:
        StateFile(tmp_path, today | {"model.residual": '"none"'}).begin(resume=True)
    assert "earlier_states" not in caught.value.message
    assert "the plugin versions that it was started with" in caught.value.fix


FILES = "data_read.source.files"
HASHED, SAMPLED = "the SHA-256 of all bytes", "a sample"


@pytest.mark.parametrize("written_format", [1, 2])
def test_a_state_of_the_same_files_whose_bytes_were_hashed_is_resumed(tmp_path, monkeypatch, written_format) -> None:
    from wxml_trainer_lightning import state as module

    monkeypatch.setattr(module, "FORMAT", written_format)
    StateFile(tmp_path, IDENTITY | {FILES: HASHED}).write(make_state())
    monkeypatch.undo()
    state_file = StateFile(tmp_path, IDENTITY | {FILES: SAMPLED}, lambda: HASHED)
    assert state_file.begin(resume=True).position == POSITION
    state_file.write(make_state())  # in today's form
    again = StateFile(tmp_path, IDENTITY | {FILES: SAMPLED}, lambda: pytest.fail("all data are read"))
    assert again.begin(resume=True).position == POSITION


@pytest.mark.parametrize("now", ["the SHA-256 of other bytes", None])
def test_a_state_of_other_files_is_refused(tmp_path, monkeypatch, now) -> None:
    from wxml_trainer_lightning import state as module

    monkeypatch.setattr(module, "FORMAT", 2)
    StateFile(tmp_path, IDENTITY | {FILES: HASHED}).write(make_state())
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match=f"{FILES}: was {HASHED}, is {SAMPLED}"):
        StateFile(tmp_path, IDENTITY | {FILES: SAMPLED}, lambda: now).begin(resume=True)


@pytest.mark.parametrize("written_format", [1, 2])
def test_the_graph_of_an_earlier_state_is_not_compared(tmp_path, monkeypatch, caplog, written_format) -> None:
    """Its hash depends on the processor; a state of today with another graph is refused."""
    from wxml_trainer_lightning import state as module

    written, today = (IDENTITY | {"graph_identity": text} for text in ('"cbb7"', '"b455"'))
    monkeypatch.setattr(module, "FORMAT", written_format)
    StateFile(tmp_path, written).write(make_state())
    monkeypatch.undo()
    assert StateFile(tmp_path, today).begin(resume=True).position == POSITION
    assert "the graph was not compared" in caplog.text
    StateFile(tmp_path, written).write(make_state())
    with pytest.raises(ArtefactError, match=r'graph_identity: was "cbb7", is "b455"'):
        StateFile(tmp_path, today).begin(resume=True)


def test_all_data_are_read_only_where_nothing_else_differs(tmp_path, monkeypatch) -> None:
    from wxml_trainer_lightning import state as module

    monkeypatch.setattr(module, "FORMAT", 2)
    StateFile(tmp_path, IDENTITY | {FILES: HASHED}).write(make_state())
    monkeypatch.undo()
    changed = IDENTITY | {FILES: SAMPLED, "seed": "2"}
    with pytest.raises(ArtefactError, match="seed: was 1, is 2"):
        StateFile(tmp_path, changed, lambda: pytest.fail("all data are read")).begin(resume=True)


def test_a_state_of_today_is_never_compared_by_all_bytes(tmp_path) -> None:
    StateFile(tmp_path, IDENTITY | {FILES: SAMPLED}).write(make_state())
    other = StateFile(tmp_path, IDENTITY | {FILES: "other"}, lambda: pytest.fail("all data are read"))
    with pytest.raises(ArtefactError, match=f"{FILES}: was a sample, is other"):
        other.begin(resume=True)


def test_data_with_other_times_are_told_once(tmp_path, caplog) -> None:
    StateFile(tmp_path, IDENTITY, data_stamp="monday").write(make_state())
    assert StateFile(tmp_path, IDENTITY, data_stamp="monday").begin(resume=True)
    assert not caplog.records
    later = StateFile(tmp_path, IDENTITY, data_stamp="tuesday")
    state = later.begin(resume=True)
    (record,) = caplog.records
    assert "the data files were written or copied after the training began" in record.getMessage()
    later.write(state)
    caplog.clear()
    assert StateFile(tmp_path, IDENTITY, data_stamp="tuesday").begin(resume=True)
    assert not caplog.records


def test_a_full_disk_is_reported_and_leaves_the_old_state(state_file, monkeypatch) -> None:
    from safetensors import SafetensorError
    from wxml_trainer_lightning import state as module

    def fail(_tensors, path, _header) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(ArtefactError, match="No space left on device"):
        state_file.write(make_state())
    monkeypatch.undo()
    assert state_file.read().position == POSITION
    assert [path.name for path in state_file.run_dir.iterdir()] == ["state.safetensors"]


def test_starting_afresh_where_a_training_is_names_resume_and_another_directory(state_file) -> None:
    with pytest.raises(ArtefactError, match="holds a training already") as caught:
        state_file.begin(resume=False)
    assert "--resume" in caught.value.fix
    assert "another directory" in caught.value.fix


def test_resuming_before_the_first_state_starts_at_step_0_and_says_so(tmp_path, caplog) -> None:
    leftover = tmp_path / ".state.123.partial.safetensors"
    leftover.write_bytes(b"half a state of a process that was killed")
    with caplog.at_level("INFO", "wxml"):
        assert StateFile(tmp_path, IDENTITY).begin(resume=True) is None
    assert "nothing to resume yet, starting from step 0" in caplog.text
    assert not leftover.exists()


def test_flat_keys_are_dotted_and_values_are_json() -> None:
    nested = {"data": {"steps": 2, "none": None, "empty": {}}, "names": ["t", "q"]}
    assert flatten(nested) == {"data.steps": "2", "data.none": "null", "data.empty": "{}", "names": '["t", "q"]'}


def test_differences_are_sorted_and_complete() -> None:
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "c": "4", "d": "5"}) == [
        "b: was 2, is absent",
        "c: was 3, is 4",
        "d: was absent, is 5",
    ]


def test_the_identity_has_config_options_graph_and_data(advection) -> None:
    identity = run_identity(advection, {"max_steps": 5})
    assert identity["data.input_steps"] == "2"
    assert identity["training.max_steps"] == "5"
    assert identity["graph_identity"] == f'"{advection.graph.identity}"'
    assert identity["data_read.kind"] == '"travelling waves"'
    assert not any(key.startswith(("forecast", "verification")) for key in identity)


def test_long_values_are_hashed_and_still_tell_differences(advection) -> None:
    long = [f"file-{number}" for number in range(1000)]
    one, other = (run_identity(advection, {"files": files})["training.files"] for files in (long, long[:-1]))
    assert one.startswith("sha256 ")
    assert one != other
    assert np.char.str_len(one) < 100


def test_what_a_killed_process_left_is_removed_when_a_finished_training_is_resumed(fit, advection, tmp_path) -> None:
    fit(advection, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    (tmp_path / ".state.safetensors.lock").touch()
    (tmp_path / ".state.0f1e2d3c.partial.safetensors").touch()
    fit(advection, tmp_path, resume=True)
    assert {path.name for path in tmp_path.iterdir()} == before
