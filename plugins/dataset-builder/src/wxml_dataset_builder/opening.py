"""Whatever `inspect` and `compare` are told: a dataset, a recipe, or an experiment."""

__all__ = ["Opened", "open_any"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml import DataSource
from wxml.errors import ArtefactError

from wxml_dataset_builder.stored import Stored, open_stored

RECIPES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Data that can be looked at."""

    path: Path
    source: DataSource
    stored: Stored | None
    """None: the data are those of a recipe or of an experiment."""


def open_any(path: Path, changes: Sequence[str] = ()) -> Opened:
    """Open a dataset, or the source of a recipe or of an experiment.

    Args:
        path: the folder of a dataset, or a `.yaml` file.
        changes: `KEY=VALUE` changes to that file.

    Raises:
        ArtefactError: `path` is neither, or a dataset is changed.
        ConfigError: the file is wrong.
        DataError: the data cannot be opened.
    """
    if path.is_dir():
        if changes:
            raise ArtefactError(
                f"`{path}` is a dataset, and {changes[0]!r} changes a recipe", fix="name the recipe, or take it out"
            )
        stored = open_stored(path)
        return Opened(path, stored.source, stored)
    if path.suffix not in RECIPES or not path.exists():
        what = "is neither a dataset nor a recipe" if path.exists() else "does not exist"
        raise ArtefactError(f"`{path}` {what}", fix="name the folder of a dataset, or a recipe or experiment (.yaml)")
    from wxml_dataset_builder.plan import open_source
    from wxml_dataset_builder.recipe import read_recipe

    source = open_source(read_recipe(path, changes).source.model_dump(mode="json"))
    return Opened(path, source, None)
