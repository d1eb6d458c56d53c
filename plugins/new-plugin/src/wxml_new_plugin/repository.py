"""Writes the repository of a new plugin.

The templates are for `string.Template`, since the files differ in a handful of words alone; copier and cookiecutter
would bring hooks that run code, and Jinja2 a syntax that templates of Python and YAML would have to escape.
"""

__all__ = ["KINDS", "new_repository", "plugin_kind", "rendered"]

from collections.abc import Iterator
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import wxml
from packaging.utils import canonicalize_name
from wxml.errors import UnknownPluginError, nearest
from wxml.files.staging import staged

from wxml_new_plugin.plugin_name import PluginName

KINDS = {
    "processor": "local attention on the mesh",
    "mapper": "weighted means between the grid and the mesh",
    "graph-builder": "a mesh of evenly spread nodes, for any grid",
    "data-source": "a cosine bell that travels around the equator",
    "forecast-writer": "forecasts in one NumPy .npz file",
}
"""The kinds that have templates, each with what the written plugin does."""
WITH_TORCH = ("processor", "mapper")
SUFFIX = ".template"  # so that no tool takes a template for the Python, YAML or Git file that it becomes


def plugin_kind(written: str) -> str:
    """The name of a kind that has templates; `Data_Sources` is understood as `data-source`.

    Raises:
        UnknownPluginError: there are no templates for plugins of this kind; names the nearest.
    """
    kind = canonicalize_name(written).removesuffix("s")
    if kind not in KINDS:
        raise UnknownPluginError(f"no templates for plugins of the kind {written!r}", fix=nearest(kind, KINDS))
    return kind


def new_repository(kind: str, name: PluginName, directory: Path) -> list[str]:
    """Write a complete repository, all of its files or none, and return their paths.

    Raises:
        ArtefactError: `directory` exists, the folder around it does not, or the disk refuses.
    """
    files = rendered(kind, name)
    with staged(directory) as temporary:
        for path, text in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text)
    return list(files)


def rendered(kind: str, name: PluginName) -> dict[str, str]:
    """The files of a repository by path."""
    major, minor = wxml.__version__.split(".")[:2]
    words = {
        "name": name.name,
        "package": name.package,
        "class_name": name.class_name,
        "kind": kind,
        "module": kind.replace("-", "_"),
        "summary": KINDS[kind],
        "extra": "[torch]" if kind in WITH_TORCH else "",
        "core": f">={major}.{minor},<{major}.{int(minor) + 1}",  # before 1.0 a minor version may break the contracts
    }
    templates = resources.files("wxml_new_plugin") / "templates"
    files = {"LICENSE": metadata.distribution("wxml-new-plugin").read_text("licenses/LICENSE") or ""}
    for folder in ("any-kind", kind):
        for path, text in _templates(templates / folder):
            files[path.replace("PACKAGE", name.package)] = Template(text).substitute(words)
    return dict(sorted(files.items()))


def _templates(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Path, without the suffix, and content of every template below a folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield prefix + entry.name.removesuffix(SUFFIX), entry.read_text(encoding="utf-8")
