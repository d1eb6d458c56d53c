"""Checks this environment: in itself, or against a release."""

__all__ = ["against_release", "general_health"]

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wxml.cli.checks import Check, Diagnosis
from wxml.cli.profile_diagnosis import profile_checks
from wxml.config.layers import Layer, site_layer, user_layer
from wxml.environment.distributions import Environment, version_of
from wxml.environment.installer import install_command
from wxml.environment.names import CORE
from wxml.errors import ArtefactError, ConfigError, nearest
from wxml.files.folders import cache_folder
from wxml.plugins.catalog import HEALTHY, PluginRecord, installed
from wxml.plugins.location import shadow
from wxml.plugins.resolve import aliases

# Against a release


def against_release(manifest: Path) -> Diagnosis:
    """Compare the versions that a release manifest lists with the installed ones.

    Raises:
        ArtefactError: there is no such file, or it is no release manifest.
    """
    content = _read_manifest(manifest)
    release = content["release"]
    checks = []
    if "python" in release:
        versions, found = release["python"], platform.python_version()
        fits = any(f"{found}.".startswith(f"{version}.") for version in versions)
        advice = "" if fits else f"make an environment with Python {versions[-1] if versions else '?'}"
        checks.append(Check("python", found, "ok" if fits else "different", " or ".join(versions), advice))
    wanted = _wanted(content)
    order = sorted(wanted, key=lambda name: (name != CORE, name))
    return Diagnosis((*checks, *(_released(name, wanted[name]) for name in order)))


def _wanted(content: Mapping[str, Any]) -> dict[str, Any]:
    """Distribution → version; manifests of 0.1 name torch beside the release, and each package by its version alone."""
    packages = content["packages"]
    ours = {name: row.get("version") if isinstance(row, dict) else row for name, row in packages.items()}
    return {
        **{name: content["release"][name] for name in ("torch",) if name in content["release"]},
        **content.get("constraints", {}),
        **ours,
    }


def _read_manifest(path: Path) -> dict[str, Any]:
    import tomllib

    if not path.is_file():
        raise ArtefactError(f"there is no release manifest `{path}`", fix="name a release-manifest.toml of wxml")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(f"`{path}` is not TOML: {error}", fix="copy it again from the release") from error
    problem = _manifest_problem(content)
    if problem:
        raise ArtefactError(f"`{path}` is no release manifest: {problem}", fix="copy it again from the release")
    return content


def _manifest_problem(content: Mapping[str, Any]) -> str:
    """Why a file is no release manifest; empty if it is one."""
    from packaging.requirements import InvalidRequirement, Requirement

    if content.get("schema", 1) != 1:
        return f"`schema` must be 1, which this version of wxml reads, got {content['schema']!r}"
    for section in ("release", "packages", *({"constraints"} & {*content})):
        if not isinstance(content.get(section), dict):
            return f"it has no section `[{section}]`: {nearest(section, content)}"
    release = content["release"]
    if not isinstance(release.get("python", []), list):
        return f"`python` must be a list of versions, got {release['python']!r}"
    for name, version in _wanted(content).items():
        try:
            Requirement(f"{name}=={version}")
        except InvalidRequirement:
            return f"`{name}` must have a version, got {version!r}"
    return ""


def _released(name: str, version: str) -> Check:
    """Compare the installed version with the wanted one; a local part, such as the `+cpu` of torch, does not count."""
    from packaging.specifiers import SpecifierSet

    found, wanted = version_of(name), f"{name}=={version}"
    if not found:
        return Check(name, "not installed", "missing", version, requirement=wanted)
    same = SpecifierSet(f"=={version}").contains(found, prereleases=True)
    return Check(name, found, "ok" if same else "different", version, requirement=wanted)


# In itself


def general_health() -> Diagnosis:
    """Check Python, wxml-core, torch, the plugins, and the folders that wxml reads and writes."""
    torch = version_of("torch")
    needed = f"models need it: {install_command('wxml-core[torch]')}"
    checks = [
        Check("python", f"{platform.python_version()} ({sys.executable})"),
        Check(CORE, version_of(CORE), requirement=f"{CORE}=={version_of(CORE)}"),
        Check("torch", torch or "not installed", "ok" if torch else "absent", advice="" if torch else needed),
        *profile_checks(),
        *_plugins(),
        _layer("site config", site_layer),
        _layer("user config", user_layer),
    ]
    folder = cache_folder()
    above = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if os.access(above, os.W_OK):
        checks.append(Check("cache folder", str(folder)))
        kept = len(list(folder.glob("statistics-*.safetensors")))
        checks.append(Check("statistics", f"{kept} kept in the cache folder for the next run on the same data"))
    else:
        advice = f"`{above}` cannot be written to: set WXML_CACHE"
        checks.append(Check("cache folder", str(folder), "problem", advice=advice))
    return Diagnosis(tuple(checks))


def _plugins() -> Iterator[Check]:
    """Count the plugins; list those that have a problem, and the copies of packages that hide each other."""
    catalog = installed()
    faulty = [record for record in catalog.records if record.status not in HEALTHY]
    yield Check("plugins", f"{len(catalog.records)} installed, {len(faulty)} not in order")
    for record in faulty:
        subject = f"{record.kind} {record.full_name}"
        yield Check(subject, record.version, "problem", advice=f"{record.status}: {record.problem}")
    for name, found in sorted(_shadows(catalog.records).items()):
        advice = f"`{found}` is imported in its place: take `{found.parent}` out of PYTHONPATH, or remove `{found}`"
        yield Check(name, version_of(name), "problem", advice=advice)
    for name, doubt in Environment().doubts():
        yield Check(name, version_of(name), "problem", advice=doubt)
    if catalog.site.fault:
        yield Check("site rules", catalog.site.path, "problem", advice=catalog.site.fault)
    for alias in aliases(catalog):
        if alias.problem:
            yield Check(f"alias {alias.name}", catalog.site.path, "problem", advice=alias.problem)


def _shadows(records: Iterable[PluginRecord]) -> dict[str, Path]:
    """The distributions whose code is shadowed, each with what an import finds in its place."""
    found = {record.distribution: shadow(record) for record in records}
    return {name: path for name, path in found.items() if path is not None}


def _layer(subject: str, find: Any) -> Check:
    try:
        layer: Layer = find()
    except ConfigError as error:
        return Check(subject, "", "problem", advice=f"{error.message}: {error.fix}")
    found = layer.values or layer.folder
    return Check(subject, str(found) if found else "none", "ok" if found else "absent")
