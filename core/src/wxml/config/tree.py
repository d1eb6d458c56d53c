"""The tree of a config: every leaf carries its value, the layer that wrote it, the file and the line.

Layers are laid over each other here, and nowhere else. Paths are tuples of keys and indices; `path_of` reads a dotted
text, and `path_text` writes one.
"""

__all__ = [
    "DEFAULT",
    "deepest",
    "leaves",
    "location",
    "nested",
    "node_at",
    "origins",
    "overlay",
    "path_of",
    "resolved",
    "tree_of",
    "with_node",
    "without",
]

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wxml.config.environment_values import name_is_kept, named, prepare
from wxml.environment.names import same_plugin
from wxml.errors import ConfigError, Fault
from wxml.extras import libraries_of_extra
from wxml.files.yaml_loader import Node, Origin, Path, path_text

DEFAULT = Origin("default")
"""The origin of a value that only the schema gives."""
MISSING = "???"
"""Stands for a value that a higher layer must give."""
LARGEST_COPY = 10_000
"""The most values that all references of a config may copy."""


def tree_of(value: Any, origin: Origin) -> Node:
    """Plain values as a tree with one origin."""
    if isinstance(value, Mapping):
        return Node({str(key): tree_of(below, origin) for key, below in value.items()}, origin)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Node([tree_of(below, origin) for below in value], origin)
    return Node(value, origin)


def nested(path: Path, node: Node) -> Node:
    """A root in which only `node` is written, at `path`."""
    for key in reversed(path):
        node = Node({key: node})
    return node


# Walking


def deepest(node: Node, path: Path) -> tuple[Node, Path]:
    """The deepest node that exists on a path, and the rest of the path; the rest is empty if all of it exists."""
    for index, key in enumerate(path):
        inside = node.value
        in_mapping = isinstance(inside, dict) and key in inside
        in_list = isinstance(inside, list) and key in range(len(inside))
        if not (in_mapping or in_list):
            return node, path[index:]
        node = inside[key]
    return node, ()


def node_at(node: Node, path: Path) -> Node | None:
    """The node at a path; None if there is none."""
    found, rest = deepest(node, path)
    return None if rest else found


def path_of(text: str, node: Node) -> Path:
    """The path that a dotted text means in a tree: a key that itself holds dots is one step if the tree has it.

    >>> path_of("bounding.t_850.0.minimum", tree_of({"bounding": {"t_850.0": {}}}, DEFAULT))
    ('bounding', 't_850.0', 'minimum')
    """
    parts, path = text.split(".") if text else [], []
    place: Node | None = node
    while parts:
        inside = place.value if place else None
        key: str | int = parts[0]
        count = 1
        if isinstance(inside, list) and parts[0].isdigit():
            key = int(parts[0])
        elif isinstance(inside, dict):
            count = max((n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in inside), default=1)
            key = ".".join(parts[:count])
        place = node_at(place, (key,)) if place else None
        path.append(key)
        parts = parts[count:]
    return tuple(path)


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every scalar, empty mapping and empty list, in order."""
    inside = node.value
    if not isinstance(inside, dict | list) or not inside:
        yield path, node
        return
    for key, below in inside.items() if isinstance(inside, dict) else enumerate(inside):
        yield from leaves(below, (*path, key))


def origins(node: Node) -> dict[str, str]:
    """The origin of every leaf, by dotted path."""
    return {path_text(path): str(leaf.origin or DEFAULT) for path, leaf in leaves(node)}


def location(node: Node, path: Path) -> str:
    """The file and line of the deepest part of `path` that a layer wrote, as a fault shows it; empty without one."""
    for length in range(len(path), -1, -1):
        found = node_at(node, path[:length])
        if found is None:
            continue
        inside = (leaf.origin for _, leaf in leaves(found) if leaf.origin)
        written = found.origin or next(inside, None)  # nothing may have written a mapping as such, only its values
        if written and written != DEFAULT:
            return str(written)
    return ""


# Changing


def overlay(lower: Node, upper: Node) -> Node:
    """Lay one layer over another: mappings are merged, everything else is replaced, and `???` keeps the lower value.

    Options that `lower` has for a plugin go where `upper` names another plugin. A bare name and a full name are the
    same plugin; the full one stays. An index in `upper` (see `nested`) changes one item of a list in `lower`.
    """
    if upper.value == MISSING:
        return lower
    if not isinstance(upper.value, dict):
        return upper
    if isinstance(lower.value, list) and all(isinstance(key, int) for key in upper.value):
        items = [overlay(item, upper.value[i]) if i in upper.value else item for i, item in enumerate(lower.value)]
        return Node(items, lower.origin)
    if not isinstance(lower.value, dict):
        return upper
    base, written = lower.value, upper.value
    if "plugin" in base and "plugin" in written:
        old, new = base["plugin"].value, written["plugin"].value
        name = str(old) if new == MISSING else same_plugin(str(old), str(new))
        base = base if name else {}
        written = written | ({"plugin": Node(name, written["plugin"].origin)} if name else {})
    merged = {key: overlay(base[key], node) if key in base else node for key, node in written.items()}
    return Node(base | merged, upper.origin or lower.origin)


def with_node(node: Node, path: Path, new: Node) -> Node:
    """The tree with another node at a path that exists."""
    if not path:
        return new
    inside = node.value.copy()
    inside[path[0]] = with_node(inside[path[0]], path[1:], new)
    return Node(inside, node.origin)


def without(node: Node, path: Path) -> Node:
    """The tree without a path that exists."""
    *above, last = path
    parent = node_at(node, tuple(above))
    inside = parent.value.copy() if parent else {}
    del inside[last]
    return with_node(node, tuple(above), Node(inside, parent.origin if parent else None))


# References


def resolved(node: Node, options: Sequence[Path] = ()) -> Node:
    """The tree with every `${…}` followed; a reference to a section becomes a copy of it.

    An option keeps the name of a variable of the environment, see `wxml.config.environment_values`.

    Args:
        node: the tree.
        options: the places that choose a plugin, and so hold its options.

    Raises:
        ConfigError: with every `???` that no layer replaced, or a reference that leads nowhere or to itself.
    """
    found = list(leaves(node))
    missing = [path for path, leaf in found if leaf.value == MISSING]
    if missing:
        message = f"must be written: `{MISSING}` stands for a value that is missing"
        raise ConfigError([Fault(path, message, location(node, path)) for path in missing])
    references = [(path, leaf) for path, leaf in found if isinstance(leaf.value, str) and "${" in leaf.value]
    if not references:
        return node
    with libraries_of_extra("config", "wxml-core", what=f"the reference {references[0][1].value!r}"):
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

    tree, left = node, [LARGEST_COPY]
    path: Path = ()
    try:
        values, names = OmegaConf.create(node.plain()), OmegaConf.create(prepare(node.plain()))
        for path, leaf in references:
            value = _copied(_inside(names, path), left)
            if named(value) and not name_is_kept(path, options, _real(values, path)):
                value = _copied(_inside(values, path), left)
            tree = with_node(tree, path, tree_of(value, leaf.origin or DEFAULT))
    except (OmegaConfBaseException, RecursionError) as error:
        path = path or path_of(str(getattr(error, "full_key", None) or ""), node)
        endless = f"it leads to itself, or to more than {LARGEST_COPY} values"
        cause = endless if isinstance(error, RecursionError) else str(error).splitlines()[0]
        fault = Fault(path, f"the reference cannot be followed: {cause}", location(node, path))
        raise ConfigError([fault]) from error
    return tree


def _inside(values: Any, path: Path) -> Any:
    """The value at a path of what OmegaConf holds; this follows the references on the way."""
    for key in path:
        values = values[key]
    return values


def _real(values: Any, path: Path) -> Any:
    """The value at a path; None if a variable that it needs is not set."""
    from omegaconf.errors import OmegaConfBaseException

    try:
        return _inside(values, path)
    except OmegaConfBaseException:
        return None


def _copied(value: Any, left: list[int]) -> Any:
    """A plain copy of what OmegaConf holds, references followed.

    Raises:
        RecursionError: the copy has more than `left[0]` values, as references to references may have.
    """
    from omegaconf import DictConfig, ListConfig

    left[0] -= 1
    if left[0] < 0:
        raise RecursionError
    if isinstance(value, DictConfig):
        return {str(key): _copied(value[key], left) for key in value}
    return [_copied(item, left) for item in value] if isinstance(value, ListConfig) else value
