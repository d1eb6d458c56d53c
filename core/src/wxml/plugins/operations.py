"""The profile `operations`: what runs is allowed, installed, unchanged, and the same that made the checkpoint.

`Policy` needs an allow-list under it. This module refuses code that was not installed from a wheel, an index or a
commit, code that has changed since, and artefacts that other code has made.
"""

__all__ = ["check_code", "check_parents", "code_fault", "require_same"]

from collections.abc import Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any

from wxml.environment.changes import is_dirty
from wxml.environment.distributions import Environment
from wxml.environment.installer import install_command
from wxml.environment.names import CORE
from wxml.environment.origin import origin
from wxml.errors import ArtefactError, UnknownPluginError
from wxml.plugins.catalog import PluginRecord
from wxml.plugins.comparison import compare
from wxml.plugins.location import package_root
from wxml.plugins.lock import core_record
from wxml.plugins.parents import parents
from wxml.plugins.policy import OPERATIONS
from wxml.plugins.source_files import module_root


@cache
def code_fault(distribution: str, code: Path | None) -> str:
    """Why the code of a distribution may not run in operations, in words; empty if it may.

    Args:
        distribution: its canonical name; empty: the code belongs to none.
        code: the folder or file of its import package, as an import finds it.
    """
    installed = Environment.now().find(distribution) if distribution else None
    if installed is None:
        return f"`{code}` belongs to no installed package"
    source = origin(distribution, code)
    if source["kind"] == "shadow":
        return f"an import finds `{code}`, which {distribution} has not installed"
    if source["kind"] == "local":
        return f"{distribution} is {'an editable package' if source['editable'] else 'installed from a folder'}"
    changed = is_dirty(distribution, code)
    if changed is None:
        return f"{distribution} was installed without the hashes of its files, so that nobody can say if they are whole"
    return f"files of {distribution} are not what was installed" if changed else ""


def check_code(record: PluginRecord) -> None:
    """Refuse the code of a plugin, or of wxml-core itself, that may not run in operations.

    Raises:
        UnknownPluginError: says why, and what to install.
    """
    for each in (core_record(), record):
        _refuse(record, each.distribution, each.version, package_root(each))


def check_parents(record: PluginRecord, found: type) -> None:
    """Refuse a plugin whose class has parents in packages that may not run in operations.

    Raises:
        UnknownPluginError: says why, and what to install.
    """
    for package, distribution in parents(record, found):
        installed = Environment.now().find(distribution)
        _refuse(record, distribution, installed.version if installed else "", module_root(package))


def _refuse(record: PluginRecord, distribution: str, version: str, code: Path | None) -> None:
    fault = code_fault(distribution, code)
    if not fault:
        return
    raise UnknownPluginError(
        f"{record.kind} {record.name!r} of {record.provider} may not run under the profile `{OPERATIONS}`: {fault}",
        fix=f"install a wheel in its place:  {install_command(f'{distribution}=={version}', again=True)}"
        if distribution
        else f"make a package of `{code}`, and install its wheel",
    )


def require_same(entries: Sequence[Mapping[str, Any]], kinds: Set[str], artefact: str) -> None:
    """Refuse an artefact that other code has made than is installed.

    Args:
        entries: its lock.
        kinds: the kinds of plugins that are needed now.
        artefact: its name in messages.

    Raises:
        ArtefactError: names each package that differs, and the command that installs what made the artefact.
    """
    needed = [entry for entry in entries if entry.get("kind") in kinds]
    different = [found for found in compare(needed) if found.outcome != "ok"]
    lacking = sorted({str(entry.get("plugin")) for entry in needed if not (entry.get("code") and entry.get("version"))})
    if not different and not lacking and any(entry["kind"] == "core" for entry in needed):
        return
    told = [f"`{artefact}` was made with {found.sentence}" for found in different]
    told += [
        f"`{artefact}` does not say which code of {name} made it" for name in lacking or ([] if different else [CORE])
    ]
    wanted = [found.requirement for found in different if found.requirement]
    raise ArtefactError(
        "\n".join([f"the profile `{OPERATIONS}` needs the code that made an artefact", *told]),
        fix=_remedies(wanted, artefact),
    )


def _remedies(wanted: Sequence[str], artefact: str) -> str:
    same = f"install what made it:  {install_command(*wanted)}\n" if wanted else ""
    return (
        f"{same}or, once you know its forecasts are as they should be:  wxml checkpoint migrate --accept {artefact} NEW"
    )
