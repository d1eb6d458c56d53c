"""Names of an institution's own for plugins: what its `plugins.yaml` calls them, and what each stands for."""

__all__ = ["Alias", "aliases"]

from dataclasses import dataclass

from wxml.errors import WxmlError
from wxml.plugins.catalog import Catalog
from wxml.plugins.resolve import find_plugin


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of the site's own."""

    kind: str
    name: str
    target: str
    """The full name of the plugin; as it is written in the file where it stands for none."""
    problem: str = ""
    """Why it cannot be used, in words."""
    fix: str = ""


def aliases(catalog: Catalog) -> tuple[Alias, ...]:
    """Every alias of the site, sorted by kind and name."""
    return tuple(_checked(catalog, kind, name) for kind, name in sorted(catalog.site.aliases))


def _checked(catalog: Catalog, kind: str, name: str) -> Alias:
    written = catalog.site.aliases[kind, name]
    try:
        return Alias(kind, name, find_plugin(catalog.known_kind(kind), written, catalog).full_name)
    except WxmlError as error:
        return Alias(kind, name, written, error.message, error.fix)
