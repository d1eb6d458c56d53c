"""`wxml dataset compare`: what differs between two datasets."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("compare", short_help="Show what differs between two datasets.")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--rtol", type=click.FloatRange(min=0), default=0.0, help="Numbers may differ by so much of that in A.")
@click.option("--atol", type=click.FloatRange(min=0), default=0.0, help="And by so much, in the variable's units.")
@click.option("--json", "as_json", is_flag=True, help="Print what differs as JSON.")
def command(a: Path, b: Path, rtol: float, atol: float, as_json: bool) -> None:
    """Show what differs between the datasets A and B: grid, dates, variables, units, statistics and all values.

    Each may also be a recipe or an experiment (.yaml): then its source is compared, such as the files from which a
    dataset was built. Nodes in another order are put in that of A. A value differs if |A - B| > atol + rtol |A|.

    The exit code is 0 if nothing differs and 1 if something does.

    \b
    Examples:
      wxml dataset compare old.zarr new.zarr
      wxml dataset compare recipe.yaml era5.zarr
      wxml dataset compare era5.zarr packed.zarr --atol 0.01
    """
    from wxml.terminal import say, say_json

    from wxml_dataset_builder.comparing.comparison import compare
    from wxml_dataset_builder.opening import open_any

    found = compare(open_any(a), open_any(b), relative=rtol, absolute=atol)
    if as_json:
        values = None if found.values is None else [one.to_json() for one in found.values]
        say_json({"equal": found.is_equal, "differences": found.differences, "values": values})
    elif found.is_equal:
        say("nothing differs" + (f" by more than {atol:g} + {rtol:g} |A|" if rtol or atol else ""))
    else:
        say("\n".join(["A and B differ:", *found.lines()]))
    raise click.exceptions.Exit(0 if found.is_equal else 1)
