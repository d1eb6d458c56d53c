"""Forecasts that are gone on with, and those to which initial times are added: what is refused, and what is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from wxml import ArtefactError, DataError, open_forecast
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.files.leftovers import leftovers, unfinished_path
from wxml.forecasting.job import ForecastRequest, forecast, reported_forecast
from wxml.forecasting.kept_output import KeptOutput

START, END, NEXT, LAST = "2000-01-03", "2000-01-03T18", "2000-01-04", "2000-01-05"
"""Of four initial times; the next one, and the last of nine. Four are two batches: batches stay what they are."""
GRIB = "forecast.writer={plugin: grib2, parameters: {t: paramId=167, z: paramId=129}}"
WRITERS = {"f.zarr": (), "f.nc": (), "f.grib2": (GRIB,)}
KEYS = ("data.source", "forecast")

Ask = Callable[..., ForecastRequest]


@pytest.fixture
def ask(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks for forecasts of 12 hours, two steps, by that model, in batches of two."""
    monkeypatch.chdir(trained)
    checkpoint = Path("run/checkpoint.safetensors")

    def ask(
        name: str = "f.zarr", *settings: str, start: str = START, end: str = END, **options: bool
    ) -> ForecastRequest:
        writer = WRITERS.get(name, ())
        changed = read_changes(checkpoint, ["forecast.batch_size=2", *writer, *settings], KEYS)
        assert changed is not None
        return ForecastRequest(
            checkpoint, tmp_path / name, start, end, "6h", source=changed.source, changed=changed, **options
        )

    return ask


@contextmanager
def broken_disk(number: int) -> Iterator[pytest.ExceptionInfo[ArtefactError]]:
    """The step of this number, of all outputs together, cannot be written."""
    written, write = 0, KeptOutput.write

    def failing(self: KeptOutput, *step: object) -> None:
        nonlocal written
        written += 1
        if written == number:
            raise OSError(5, "Input/output error")
        write(self, *step)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptOutput, "write", failing)
        with pytest.raises(ArtefactError, match="Input/output error") as caught:
            yield caught


def contents(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of those in a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}


@pytest.mark.parametrize("name", WRITERS)
def test_with_resume_what_is_finished_outlives_a_failure(name: str, ask: Ask, tmp_path: Path) -> None:
    path = forecast(ask(name))
    whole = contents(path)
    path.rename(tmp_path / "whole")
    with broken_disk(6) as caught:  # the second one of the second batch
        forecast(ask(name, resume=True))
    assert not path.exists()
    if name == "f.nc":
        assert not list(tmp_path.glob("f.unfinished*")), "a NetCDF file cannot be gone on with"
    else:
        there = "5 of 8 steps are complete, and 2 of 4 initial times"
        assert caught.value.fix.endswith(
            f"another place; --resume goes on with `{unfinished_path(path)}`, where {there}"
        )
        with pytest.raises(DataError, match=f"is not whole: {there}"):
            open_forecast(unfinished_path(path))
    made = []
    with pytest.MonkeyPatch.context() as patch:
        write = KeptOutput.write
        patch.setattr(KeptOutput, "write", lambda self, *step: (made.append(step), write(self, *step)))
        forecast(ask(name, resume=True))
    assert contents(path) == whole
    assert len(made) == (8 if name == "f.nc" else 4), "a NetCDF file is begun anew, the others have their first batch"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_failure_before_the_first_batch_is_complete_leaves_nothing(name: str, ask: Ask, tmp_path: Path) -> None:
    with broken_disk(4) as caught:
        forecast(ask(name, resume=True))
    assert caught.value.fix.endswith("nothing was left behind")
    assert not list(tmp_path.iterdir())


def test_a_failed_append_leaves_what_was_there(ask: Ask, tmp_path: Path) -> None:
    before = contents(forecast(ask()))
    with broken_disk(4):
        forecast(ask(start=NEXT, end=LAST, append=True, resume=True))
    assert [path.name for path in tmp_path.iterdir()] == ["f.zarr"]
    assert contents(tmp_path / "f.zarr") == before


def test_a_second_failure_hides_no_first_one(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = KeptOutput.let_go

    def failing(self: KeptOutput) -> None:
        let_go(self)
        raise RuntimeError("the file cannot be closed")

    monkeypatch.setattr(KeptOutput, "let_go", failing)
    with broken_disk(6):
        forecast(ask())
    assert not list(tmp_path.iterdir())


def test_without_resume_a_failure_leaves_nothing(ask: Ask, tmp_path: Path) -> None:
    with broken_disk(6):
        forecast(ask())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["f.zarr", "f.grib2"])
def test_complete_steps_can_be_read(name: str, ask: Ask) -> None:
    with broken_disk(6):
        forecast(ask(name, resume=True))
    path = ask(name).paths[0]
    with open_forecast(unfinished_path(path), unfinished=True) as part:
        assert part.complete is not None
        assert part.complete.tolist() == [[True, True], [True, True], [True, False], [False, False]]
        values = part.read(2, "t")
        assert (np.isfinite(values[0]).all(), np.isnan(values[1]).all()) == (True, True)


def test_what_is_whole_is_not_made_again(ask: Ask) -> None:
    path = forecast(ask())
    before = path.stat().st_mtime_ns
    assert reported_forecast(ask(resume=True)).paths == (path,)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(ArtefactError, match="exists already"):
        forecast(ask(end=LAST, resume=True))


@pytest.mark.carries_out("repeat the command as it was, or begin anew with --clean")
@pytest.mark.carries_out("pass --resume to go on with it, or --clean to remove it")
def test_another_command_does_not_go_on_with_it(ask: Ask) -> None:
    with broken_disk(6):
        forecast(ask(resume=True))
    with pytest.raises(DataError, match=r"with other settings: `initial_times` was .* and is a list of 9"):
        forecast(ask(end=LAST, resume=True))
    with pytest.raises(ArtefactError, match="was left by a command that has ended, or is at work: 5 of 8 steps"):
        forecast(ask())
    with open_forecast(forecast(ask(end=LAST, clean=True))) as made:
        assert len(made.header.initial_times) == 9


def test_each_of_several_outputs_is_gone_on_with(ask: Ask, tmp_path: Path) -> None:
    """One has other lead times than the other, so that it is further on."""
    second = "forecast.outputs=[{path: " + str(tmp_path / "late.grib2") + ", every: 12h, writer: " + GRIB[16:] + "}]"
    paths = reported_forecast(ask("f.zarr", second)).paths
    whole = [contents(path) for path in paths]
    for path in paths:
        path.rename(tmp_path / f"whole-{path.name}")
    with broken_disk(8):
        forecast(ask("f.zarr", second, resume=True))
    assert reported_forecast(ask("f.zarr", second, resume=True)).paths == paths
    assert [contents(path) for path in paths] == whole


def test_appended_initial_times_make_the_store_that_one_command_makes(ask: Ask, tmp_path: Path) -> None:
    whole = contents(forecast(ask("whole.zarr", end=LAST)))
    path = forecast(ask())
    assert forecast(ask(start=NEXT, end=LAST, append=True)) == path
    assert contents(path) == whole
    assert not leftovers(tmp_path)
    assert not leftovers(tmp_path)


@pytest.mark.carries_out("append others, or pass --resume")
@pytest.mark.carries_out("append later initial times, or write a file of its own")
def test_only_later_initial_times_are_appended(ask: Ask) -> None:
    path = forecast(ask())
    before = contents(path)
    with pytest.raises(DataError, match="has the initial time 2000-01-03T18"):
        forecast(ask(start=END, end=LAST, append=True))
    with pytest.raises(DataError, match="ends with 2000-01-03T18, and 2000-01-02T00 is earlier"):
        forecast(ask(start="2000-01-02", end="2000-01-02", append=True))
    assert contents(path) == before
    forecast(ask(start=END, end=LAST, append=True, resume=True))
    with open_forecast(path) as made:
        assert len(made.header.initial_times) == 9


@pytest.mark.carries_out("append with the command that made it, or write a file of its own")
def test_other_settings_are_not_appended(ask: Ask) -> None:
    path = forecast(ask())
    before = contents(path)
    longer = ask("f.zarr", "forecast.lead_time=18h", start=NEXT, end=LAST, append=True)
    with pytest.raises(DataError, match="was made with another model or other settings: ") as caught:
        forecast(longer)
    assert "forecast.lead_time" in caught.value.message
    assert contents(path) == before
    forecast(ask(start=NEXT, end=LAST, append=True))


def test_other_data_are_appended_and_recorded(ask: Ask, trained: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.nc"
    later.write_bytes((trained / "world.nc").read_bytes())
    path = forecast(ask())
    forecast(ask("f.zarr", f"data.source.path={later}", start=NEXT, end=LAST, append=True))
    (added,) = read_provenance(path).data["appended"]
    assert (added["from"], added["to"]) == ("2000-01-04T00", "2000-01-05T00")
    assert "later.nc" in str(added["data"])


@pytest.mark.carries_out("append to a format that can, such as zarr, or write a file of its own")
@pytest.mark.parametrize("name", ["f.nc", "f.grib2"])
def test_formats_that_take_no_more_say_so(name: str, ask: Ask, tmp_path: Path) -> None:
    path = forecast(ask(name))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="takes no more initial times"):
        forecast(ask(name, start=NEXT, end=LAST, append=True))
    assert sorted(tmp_path.iterdir()) == before
    forecast(ask("of-its-own.zarr", start=NEXT, end=LAST))
    assert path.exists()


def test_leftovers_of_other_commands_are_named(ask: Ask, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = tmp_path / ".other.4f2e.partial.zarr"
    left.mkdir()
    forecast(ask(end=START))
    assert f"`{left}` was left by a command that has ended: --clean removes it" in caplog.text
    assert left.exists()
    forecast(ask(end=START, overwrite=True, clean=True))
    assert not left.exists()
