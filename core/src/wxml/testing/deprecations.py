"""Checks what a plugin has deprecated."""

__all__ = ["deprecation_faults"]

import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from wxml.plugins.catalog import installed
from wxml.plugins.deprecation import marked_options
from wxml.plugins.options.deprecated import Deprecated, deprecation_of
from wxml.plugins.options.model import options_model


def deprecation_faults(plugin: type) -> Iterator[str]:
    """What is wrong with the deprecations of a plugin, in words."""
    version = _version(plugin)
    if mark := deprecation_of(plugin):
        yield from _overdue(f"the plugin {plugin.__qualname__}", mark, version)
    for name, field, mark in marked_options(options_model(plugin)):
        if field.is_required():
            yield f"option `{name}` is deprecated, and must have a default so that a config can leave it out"
        yield from _overdue(f"option `{name}`", mark, version)


def _overdue(what: str, mark: Deprecated, version: Version | None) -> Iterator[str]:
    if version is not None and version >= Version(mark.until):
        yield f"{what} should have gone away in {mark.until}, and this is {version}: remove it, with a migration"


def _version(plugin: type) -> Version | None:
    """The version of the distribution that declares plugins of the class's package; None if it cannot be told."""
    package = re.compile(rf"{re.escape(plugin.__module__.partition('.')[0])}(\W|$)")
    versions = [record.version for record in installed().records if package.match(record.value)]
    try:
        return Version(versions[0]) if versions else None
    except InvalidVersion:
        return None
