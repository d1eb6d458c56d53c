"""From a kind and a name to exactly one plugin, or an error that says what to write instead."""

__all__ = ["require_usable", "resolve"]

import difflib

from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError, WxmlError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.known import install_command, known_names
from wxml.plugins.names import fold
from wxml.plugins.policy import CORE, VARIABLE


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
    distribution, _, bare = name.rpartition(":")
    found = [
        record
        for record in catalog.select(kind)
        if record.name == fold(bare) and (not distribution or record.distribution == fold(distribution))
    ]
    if not found:
        raise _unknown(kind, name, catalog, where)
    enabled = [record for record in found if record.status != "disabled"]
    if len({record.distribution for record in enabled}) > 1:
        raise _ambiguous(enabled, where)
    chosen = (enabled or found)[0]
    require_usable(chosen, where=where)
    return chosen


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
            fix=f"to allow it, take `-{record.distribution}` out of {VARIABLE}, or add `{record.distribution}` to it",
        )
    problem = f"is {record.status}: {record.problem}" if record.status != "missing-dependency" else record.problem
    raise BrokenPluginError(f"{subject} {problem}{_at(where)}", fix=_repair(record))


def _at(where: str) -> str:
    return f" ({where})" if where else ""


def _repair(record: PluginRecord) -> str:
    """The command that makes an installed plugin fit; core keeps its version, so that nothing else breaks."""
    from importlib.metadata import version

    core = f"'{CORE}=={version(CORE)}'"
    if record.status == "missing-dependency":
        return f"python -m pip install '{record.distribution}=={record.version}' {core}"
    if record.status == "incompatible":
        return (
            f"take another version of it:  python -m pip install --upgrade '{record.distribution}' {core}\n"
            f"or another {CORE}:  python -m pip install --upgrade {CORE} '{record.distribution}=={record.version}'"
        )
    return f"tell the authors of {record.distribution}, or remove it:  python -m pip uninstall {record.distribution}"


def _ambiguous(records: list[PluginRecord], where: str) -> WxmlError:
    providers = ", ".join(record.provider for record in records)
    choices = " or ".join(f"`plugin: {record.full_name}`" for record in records)
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
            fix=f"it is provided by {provider}:  {install_command(provider)}",
        )
    records = [record for record in catalog.select(kind) if record.status != "disabled"]
    names = sorted({record.full_name if distribution else record.name for record in records})
    return UnknownPluginError(f"unknown {kind} {name!r}{_at(where)}", fix=_suggestion(name, names, known))


def _suggestion(name: str, names: list[str], known: dict[str, str]) -> str:
    """The nearest name, also among those that could be installed, and all that are."""
    listed = f"installed: {', '.join(names) or 'none'}"
    folded = ":".join(fold(part) for part in name.split(":"))
    close = difflib.get_close_matches(folded, sorted({*names, *known}), n=1, cutoff=0.6)
    if not close:
        return listed
    missing = close[0] not in names and close[0] in known
    hint = f" (not installed:  {install_command(known[close[0]])})" if missing else ""
    return f"did you mean {close[0]!r}?{hint}   {listed}"
