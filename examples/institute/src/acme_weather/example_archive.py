"""`wxml acme-example-archive FOLDER`: a small archive to try things on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.command("acme-example-archive", short_help="Write a small archive to try things on.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--days", default=12, show_default=True, type=click.IntRange(1), help="How many days it has.")
def command(folder: Path, days: int) -> None:
    """Write an archive of waves that travel around the globe once in four days, to a new folder."""
    if folder.exists():
        raise click.ClickException(f"{folder} is there already: name a new folder")
    write(folder, days)
    click.echo(folder)


def write(folder: Path, days: int) -> None:
    """Write the index, and a file for each day from 2000-01-01 on."""
    import numpy as np
    from wxml.files.staging import staged

    latitudes, longitudes, hours = np.arange(80.0, -81, -20), np.arange(0.0, 360, 30), [0, 6, 12, 18]
    index = {
        "latitudes": latitudes.tolist(),
        "longitudes": longitudes.tolist(),
        "hours": hours,
        "variables": {"t2m": "K", "u10": "m s-1"},
    }
    with staged(folder) as unfinished:
        unfinished.mkdir()
        (unfinished / "archive.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
        for day in range(days):
            name = str(np.datetime64("2000-01-01") + day)
            np.save(unfinished / f"{name}.npy", day_of_waves(day, hours, latitudes, longitudes))


def day_of_waves(
    day: int, hours: list[int], latitudes: "NDArray[np.float64]", longitudes: "NDArray[np.float64]"
) -> "NDArray[np.float32]":
    """The fields of a day, shape `[hour, variable, latitude, longitude]`: a wave 3 behind a warm equator."""
    import numpy as np

    turn = 2 * np.pi * (day + np.array(hours) / 24) / 4
    phase = 3 * (np.deg2rad(longitudes) - turn[:, None])[:, None, :]
    belt = np.cos(np.deg2rad(latitudes))[:, None]
    return np.stack([255 + 40 * belt + 8 * belt * np.cos(phase), 10 * belt * np.sin(phase)], axis=1).astype("f4")
