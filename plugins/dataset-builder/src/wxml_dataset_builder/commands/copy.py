"""`wxml dataset copy`: a dataset in other chunks, another format, or a part of it."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("copy", short_help="Copy a dataset, in other chunks or another format, or a part of it.")
@click.argument("dataset", type=click.Path(path_type=Path), metavar="DATASET.zarr")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT.zarr")
@click.option("--rechunk", multiple=True, metavar="DIMENSION=SIZE", help="Such as dates=4 or values=all; repeatable.")
@click.option("--shards", type=click.IntRange(min=1), help="The dates in one file (zarr3).")
@click.option("--format", "zarr_format", type=click.Choice(["zarr2", "zarr3"]), help="[default: that of DATASET]")
@click.option("--compression", type=click.Choice(["zstd", "lz4", "none"]), help="[default: zstd]")
@click.option("--start", help="The first date, such as 2000-01-01T06.")
@click.option("--end", help="The last date; a day, month or year stands for all of it.")
@click.option("--variables", help="Some of the variables, with commas: t_850,msl.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.zarr if it is a dataset.")
def command(
    dataset: Path,
    target: Path,
    rechunk: tuple[str, ...],
    shards: int | None,
    zarr_format: str | None,
    compression: str | None,
    start: str | None,
    end: str | None,
    variables: str | None,
    overwrite: bool,
) -> None:
    """Copy a dataset: the same values, bit for bit, with new checksums.

    The dimensions of --rechunk are dates, variables, ensembles and values. Statistics are those of DATASET, also in a
    copy of a part. A dataset that is damaged is not copied. OUT.zarr is written beside its place and renamed when it
    is whole; a copy that was stopped leaves nothing, and the same command begins it anew.

    \b
    Examples:
      wxml dataset copy era5.zarr copy.zarr
      wxml dataset copy era5.zarr series.zarr --rechunk dates=365 --rechunk values=1000
      wxml dataset copy era5.zarr small.zarr --format zarr2 --start 2018 --end 2019 --variables 2t,msl
    """
    from wxml.terminal import say_path

    from wxml_dataset_builder.copying.copying import copy
    from wxml_dataset_builder.copying.selection import parse_rechunk, select, storage
    from wxml_dataset_builder.replaceable import check_replaceable
    from wxml_dataset_builder.stored import open_stored

    check_replaceable(target, (dataset,), overwrite=overwrite)
    sizes = parse_rechunk(rechunk)
    stored = open_stored(dataset)
    chosen = select(stored, start=start, end=end, variables=tuple(variables.split(",")) if variables else ())
    wanted = {"format": zarr_format, "compression": compression, "shards": shards}
    copy(stored, target, chosen, storage(stored, chosen, wanted, sizes), overwrite=overwrite)
    say_path(target)
