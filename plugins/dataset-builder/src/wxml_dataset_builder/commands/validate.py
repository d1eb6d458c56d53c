"""`wxml dataset validate`: whether a dataset is whole, and what it says of itself true."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("validate", short_help="Check that a dataset is whole and consistent.")
@click.argument("path", type=click.Path(path_type=Path), metavar="DATASET.zarr")
@click.option("--all", "whole", is_flag=True, help="Read all dates, and compute the statistics again.")
@click.option("--json", "as_json", is_flag=True, help="Print what is wrong as JSON.")
def command(path: Path, whole: bool, as_json: bool) -> None:
    """Check that a dataset is whole and consistent, whoever built it.

    It checks: the checksums of its files and that none is absent; arrays, attributes, shapes; dates that rise by the
    frequency; missing dates without values, and all others with values; places on the Earth; NaN and infinite values;
    statistics that its values can have and that follow from the moments of each date in it; these moments. Without
    --all, 64 dates and 256 files are read.

    The exit code is 0 if nothing is wrong and 1 if something is.

    \b
    Examples:
      wxml dataset validate era5.zarr
      wxml dataset validate era5.zarr --all
    """
    from wxml.terminal import say, say_json

    from wxml_dataset_builder.validation import validate

    faults = validate(path, whole=whole)
    if as_json:
        say_json({"path": str(path), "whole": whole, "faults": faults})
    elif faults:
        say("\n".join([f"{path}: {len(faults)} faults", *(f"  {fault}" for fault in faults)]))
    else:
        say(f"{path}: nothing is wrong" + ("" if whole else " in what was read (all of it: --all)"))
    raise click.exceptions.Exit(1 if faults else 0)
