"""`wxml inspect --check` compares all of a checkpoint with its checksums."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file
from wxml.cli import group

OLD = Path(__file__).with_name("checkpoints") / "0.1.0-gnn.safetensors"


def inspect(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(group, ["inspect", *map(str, arguments)])
    return done.exit_code, done.output


def test_a_whole_checkpoint_is_as_it_was_written(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = trained / "run/checkpoint.safetensors"
    caplog.set_level("INFO", "wxml")
    assert inspect(path, "--check")[0] == 0
    assert f"the header and the {len(load_file(path))} tensors of `{path}` are as they were written" in caplog.text


def test_a_changed_bit_of_any_tensor_is_found(trained: Path, tmp_path: Path) -> None:
    whole = (trained / "run/checkpoint.safetensors").read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    path = tmp_path / "c.safetensors"
    for place in range(start, len(whole), (len(whole) - start) // 20):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        code, shown = inspect(path, "--check")
        assert (code, "is damaged: its checksum is not the one" in shown) == (2, True)


@pytest.mark.carries_out("leave `--check` out", "leave `--check` out; a checkpoint of wxml 0.2 has checksums")
def test_without_checksums_nothing_is_claimed(forecast_file: Path) -> None:
    for path, words in ((forecast_file, "only a checkpoint has checksums"), (OLD, "written by wxml 0.1, without")):
        code, shown = inspect(path, "--check")
        assert (code, words in shown) == (2, True), shown
        assert inspect(path)[0] == 0


def test_a_forecast_that_is_not_whole_is_told(
    forecast_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "forecast.unfinished.nc"
    for suffix in ("", ".wxml.json"):
        shutil.copyfile(f"{forecast_file}{suffix}", f"{path}{suffix}")
    assert inspect(path)[0] == 0
    assert f"`{path}` is not whole: its command is at work, or `--resume` goes on to `forecast.nc`" in caplog.text
    caplog.clear()
    assert inspect(forecast_file)[0] == 0
    assert "not whole" not in caplog.text
