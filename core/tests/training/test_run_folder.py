"""Two trainings never share a folder."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from wxml import ArtefactError
from wxml.files.lock import locked
from wxml.training import job


def test_the_second_training_in_a_folder_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The folder of the first one is left as it is."""
    config = SimpleNamespace(training=SimpleNamespace(plugin="any", options={}), model_dump=lambda **_: {})
    monkeypatch.setattr(job, "load_config", lambda *_: SimpleNamespace(config=config))
    monkeypatch.setattr(job, "create", lambda *_, **__: None)
    monkeypatch.setattr(job, "assemble", lambda loaded: loaded)
    monkeypatch.setattr(job, "fitted", lambda assembled, _: assembled)
    run_dir = tmp_path / "first"
    run_dir.mkdir()
    (run_dir / "history.csv").touch()
    with (
        locked(run_dir / ".lock"),
        pytest.raises(ArtefactError, match=r"another process is at work in `.*first`\n"),
    ):
        job.train(None, (), run_dir, resume=True)
    assert [path.name for path in run_dir.iterdir()] == ["history.csv"]
