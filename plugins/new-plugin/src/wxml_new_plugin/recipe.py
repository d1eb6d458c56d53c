"""The recipe of a distribution: what wxml's catalogue of plugins and `wxml list-plugins --available` say of it."""

__all__ = ["recipe_path", "with_recipe"]

from collections.abc import Iterator, Sequence

import tomlkit

from wxml_new_plugin.request import NewPlugin

NEW = """\
# What wxml's catalogue of plugins says of this package. Fill in `where` and `contact`; then send this file to the
# repository of wxml with a pull request, as `catalogue/{name}.toml`. A test there says what is wrong with it.
distribution = "{name}"
summary = "{summary}"
where = ""   # "index" if pip finds the package by its name alone, else the https address of its Git repository
contact = ""   # who answers questions: a name with an address
"""


def recipe_path(distribution: str) -> str:
    """Where the recipe is, in the repository of the package and in that of wxml."""
    return f"catalogue/{distribution}.toml"


def with_recipe(text: str, distribution: str, summary: str, plugins: Sequence[NewPlugin]) -> str:
    """The recipe with the plugins; `text` is the one that is there, or empty."""
    document = tomlkit.parse(text or NEW.format(name=distribution, summary=summary))
    table = document.setdefault("plugins", tomlkit.table())
    for kind, name in (pair for plugin in plugins for pair in _listed(plugin)):
        names = table.setdefault(kind, tomlkit.array())
        if name not in names:
            names.append(name)
    return tomlkit.dumps(document)


def _listed(plugin: NewPlugin) -> Iterator[tuple[str, str]]:
    """Kind and name of what others may look for; migrations serve the other plugins of the package."""
    if plugin.kind != "migration":
        yield plugin.kind, f"model/{plugin.name}" if plugin.kind == "preset" else plugin.name
    if plugin.kind == "kind":
        yield from ((plugin.name, name) for name in plugin.entry_points.get(f"wxml.{plugin.words['plural']}", ()))
