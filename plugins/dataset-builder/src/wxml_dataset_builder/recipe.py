"""A recipe: what is built, from which source, for which dates, and how it is stored."""

__all__ = ["Chunks", "Dates", "Output", "Recipe", "StatisticsPeriod", "changed_recipe", "read_recipe", "read_source"]

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt
from wxml import Kind, Options, PluginChoice, load_config
from wxml.config.settings import read_settings, written_keys
from wxml.data.times import parse_duration, parse_time

ADVICE = "see the keys of a recipe: wxml dataset build --help"


def _time(text: Any) -> str:
    """A date or date-time in UTC as it was written, without the `Z` that says so."""
    parse_time(str(text))
    return str(text).removesuffix("Z").removesuffix("+00:00")


def _duration(text: Any) -> str:
    parse_duration(text)
    return str(text)


Time = Annotated[str, BeforeValidator(_time)]
Duration = Annotated[str, BeforeValidator(_duration)]


class Dates(Options):
    """The axis of dates; what is left out is as in the source."""

    start: Annotated[Time | None, Field(description="the first date")] = None
    end: Annotated[Time | None, Field(description="the last date; a day, month or year stands for all of it")] = None
    frequency: Annotated[Duration | None, Field(description="the step from date to date, such as `6h`")] = None
    missing: Annotated[
        tuple[Time, ...] | Literal["any"],
        Field(description="the dates that are missing, kept on the axis as NaN; `any`: all that the source lacks"),
    ] = ()


class Chunks(Options):
    """How many of each dimension are in one chunk."""

    dates: PositiveInt = 1
    variables: Annotated[PositiveInt | None, Field(description="null: all of them")] = None
    ensembles: Annotated[PositiveInt | None, Field(description="null: all of them")] = None
    values: Annotated[PositiveInt | None, Field(description="null: all, or parts where a chunk has 32 MiB or more")] = (
        None
    )


class Output(Options):
    """How the data are stored."""

    format: Literal["zarr3", "zarr2"] = "zarr3"
    dtype: Literal["float32", "float64"] = "float32"
    chunks: Chunks = Chunks()
    shards: Annotated[
        PositiveInt | None, Field(description="the dates in one file (zarr 3); null: one file a chunk")
    ] = None
    compression: Literal["zstd", "lz4", "none"] = "zstd"


class StatisticsPeriod(Options):
    """The dates that the statistics are of, and the tendencies."""

    start: Annotated[Time | None, Field(description="the first date; null: that of the dataset")] = None
    end: Annotated[Time | None, Field(description="the last date; null: the end is left out, see docs/datasets.md")] = (
        None
    )
    tendencies: Annotated[tuple[Duration, ...], Field(description="such as [6h, 24h]")] = ()


class Recipe(Options):
    """What a dataset is made of."""

    source: Annotated[PluginChoice, Kind("data-source")]
    dates: Dates = Dates()
    output: Output = Output()
    statistics: StatisticsPeriod = StatisticsPeriod()
    description: str = ""
    licence: str = ""
    attribution: str = ""


class NewSource(Options):
    """The source of more variables, and nothing else."""

    source: Annotated[PluginChoice, Kind("data-source")]


def read_source(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Read a file that holds a source alone, `{"plugin": NAME, …}`.

    Raises:
        ConfigError: with every key that is unknown or wrong.
        BrokenPluginError: a plugin that is named cannot be used.
    """
    choice: dict[str, Any] = read_settings(path, NewSource, changes, advice=ADVICE).source.model_dump(mode="json")
    return choice


def changed_recipe(recorded: Mapping[str, Any], changes: Sequence[str]) -> Recipe:
    """A recipe that no file of the user holds, with `KEY=VALUE` of the command line.

    Raises:
        ConfigError: with every key that is unknown or wrong.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "recipe-of-the-dataset.yaml"
        file.write_text(json.dumps(recorded), encoding="utf-8")  # JSON is YAML
        return read_settings(file, Recipe, changes, advice=ADVICE)


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe, or take the `data.source` of an experiment as one.

    Args:
        path: the recipe or the experiment.
        changes: `KEY=VALUE` of the command line.

    Raises:
        ConfigError: with every key that is unknown or wrong.
        BrokenPluginError: a plugin that is named cannot be used.
    """
    keys = written_keys(path)
    if "source" in keys or not keys & {"data", "defaults"}:
        return read_settings(path, Recipe, changes, advice=ADVICE)
    own = [change for change in changes if change.partition("=")[0].partition(".")[0] in Recipe.model_fields]
    experiment = load_config(path, [change for change in changes if change not in own]).config
    return changed_recipe({"source": experiment.data.source.model_dump(mode="json")}, own)
