"""The data that a user hands over in Python."""

__all__ = ["data_source"]

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wxml.data.source import DataSource
from wxml.errors import ConfigError, DataError
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.faults import faults_of
from wxml.plugins.resolve import resolve

READER = "xarray"
"""The data source of datasets that are open, and of files."""


def data_source(data: Any, training: Mapping[str, Any]) -> PluginChoice | DataSource:
    """The source of what a user hands over, or what opens it.

    Args:
        data: an `xarray.Dataset`; a path; a section like `data.source` of a config; a source.
        training: that section of the training. A path of the same suffix as its `path` is read with its options.

    Raises:
        ConfigError: a section names no plugin.
        DataError: the data are something else, or are not understood.
    """
    if isinstance(data, PluginChoice | DataSource):
        return data
    if isinstance(data, Mapping) and not _is_dataset(data):
        return _section(dict(data))
    if isinstance(data, str | os.PathLike):
        return _file(os.fspath(data), training)
    if not _is_dataset(data):
        raise DataError(
            f"`data` of a forecast must be an xarray.Dataset, a path, a section or a source, got {type(data).__name__}",
            fix="give one of these; `array.to_dataset(name=…)` makes a dataset of an array",
        )
    plugin: Any = load(resolve("data-source", READER))
    source: DataSource = plugin.of_dataset(data)
    return source


def _is_dataset(data: Any) -> bool:
    """Whether it is a dataset; who has one has imported xarray."""
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(data, xarray.Dataset)


def _section(data: dict[str, Any]) -> PluginChoice:
    try:
        return PluginChoice.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            faults_of(error, PluginChoice, ("data",)), fix="write it like {'plugin': 'xarray', 'path': 'july.nc'}"
        ) from error


def _file(path: str, training: Mapping[str, Any]) -> PluginChoice:
    """A file like that of the training with its options, any other one by the reader of most formats."""
    known = training.get("path")
    is_alike = isinstance(known, str) and Path(known).suffix == Path(path).suffix
    return PluginChoice.model_validate({**training, "path": path} if is_alike else {"plugin": READER, "path": path})
