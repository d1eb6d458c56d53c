"""Writes new plugins: into a repository of their own, or into one that is there. All files are written, or none."""

__all__ = ["add_plugins", "new_repository", "read_name", "rendered"]

import os
from collections.abc import Sequence
from importlib import metadata, resources
from pathlib import Path
from string import Template

from wxml.errors import ArtefactError, ConfigError, DataError, Fault
from wxml.files.staging import staged

from wxml_new_plugin.plugin_name import DistributionName
from wxml_new_plugin.project import FILE, core_range, project_name, with_plugins
from wxml_new_plugin.recipe import recipe_path, with_recipe
from wxml_new_plugin.request import NewPlugin
from wxml_new_plugin.template import texts

BESIDE = ("docs", "examples", "test", "tests")
"""Folders that no package of a distribution is in."""
LINE = 120  # as the generated pyproject.toml tells ruff


def new_repository(name: DistributionName, plugins: Sequence[NewPlugin], directory: Path) -> list[str]:
    """Write a complete repository, and return the paths of its files.

    Raises:
        ArtefactError: `directory` exists, the folder around it does not, or the disk refuses.
        ConfigError: the names are too long for lines of Python.
    """
    files = rendered(name, plugins)
    with staged(directory) as temporary:
        for path, text in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
    return list(files)


def rendered(name: DistributionName, plugins: Sequence[NewPlugin]) -> dict[str, str]:
    """The files of a repository by path."""
    about = _about(plugins)
    words = {
        "distribution": name.name,
        "package": name.package,
        "about": about,
        "summary": f"{about}.",
        "table": "\n".join(_rows(plugins)),
        "next": "\n".join(f"    {line}" for plugin in plugins for line in plugin.next),
        "core": core_range(),
    }
    files = {"LICENSE": metadata.distribution("wxml-new-plugin").read_text("licenses/LICENSE") or ""}
    with resources.as_file(resources.files("wxml_new_plugin") / "templates" / "any_kind") as folder:
        for path, text in texts(folder):
            files[path.replace("PACKAGE", name.package)] = Template(text).substitute(words)
    files[FILE] = with_plugins(files[FILE], plugins)
    files[recipe_path(name.name)] = with_recipe("", name.name, about, plugins)
    return dict(sorted((files | _of_plugins(plugins)).items()))


def read_name(directory: Path) -> DistributionName:
    """The name of the distribution whose repository is there, and its package.

    Raises:
        DataError: there is no `pyproject.toml`, or no one package that new plugins can be in.
        ConfigError: the file names no distribution.
    """
    if not (directory / FILE).is_file():
        raise DataError(f"there is no `{directory / FILE}`", fix="name the folder of a repository, or leave out --into")
    name = project_name((directory / FILE).read_text(encoding="utf-8"))
    known = DistributionName.parse(name)
    sources = "src" if (directory / "src").is_dir() else "."
    inside = sorted(path.parent.name for path in (directory / sources).glob("*/__init__.py"))
    found = [name for name in inside if name not in BESIDE]
    package = known.package if known.package in found or not found else found[0]
    if not found or (len(found) > 1 and package != known.package):
        several = f"there are several packages, {', '.join(found)}," if found else "there is no package"
        fix = f"make {known.package}/__init__.py in it"
        raise DataError(f"{several} in `{directory / sources}`", fix=fix)
    return DistributionName(known.name, package, sources)


def add_plugins(name: DistributionName, plugins: Sequence[NewPlugin], directory: Path) -> list[str]:
    """Write plugins into the repository that is in `directory`, and return the paths of new and changed files.

    Raises:
        ArtefactError: a file is there already, or the disk refuses.
        ConfigError: `pyproject.toml` has an entry point of this name, or the names are too long for lines of Python.
    """
    new, recipe = _of_plugins(plugins), recipe_path(name.name)
    there = [path for path in new if os.path.lexists(directory / path)]
    if there:
        raise ArtefactError(
            f"`{directory / there[0]}` exists already", fix="choose another name for the plugin, such as KIND:NAME"
        )
    before = {path: _text(directory / path) for path in (FILE, recipe)}
    changed = {
        FILE: with_plugins(before[FILE] or "", plugins),
        recipe: with_recipe(before[recipe] or "", name.name, _about(plugins), plugins),
    }
    _write_all(directory, new | changed, before)
    return sorted(new | changed)


def _write_all(directory: Path, files: dict[str, str], before: dict[str, str | None]) -> None:
    """Write files, `pyproject.toml` last; after a failure all of them are as they were before.

    Args:
        directory: the repository.
        files: path → new content.
        before: path → content of the files that are replaced; None: there is none yet.
    """
    folders: list[Path] = []
    written: list[str] = []
    try:
        for path, text in sorted(files.items(), key=lambda one: one[0] == FILE):
            missing = [parent for parent in (directory / path).parents if not parent.exists()]
            folders += missing
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            written.append(path)
            with staged(directory / path, overwrite=path in before) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except BaseException:
        for path in written:
            _restore(directory / path, before.get(path))
        for folder in sorted(folders, key=lambda one: -len(one.parts)):
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def _restore(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    elif _text(path) != text:
        path.write_text(text, encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _of_plugins(plugins: Sequence[NewPlugin]) -> dict[str, str]:
    """The files of the plugins.

    Raises:
        ConfigError: two plugins have one file, or the names are too long for lines of Python.
    """
    files: dict[str, str] = {}
    for plugin in plugins:
        for path, text in plugin.files.items():
            longest = max((len(line) for line in text.splitlines()), default=0)
            if path.endswith(".py") and longest > LINE:
                problem = f"the names are too long: a line of `{path}` would have {longest} characters, {LINE} at most"
                raise ConfigError([Fault("NAME", problem)], fix="choose shorter names of the package or the plugin")
            if path in files:
                raise ConfigError(
                    [Fault("NAME", f"two plugins have the file `{path}`")], fix="choose another name for one of them"
                )
            files[path] = text
    return files


def _about(plugins: Sequence[NewPlugin]) -> str:
    """One line about a package with these plugins."""
    kinds = list(dict.fromkeys(plugin.kind for plugin in plugins))
    if len(plugins) == 1:
        return f"A {kinds[0]} for wxml: {plugins[0].template.summary}"
    return f"Plugins for wxml: {', '.join(kinds)}" if len(kinds) < 5 else f"Plugins of {len(kinds)} kinds for wxml"


def _rows(plugins: Sequence[NewPlugin]) -> list[str]:
    """The rows of the README's table."""
    return [
        f"| `{path}` | {_says(path, plugin)} |"
        for plugin in plugins
        for path in sorted(
            plugin.files, key=lambda path: (path.startswith("tests"), path.startswith("experiment"), path)
        )
    ]


def _says(path: str, plugin: NewPlugin) -> str:
    if path.startswith("tests/"):
        return f"its tests: what every {plugin.kind} must do, and what only this one does"
    if path.startswith("experiment"):
        return f"a small training with the {plugin.kind}"
    return f"the {plugin.kind} `{plugin.name}`: {plugin.template.summary}"
