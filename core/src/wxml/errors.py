"""The errors that wxml raises: each says what is wrong, where, and what to do about it."""

__all__ = [
    "AmbiguousPluginError",
    "ArtefactError",
    "BrokenPluginError",
    "ConfigError",
    "ContractError",
    "DataError",
    "Fault",
    "ResourceError",
    "UnknownPluginError",
    "WxmlError",
    "nearest",
]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wxml.masking import masked


class WxmlError(Exception):
    """Any error that wxml raises on purpose.

    Attributes:
        message: the problem and its place; starts in lower case, names the parameter in backticks and the value got.
        fix: the remedy for the reader.
        exit_code: the exit code of the command line: 2 for a user's mistake, 3 for a broken plugin.
    """

    exit_code = 2

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(masked(message))
        self.message = masked(message)
        self.fix = masked(fix)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.fix}" if self.fix else self.message


class UnknownPluginError(WxmlError, LookupError):
    """A name that no enabled plugin provides."""


class AmbiguousPluginError(WxmlError, LookupError):
    """A bare name that several distributions provide."""


class BrokenPluginError(WxmlError, ImportError):
    """A plugin that is installed but cannot be imported, or does not fit the interface of its kind."""

    exit_code = 3


class ContractError(WxmlError, TypeError):
    """A plugin that returned something its interface forbids."""

    exit_code = 3


class DataError(WxmlError, ValueError):
    """Weather data that cannot be read, do not exist, or do not fit the request."""


class ArtefactError(WxmlError, OSError):
    """A file that wxml writes or reads: exists already, is damaged, is of another kind, does not fit on the disk."""


class ResourceError(WxmlError, MemoryError):
    """Work that needs more memory than there is."""


@dataclass(frozen=True, slots=True, init=False)
class Fault:
    """One thing that is wrong in a config."""

    path: tuple[str | int, ...]
    """The keys that lead to the fault, such as `("data", "transforms", 0, "plugin")`."""
    message: str
    """The problem, and what to write instead."""
    location: str
    """The file and the line, if the key was written in a file."""

    def __init__(self, path: str | tuple[str | int, ...], message: str, location: str = "") -> None:
        """Describe one fault; a dotted `path` is split at its dots."""
        keys = path if isinstance(path, tuple) else tuple(path.split(".")) if path else ()
        object.__setattr__(self, "path", keys)
        object.__setattr__(self, "message", masked(message))
        object.__setattr__(self, "location", location)

    @property
    def key(self) -> str:
        """The path with dots, as it is printed: `data.transforms.0.plugin`."""
        return ".".join(map(str, self.path))

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.location, self.key) if part)
        return f"{self.message} ({where})" if where else self.message


class ConfigError(WxmlError, ValueError):
    """A config that cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Sequence[Fault], *, fix: str = "") -> None:
        lines = [str(fault) for fault in faults]
        super().__init__("\n".join(lines), fix=fix or "see every key and its default: wxml config show")
        self.faults = tuple(faults)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not among the known ones.

    >>> nearest("graphtransfomer", ["gnn", "graph-transformer"])
    "did you mean 'graph-transformer'?   known: gnn, graph-transformer"
    """
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    listed = f"known: {', '.join(names) if names else 'none'}"
    return f"did you mean {close[0]!r}?   {listed}" if close else listed
