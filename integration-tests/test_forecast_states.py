"""Forecasts that break off in the midst of their steps go on from a saved state, and end with the same bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wxml import ArtefactError
from wxml.artefacts.source_changes import read_changes
from wxml.files.leftovers import leftovers, remove_leftovers, state_path, unfinished_path
from wxml.forecasting.job import ForecastRequest, reported_forecast
from wxml.forecasting.kept_output import KeptOutput

CHECKPOINT = Path("run/checkpoint.safetensors")
STEPS, TIMES = 12, 3
GRIB = "{plugin: grib2, parameters: {t: paramId=167, z: paramId=129}}"
SUMS = "forecast.filters=[{plugin: clip, where: step, variables: [t], most: 285}, {plugin: accumulate, variables: [t]}]"
MEMBERS = ("forecast.members=2", "forecast.perturbations=[{plugin: gaussian}]")

Ask = Callable[..., ForecastRequest]


@pytest.fixture
def ask(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks for forecasts of 12 steps, from three initial times in batches of two, with a state at every third step."""
    monkeypatch.chdir(trained)

    def ask(name: str, *settings: str, resume: bool = False, clean: bool = False) -> ForecastRequest:
        keys = ("forecast.batch_size=2", "forecast.lead_time=72h", "forecast.save_state_every=3", *settings)
        changed = read_changes(CHECKPOINT, list(keys), ("data.source", "forecast"))
        assert changed is not None
        path, source = tmp_path / name, changed.source
        times = ("2000-01-03", "2000-01-03T12", "6h")
        return ForecastRequest(CHECKPOINT, path, *times, source=source, changed=changed, resume=resume, clean=clean)

    return ask


@contextmanager
def steps_written(broken: int | None = None) -> Iterator[list[object]]:
    """The steps that come to a file; that of the number `broken`, from 1 on, cannot be written."""
    written: list[object] = []
    write = KeptOutput.write

    def failing(self: KeptOutput, *step: object) -> None:
        written.append(step)
        if len(written) == broken:
            raise OSError(5, "Input/output error")
        write(self, *step)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptOutput, "write", failing)
        yield written


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files in a folder."""
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def whole(request: ForecastRequest) -> dict[str, bytes]:
    """What one command makes, of which nothing stays."""
    reported_forecast(request)
    folder = request.paths[0].parent
    found = contents(folder)
    remove_leftovers(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return found


def break_off(request: ForecastRequest, number: int) -> None:
    """Make forecasts whose step of this number cannot be written."""
    with steps_written(number), pytest.raises(ArtefactError, match="Input/output error"):
        reported_forecast(request)


def go_on(request: ForecastRequest) -> int:
    """Go on with them; return how many steps came to the files."""
    with steps_written() as written:
        reported_forecast(request)
    return len(written)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("f.zarr", (SUMS, *MEMBERS)),
        ("f.zarr", ("forecast.writer={plugin: zarr, zarr_format: 2}",)),
        ("f.grib2", (f"forecast.writer={GRIB}",)),
    ],
)
def test_a_forecast_goes_on_from_its_state(name: str, settings: tuple[str, ...], ask: Ask, tmp_path: Path) -> None:
    """Step 16 of the first 24 is lead time 8 of both, so that states after 3 and 6 steps are there."""
    expected = whole(ask(name, *settings))
    break_off(ask(name, *settings, resume=True), 16)
    path = tmp_path / name
    assert state_path(path) in {one.path for one in leftovers(tmp_path)}
    assert go_on(ask(name, *settings, resume=True)) == STEPS * TIMES - 2 * 6
    assert contents(tmp_path) == expected


def test_a_second_command_breaks_off_too(ask: Ask, tmp_path: Path) -> None:
    """The first one breaks off behind 6 steps of two, the next behind 9, the third behind 3 of the last alone."""
    expected = whole(ask("f.zarr"))
    for number in (2 * 8, 2 * 4, 2 * 3 + 5):
        break_off(ask("f.zarr", resume=True), number)
    assert go_on(ask("f.zarr", resume=True)) == STEPS - 3
    assert contents(tmp_path) == expected


def test_all_outputs_go_on_from_one_state(ask: Ask, tmp_path: Path) -> None:
    late = f"{{path: {tmp_path / 'late.grib2'}, every: 24h, writer: {GRIB}}}"
    outputs = f"forecast.outputs=[{late}]"
    expected = whole(ask("f.zarr", outputs))
    break_off(ask("f.zarr", outputs, resume=True), 30)
    assert go_on(ask("f.zarr", outputs, resume=True)) < 48
    assert contents(tmp_path) == expected


def test_no_state_helps_where_an_output_is_begun_anew(ask: Ask, tmp_path: Path) -> None:
    outputs = f"forecast.outputs=[{{path: {tmp_path / 'f.nc'}}}]"
    break_off(ask("f.zarr", outputs, resume=True), 30)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["damaged", "of another forecast", "lost"])
def test_a_state_that_is_not_sound_is_not_used(
    damage: str, ask: Ask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = whole(ask("f.zarr"))
    if damage == "of another forecast":
        break_off(ask("f.zarr", SUMS, resume=True), 16)
        state = state_path(tmp_path / "f.zarr")
        other = state.read_bytes()
        remove_leftovers(tmp_path)
    break_off(ask("f.zarr", resume=True), 16)
    state = state_path(tmp_path / "f.zarr")
    data = bytearray(state.read_bytes())
    data[-1] ^= 1
    if damage == "lost":
        state.unlink()
    else:
        state.write_bytes(data if damage == "damaged" else other)
    assert go_on(ask("f.zarr", resume=True)) == STEPS * TIMES
    assert contents(tmp_path) == expected
    assert ("is not used, and steps are made again" in caplog.text) == (damage != "lost")


def test_a_state_is_cleaned_away(ask: Ask, tmp_path: Path) -> None:
    expected = whole(ask("f.zarr"))
    break_off(ask("f.zarr", resume=True), 16)
    assert unfinished_path(tmp_path / "f.zarr").exists()
    assert go_on(ask("f.zarr", clean=True)) == STEPS * TIMES
    assert contents(tmp_path) == expected
