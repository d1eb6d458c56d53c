"""Finds the one plugin that a kind and a name mean, or raises an error that says what to write instead."""

__all__ = ["Alias", "aliases", "require_usable", "resolve", "spelled_out"]

from dataclasses import dataclass

from wxml.environment.distributions import version_of
from wxml.environment.installer import editable_command, install_command, uninstall_command
from wxml.environment.names import CORE, canonical_name, kind_name
from wxml.environment.release_index import released_names, requirement
from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError, WxmlError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.declared_since import declared_since
from wxml.plugins.policy import Policy


def resolve(kind: str, name: str, catalog: Catalog | None = None, *, where: str = "") -> PluginRecord:
    """Find the one plugin that a name means. Imports nothing.

    Args:
        kind: such as `processor`; the plural and underscores are understood.
        name: `gnn`, or `wxml-processor-gnn:gnn`; case, `-`, `_` and `.` make no difference.
        catalog: the plugins to choose from; by default the installed ones.
        where: the place where the name was written, such as `experiment.yaml:14, model.processor.plugin`.

    Raises:
        UnknownPluginError: no installed and enabled distribution provides the name.
        AmbiguousPluginError: a bare name that several enabled distributions provide.
        BrokenPluginError: it is installed, and does not fit this environment.
    """
    catalog = installed() if catalog is None else catalog
    kind = catalog.known_kind(kind, where=where)
    target = catalog.site.aliases.get((kind, canonical_name(name)))
    if target is None:
        return _find(kind, name, catalog, where=where)
    written = f"{name!r} in {catalog.site.path}"
    return _find(kind, target, catalog, where=f"{where}, {written}" if where else written)


def spelled_out(kind: str, name: str) -> str:
    """Replace an alias of the site by the full name of its plugin; return every other name as it is.

    An alias of no usable plugin stays as well, so that its use is the error.
    """
    if (kind_name(kind), canonical_name(name)) not in installed().site.aliases:
        return name
    try:
        return resolve(kind, name).full_name
    except WxmlError:
        return name


def _find(kind: str, name: str, catalog: Catalog, *, where: str = "") -> PluginRecord:
    """Find the plugin that `name` means: a bare or full name and no alias; the kind exists."""
    if kind in catalog.kinds and catalog.kinds[kind].status == "conflict":
        raise _kind_of_several(kind, catalog, where)
    distribution, _, bare = name.rpartition(":")
    found = [
        record
        for record in catalog.select(kind)
        if record.name == canonical_name(bare)
        and (not distribution or record.distribution == canonical_name(distribution))
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
    core = f"{CORE}=={version_of(CORE)}"
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
        "if that fails because of its metadata, delete its `.dist-info` folder"
    )


def _ambiguous(records: list[PluginRecord], where: str) -> WxmlError:
    written = "wxml " if records[0].kind == "command" else "plugin: "
    choices = " or ".join(f"`{written}{record.full_name}`" for record in records)
    providers = _listed([record.provider for record in records])
    return AmbiguousPluginError(
        f"{records[0].kind} {records[0].name!r} is provided by {providers}{_at(where)}",
        fix=f"write {choices}",
    )


def _listed(providers: list[str]) -> str:
    count = {2: "two", 3: "three"}.get(len(providers), str(len(providers)))
    return f"{count} packages: {', '.join(providers)}"


def _kind_of_several(kind: str, catalog: Catalog, where: str) -> WxmlError:
    """The error for a kind that several packages declare: nobody knows which interface its plugins fit."""
    declaring = [record for record in catalog.select("kind") if record.name == kind and record.status == "conflict"]
    names = [record.distribution for record in declaring]
    others = {kept: ",".join(f"-{name}" for name in names if name != kept) for kept in names}
    choices = "\n".join(f"WXML_PLUGINS={rule} keeps that of {kept}" for kept, rule in others.items())
    return AmbiguousPluginError(
        f"the kind {kind!r} is declared by {_listed([record.provider for record in declaring])}{_at(where)}",
        fix=f"disable all but one:\n{choices}",
    )


def _unknown(kind: str, name: str, catalog: Catalog, where: str) -> WxmlError:
    """The error for a name that nothing installed provides: how to install it, or the nearest name."""
    import difflib

    distribution, _, bare = name.rpartition(":")
    known = released_names(kind)
    provider = known.get(canonical_name(bare), "")
    if provider and canonical_name(distribution) in ("", provider):
        return UnknownPluginError(
            f"{kind} {canonical_name(bare)!r} is not installed{_at(where)}",
            fix=f"it is provided by {provider}:  {install_command(requirement(provider))}",
        )
    source = declared_since(kind, name)
    if source:
        return UnknownPluginError(
            f"{kind} {name!r} is in `{source.editable_folder}/pyproject.toml`, but {source.name} was installed before"
            f"{_at(where)}",
            fix=f"install it again, so that its entry points are read:  {editable_command(source.editable_folder)}",
        )
    records = [record for record in catalog.select(kind) if record.status != "disabled"]
    own = {alias for of, alias in catalog.site.aliases if of == kind and not distribution}
    names = sorted({*own, *(record.full_name if distribution else record.name for record in records)})
    fix = (
        f"installed: {', '.join(names)}" if names else f"install the package that provides it: there is no {kind} here"
    )
    canonical = ":".join(canonical_name(part) for part in name.split(":"))
    close = difflib.get_close_matches(canonical, sorted({*names, *known}), n=1, cutoff=0.6)
    if close:
        missing = close[0] not in names and close[0] in known
        hint = f" (not installed:  {install_command(requirement(known[close[0]]))})" if missing else ""
        fix = f"did you mean {close[0]!r}?{hint}   {fix}"
    return UnknownPluginError(f"unknown {kind} {name!r}{_at(where)}", fix=fix)


# Aliases


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that the site gives to a plugin."""

    kind: str
    name: str
    target: str
    """The full name of the plugin; the text of the file if it means no plugin."""
    problem: str = ""
    """Why it cannot be used, in words."""
    fix: str = ""


def aliases(catalog: Catalog) -> tuple[Alias, ...]:
    """Every alias of the site, sorted by kind and name."""
    found = []
    for (kind, name), written in sorted(catalog.site.aliases.items()):
        try:
            found.append(Alias(kind, name, _find(catalog.known_kind(kind), written, catalog).full_name))
        except WxmlError as error:
            found.append(Alias(kind, name, written, error.message, error.fix))
    return tuple(found)
