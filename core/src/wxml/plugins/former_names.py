"""Former names of plugins and options, as migrations know them: what is written for them today."""

__all__ = ["todays_choice", "todays_options", "todays_plugin"]

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.version import Version

from wxml.environment.names import canonical_name
from wxml.errors import UnknownPluginError, WxmlError
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.load import load
from wxml.plugins.migrations import Migration, migrations_of, steps_of
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve


def todays_choice(kind: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """A choice of a plugin with the names that the plugin and its options have today.

    It is for choices of which nobody knows the version: names that somebody has today stay, and values do.

    Args:
        kind: such as `forecast-writer`.
        written: `plugin` and its options; not changed.
    """
    new = dict(written)
    try:
        record = resolve(kind, new["plugin"])
    except UnknownPluginError:
        found = todays_plugin(kind, new["plugin"])
        if found is None:
            return new
        record, new["plugin"] = found, found.full_name
    except WxmlError:  # who needs it is told
        return new
    names = todays_options(record)
    if names.keys() & new.keys():
        known = options_model(load(record)).model_fields
        new = {key if key in known else names.get(key, key): value for key, value in new.items()}
    return new


def todays_plugin(kind: str, name: str) -> PluginRecord | None:
    """The installed plugin that once had a name which nobody has today; None if there is none, or several.

    Args:
        kind: such as `processor`.
        name: bare or full.
    """
    distribution, _, bare = name.rpartition(":")
    found = {}
    for provider, migrations in _all_migrations():
        steps = steps_of(migrations, (kind, canonical_name(bare)), None)
        if steps and distribution in ("", provider):
            try:
                record = resolve(kind, f"{provider}:{steps[-1].after[1]}")
            except WxmlError:
                continue
            found[record.full_name] = record
    return next(iter(found.values())) if len(found) == 1 else None


def todays_options(record: PluginRecord) -> dict[str, str]:
    """The former names of the options of an installed plugin, each with the name of today."""
    migrations = dict(_all_migrations()).get(record.distribution, ())
    names: dict[str, str] = {}
    for migration in migrations:
        later = [one for one in migrations if Version(one.version) > Version(migration.version)]
        steps = steps_of(later, migration.after, None)
        if (steps[-1].after if steps else migration.after) == (record.kind, record.name):
            names |= {former: _followed(name, steps) for former, name in migration.options.items()}
    return names


def _followed(option: str, steps: Sequence[Migration]) -> str:
    for step in steps:
        option = step.options.get(option, option)
    return option


def _all_migrations() -> Iterator[tuple[str, tuple[Migration, ...]]]:
    """Each distribution with its migrations; those that cannot be used are left out, as nobody asked for them."""
    for distribution in sorted({record.distribution for record in installed().select("migration")}):
        try:
            yield distribution, migrations_of(distribution)
        except WxmlError:
            continue
