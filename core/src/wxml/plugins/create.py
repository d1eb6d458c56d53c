"""Makes an instance of a plugin from its name and the options beside it, and finds the faults in them."""

__all__ = ["choice_faults", "create", "full_options", "parse_options"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from wxml.errors import AmbiguousPluginError, ConfigError, DataError, Fault, UnknownPluginError, WxmlError
from wxml.files.yaml_loader import path_text
from wxml.plugins.catalog import PluginRecord
from wxml.plugins.deprecation import tell_deprecated
from wxml.plugins.former_names import todays_options, todays_plugin
from wxml.plugins.load import load
from wxml.plugins.options.choices import Path, PlacedPlugin, check_plugin_name, choices_in
from wxml.plugins.options.environment import literal_secrets, option_values
from wxml.plugins.options.faults import faults_of
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve


def create(
    kind: str,
    name: str,
    options: Mapping[str, Any],
    *positional: object,
    where: str = "",
    make: Callable[[Any, dict[str, Any]], Any] | None = None,
) -> Any:
    """Make the plugin that a config asks for.

    Args:
        kind: such as `processor`.
        name: bare or full.
        options: the keys beside `plugin` in the config, not yet validated.
        positional: the arguments that core hands over to this kind.
        where: the config path of the block, such as `model.processor`.
        make: makes the instance from the class and its validated options; None: its constructor does.

    Raises:
        WxmlError: the name, the plugin or the options are wrong, or the constructor refuses their values. Whatever else
            the constructor raises passes through with a note that names the plugin.
    """
    record = resolve(kind, name, where=f"{where}.plugin" if where else "")
    plugin = load(record)
    arguments = parse_options(plugin, options, where)
    tell_deprecated(record, plugin, arguments, where)
    try:
        return make(plugin, arguments) if make else plugin(*positional, **arguments)
    except WxmlError:
        raise
    except Exception as error:
        error.add_note(f"raised by the constructor of {record.kind} {record.full_name} {record.version}")
        raise


def full_options(kind: str, name: str, options: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    """All options of a plugin that a config chooses, those with their defaults included, as JSON values.

    Args:
        kind: such as `optimizer`.
        name: bare or full.
        options: the keys beside `plugin` in the config, not yet validated.
        where: the config path of the block, such as `training.optimizer`.

    Raises:
        WxmlError: the name, the plugin or the options are wrong.
    """
    plugin = load(resolve(kind, name, where=f"{where}.plugin" if where else ""))
    found: dict[str, Any] = (
        options_model(plugin).model_validate(parse_options(plugin, options, where)).model_dump(mode="json")
    )
    return found


def parse_options(cls: type, options: Mapping[str, Any], where: str | Path = "") -> dict[str, Any]:
    """Validate the options of a plugin, and return the keyword arguments for its constructor, defaults included.

    Options that choose plugins themselves (a `PluginChoice` marked with its `Kind`) are validated by those plugins.

    Args:
        cls: the plugin.
        options: as they come from a config.
        where: the config path of the block that holds them, such as `model.processor`; a text is split at its dots.

    Raises:
        ConfigError: with one fault for each option that is wrong, or takes a variable that is not set.
        ContractError: the plugin's constructor is at fault.
        BrokenPluginError: a plugin that an option chooses cannot be used.
    """
    model = options_model(cls)
    path = where if isinstance(where, tuple) else tuple(where.split(".")) if where else ()
    written, options = options, option_values(options, path)
    faults = [fault for place in choices_in(written, model, path) for fault in choice_faults(place)]
    try:
        parsed = model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError([*faults_of(error, model, path, written), *faults]) from error
    if faults:
        raise ConfigError(faults)
    return {name: getattr(parsed, name) for name in model.model_fields}


def choice_faults(place: PlacedPlugin) -> Sequence[Fault]:
    """Import the plugin that `place` chooses, and list every fault in its name and its options.

    Raises:
        BrokenPluginError: the plugin cannot be used.
    """
    name = place.written.get("plugin")
    try:
        if isinstance(name, str):  # else the schema reports it
            record = resolve(place.kind, check_plugin_name(name))
            return _option_faults(record, place)
    except UnknownPluginError as error:
        path, renamed = (*place.path, "plugin"), todays_plugin(place.kind, str(name))
        if renamed is None:
            return [Fault(path, f"{error.message}: {error.fix}")]
        today = renamed.name if renamed.status == "ok" else renamed.written
        return [Fault(path, f"`plugin: {name}` is now written `plugin: {today}`"), *_option_faults(renamed, place)]
    except AmbiguousPluginError as error:
        return [Fault((*place.path, "plugin"), f"{error.message}: {error.fix}")]
    except DataError:  # no name of a plugin: the schema reports that, too
        return ()
    return ()


def _option_faults(record: PluginRecord, place: PlacedPlugin) -> Sequence[Fault]:
    """List every fault in the options of a plugin; one that has another name today is told so."""
    plugin = load(record)
    try:
        parsed = parse_options(plugin, place.options, place.path)
        tell_deprecated(record, plugin, parsed, path_text(place.path))
    except ConfigError as error:
        model = options_model(plugin).model_fields
        unknown = {(*place.path, name) for name in place.options if name not in model}
        names = todays_options(record) if unknown & {fault.path for fault in error.faults} else {}
        return [
            Fault(fault.path, f"`{fault.path[-1]}` is now written `{names[str(fault.path[-1])]}`")
            if fault.path in unknown and fault.path[-1] in names
            else fault
            for fault in error.faults
        ]
    return literal_secrets(options_model(plugin), place.options, place.path)
