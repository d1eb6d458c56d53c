"""Finds plugins that the source tree of an editable install declares and its installed metadata do not have yet."""

__all__ = ["declared_since"]

from collections.abc import Iterator
from pathlib import Path

from wxml.environment.distributions import Distribution, Environment
from wxml.environment.names import canonical_name, kind_name


def declared_since(kind: str, name: str) -> Distribution | None:
    """The editable distribution whose `pyproject.toml` declares a plugin that nothing installed provides; else None.

    An installer reads the entry points when it installs, so one that is added later is not seen.

    Args:
        kind: such as `processor`.
        name: bare, or full.
    """
    distribution, _, bare = name.rpartition(":")
    for one in Environment().editable:
        is_meant = not distribution or one.name == canonical_name(distribution)
        if is_meant and (kind, canonical_name(bare)) in _declared(Path(one.editable_folder) / "pyproject.toml"):
            return one
    return None


def _declared(file: Path) -> Iterator[tuple[str, str]]:
    """The kind and the name of each plugin in a `pyproject.toml`; none if it cannot be read."""
    import tomllib

    try:
        groups = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["entry-points"]
        points = [(group, point) for group, names in groups.items() for point in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    for group, point in points:
        if group.startswith("wxml."):
            yield kind_name(group.removeprefix("wxml.")), canonical_name(point)
