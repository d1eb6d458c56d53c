"""What no forecast file can hold is refused before the training, and not after it."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.source.rename={t: two words}", "cannot hold a variable with the name 'two words'"),
        ("data.source.rename={t: area_weight}", "the name 'area_weight' is that of a coordinate of forecast files"),
        ("model.bounding={t: {maximum: 1e999}}", "a number must be finite, got inf"),
        ("data.source.levels=[-1e999]", "a number must be finite, got -inf"),
    ],
)
def test_a_training_whose_forecast_cannot_be_written_is_refused(
    change: str, words: str, trained: Path, quickly, tmp_path: Path
) -> None:
    done = quickly("train", "experiment.yaml", change, "--run-dir", str(tmp_path / "run"), folder=trained)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "run").exists()
