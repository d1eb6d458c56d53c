"""The job of `wxml compare`: from folders of scores to a folder with the comparison."""

__all__ = ["compare"]

import os
from collections.abc import Sequence
from pathlib import Path

from wxml.errors import ArtefactError, DataError
from wxml.files.staging import check_absent, staged

from wxml_verification.comparing import compared
from wxml_verification.comparison import Comparison, Significance
from wxml_verification.comparison_file import write_comparison, write_comparison_table
from wxml_verification.contender import STATISTICS, names_of, opened
from wxml_verification.groups import GROUPINGS, Grouping

FILES = ("comparison.csv", "comparison.nc")


def compare(
    paths: Sequence[Path],
    output: Path,
    *,
    significance: Significance = "hac",
    confidence: float = 0.95,
    groupings: Sequence[Grouping] = GROUPINGS,
    overwrite: bool = False,
) -> Comparison:
    """Compare the forecast behind the first folder of scores with those behind the others.

    Args:
        paths: two folders or more that `wxml verify` wrote, or the `statistics.zarr` in them.
        output: a new folder for `comparison.csv` and `comparison.nc`.
        significance: the method behind intervals.
        confidence: of the intervals.
        groupings: how cases are grouped, for the differences of each group.
        overwrite: replace `output` if it holds these files and nothing else.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    folders = [path.parent if path.name == STATISTICS else path for path in paths]
    if len({os.path.realpath(folder) for folder in folders}) < len(folders) or len(folders) < 2:
        named = ", ".join(f"`{path}`" for path in paths)
        raise DataError(
            f"a comparison needs two different folders of scores or more, got {named}", fix="name each once"
        )
    _check_target(output, overwrite=overwrite)
    contenders = [opened(path, name) for path, name in zip(paths, names_of(folders), strict=True)]
    comparison = compared(contenders[0], contenders[1:], significance, confidence, groupings)
    record = {"artefact": "comparison", "parents": [one.file.provenance for one in contenders]}
    with staged(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        write_comparison(comparison, temporary / "comparison.nc", record)
        write_comparison_table(comparison, temporary / "comparison.csv")
    return comparison


def _check_target(output: Path, *, overwrite: bool) -> None:
    """Refuse a target that exists, unless it holds a comparison alone and may be replaced."""
    check_absent(output, overwrite=overwrite)
    if not os.path.lexists(output):
        return
    own = output.is_dir() and not output.is_symlink()
    foreign = sorted({one.name for one in output.iterdir()} - set(FILES)) if own else [output.name]
    if foreign:
        raise ArtefactError(
            f"`{output}` cannot be replaced, because it holds files that wxml did not write: {', '.join(foreign[:3])}",
            fix="choose another path, or remove it first",
        )
