"""What `--overwrite` may replace: a dataset or an empty folder, and never an input of the command."""

__all__ = ["check_replaceable"]

import os
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.staging import check_absent

from wxml_dataset_builder.checksums import CHECKSUMS

ROOTS = ("zarr.json", ".zgroup")
SHOWN = 3


def check_replaceable(target: Path, inputs: tuple[Path, ...] = (), *, overwrite: bool = False) -> None:
    """Refuse a target that may not be written.

    Raises:
        ArtefactError: it exists and `overwrite` is not set; or it is a link, an input, or lies in one or holds one; or
            it is no dataset, or holds files that are not on its list; or its folder does not exist.
    """
    check_absent(target, overwrite=overwrite)
    if not os.path.lexists(target):
        return
    place = target.resolve()
    for other in inputs:
        if place in (there := other.resolve(), *there.parents) or there in place.parents:
            raise ArtefactError(f"`{target}` would replace the input `{other}`", fix="choose another path")
    is_dataset = target.is_dir() and any((target / name).exists() for name in ROOTS) and (target / "data").is_dir()
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.is_symlink() or not (is_dataset or is_empty):
        raise ArtefactError(f"`{target}` is no dataset, so it is not replaced", fix="choose another path")
    if foreign := _foreign(target):
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ArtefactError(
            f"`{target}` cannot be replaced, because it holds files that wxml did not write: "
            f"{', '.join(foreign[:SHOWN])}{more}",
            fix="move them elsewhere, or choose another path",
        )


def _foreign(target: Path) -> list[str]:
    """The files that are not on the list of a dataset; none without a list, as in those of anemoi-datasets."""
    if not (target / CHECKSUMS).is_file():
        return []
    lines = (target / CHECKSUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    own = {CHECKSUMS, *(line.partition("  ")[2] for line in lines)}
    files = (path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(set(files) - own)
