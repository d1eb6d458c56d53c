"""From a kind and a name to exactly one plugin, or an error that says what to write instead."""

__all__ = ["find_plugin", "require_usable", "resolve", "spelled_out"]

import difflib

from wxml.environment.installer import install_command, uninstall_command
from wxml.environment.names import CORE, fold
from wxml.environment.release_index import known_names, requirement
from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError, WxmlError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.policy import Policy


def resolve(kind: str, name: str, catalog: Catalog | None = None, *, where: str = "") -> PluginRecord:
    """The one plugin that a name means. Imports nothing.

    Args:
        kind: such as `processor`; the plural and underscores are understood.
        name: `gnn`, or `wxml-processor-gnn:gnn`; case, `-`, `_` and `.` are folded.
        catalog: where to look; what is installed, by default.
        where: where the name was written, such as `experiment.yaml:14, model.processor.plugin`.

    Raises:
        UnknownPluginError: nobody who is installed and enabled provides the name.
        AmbiguousPluginError: a bare name that several enabled distributions provide.
        BrokenPluginError: it is installed, and does not fit this environment.
    """
    catalog = installed() if catalog is None else catalog
    kind = catalog.known_kind(kind, where=where)
    target = catalog.site.aliases.get((kind, fold(name)))
    if target is None:
        return find_plugin(kind, name, catalog, where=where)
    return find_plugin(kind, target, catalog, where=_joined(where, f"{name!r} in {catalog.site.path}"))


def spelled_out(kind: str, name: str) -> str:
    """The full name of the plugin that an alias of the site stands for; every other name as it is.

    An alias that stands for nothing stays as well: its use is the error.
    """
    catalog = installed()
    target = catalog.site.aliases.get((kind, fold(name)))
    if target is None:
        return name
    try:
        return find_plugin(kind, target, catalog).full_name
    except WxmlError:
        return name


def find_plugin(kind: str, name: str, catalog: Catalog, *, where: str = "") -> PluginRecord:
    """The same for the name of a plugin itself, which is no alias, and for a kind that is known."""
    distribution, _, bare = name.rpartition(":")
    found = [
        record
        for record in catalog.select(kind)
        if record.name == fold(bare) and (not distribution or record.distribution == fold(distribution))
    ]
    if not found:
        raise _unknown(kind, name, catalog, where)
    enabled = [record for record in found if record.status != "disabled"]
    in_order = [record for record in enabled if record.status != "broken"]
    if len({record.distribution for record in in_order}) > 1:
        raise _ambiguous(in_order, where)
    chosen = (in_order or enabled or found)[0]
    require_usable(chosen, where=where)
    return chosen


def _joined(where: str, alias: str) -> str:
    return f"{where}, {alias}" if where else alias


def require_usable(record: PluginRecord, *, where: str = "") -> None:
    """Raise unless a plugin may be imported; a conflict of bare names does not matter to a chosen record.

    Raises:
        UnknownPluginError: it is disabled.
        BrokenPluginError: it does not fit the installed wxml-core, or lacks a dependency, or its metadata are wrong.
    """
    if record.status in ("ok", "conflict"):
        return
    subject = f"{record.kind} {record.name!r} of {record.provider}"
    if record.status == "disabled":
        raise UnknownPluginError(
            f"{subject} is disabled: {record.problem}{_at(where)}",
            fix=Policy.from_environment().remedy(record.distribution),
        )
    lacks = record.status in ("missing-dependency", "needs-extra")
    problem = record.problem if lacks else f"is {record.status}: {record.problem}"
    raise BrokenPluginError(f"{subject} {problem}{_at(where)}", fix=_repair(record))


def _at(where: str) -> str:
    return f" ({where})" if where else ""


def _repair(record: PluginRecord) -> str:
    """The command that makes an installed plugin fit; core keeps its version, so that nothing else breaks."""
    from importlib.metadata import version

    core = f"{CORE}=={version(CORE)}"
    if record.status in ("missing-dependency", "needs-extra"):
        return install_command(f"{record.distribution}{record.extras}=={record.version}", core)
    if record.status == "incompatible":
        own = f"{record.distribution}=={record.version}"
        return (
            f"take another version of it:  {install_command(record.distribution, core, upgrade=True)}\n"
            f"or another {CORE}:  {install_command(CORE, own, upgrade=True)}"
        )
    return (
        f"tell the authors of {record.distribution}, or remove it:  {uninstall_command(record.distribution)}\n"
        "where that cannot read its metadata either, delete its `.dist-info` folder"
    )


def _ambiguous(records: list[PluginRecord], where: str) -> WxmlError:
    providers = ", ".join(record.provider for record in records)
    written = "wxml " if records[0].kind == "command" else "plugin: "
    choices = " or ".join(f"`{written}{record.full_name}`" for record in records)
    count = {2: "two", 3: "three"}.get(len(records), str(len(records)))
    return AmbiguousPluginError(
        f"{records[0].kind} {records[0].name!r} is provided by {count} packages: {providers}{_at(where)}",
        fix=f"write {choices}",
    )


def _unknown(kind: str, name: str, catalog: Catalog, where: str) -> WxmlError:
    """The error for a name that nothing installed provides: how to install it, or what is near it."""
    distribution, _, bare = name.rpartition(":")
    known = known_names(kind)
    provider = known.get(fold(bare), "")
    if provider and fold(distribution) in ("", provider):
        return UnknownPluginError(
            f"{kind} {fold(bare)!r} is not installed{_at(where)}",
            fix=f"it is provided by {provider}:  {install_command(requirement(provider))}",
        )
    records = [record for record in catalog.select(kind) if record.status != "disabled"]
    own = {alias for of, alias in catalog.site.aliases if of == kind and not distribution}
    names = sorted({*own, *(record.full_name if distribution else record.name for record in records)})
    return UnknownPluginError(f"unknown {kind} {name!r}{_at(where)}", fix=_suggestion(name, names, known))


def _suggestion(name: str, names: list[str], known: dict[str, str]) -> str:
    """The nearest name, also among those that could be installed, and all that are."""
    listed = f"installed: {', '.join(names) or 'none'}"
    folded = ":".join(fold(part) for part in name.split(":"))
    close = difflib.get_close_matches(folded, sorted({*names, *known}), n=1, cutoff=0.6)
    if not close:
        return listed
    missing = close[0] not in names and close[0] in known
    hint = f" (not installed:  {install_command(requirement(known[close[0]]))})" if missing else ""
    return f"did you mean {close[0]!r}?{hint}   {listed}"
