"""What every source has that is made of others: their files, checksums and stamps."""

__all__ = ["Combination", "Part", "Source", "Sources", "fill_there", "opened", "opened_all", "values_of"]

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Kind, PluginChoice, ReadRequest, SourceHeader, create
from wxml.data.aligned import aligned
from wxml.data.fingerprint import fingerprint_of
from wxml.data.read_request import Positions
from wxml.errors import DataError

Source = Annotated[PluginChoice, Kind("data-source"), Field(description="the source that this one reads")]
"""The option of a plugin that reads one source."""
Sources = Annotated[
    list[Annotated[PluginChoice, Kind("data-source")]], Field(min_length=1, description="the sources that it reads")
]
"""The option of a plugin that reads several sources."""


class Part(NamedTuple):
    """One of the sources that a source is made of."""

    source: DataSource
    called: str
    """The place in the options and the plugin, for messages: `sources.0` (xarray)."""

    @property
    def header(self) -> SourceHeader:
        """That of the source."""
        return self.source.header


def opened(choice: PluginChoice, where: str = "source", names: Sequence[str] | None = None) -> Part:
    """Make the source that an option chooses, for the variables `names`; `where` is the place of the option.

    Raises:
        WxmlError: the plugin or its options are wrong, or its data cannot be opened.
        DataError: the source takes the statistics of another one, which would be lost.
    """

    def make(plugin: type[DataSource], options: dict[str, Any]) -> DataSource:
        return plugin(**options) if names is None else plugin.for_variables(names, options)

    source = create("data-source", choice.plugin, choice.options, where=where, make=make)
    part = Part(source, f"`{where}` ({choice.plugin})")
    if part.source.statistics_source() is not part.source:
        raise DataError(
            f"{part.called} takes the statistics of another source, and is a part of a source itself",
            fix="write `statistics-of` around all other sources",
        )
    return part


def opened_all(
    choices: Sequence[PluginChoice], where: str = "sources", names: Sequence[str] | None = None
) -> tuple[Part, ...]:
    """Make the sources that an option lists; see `opened`."""
    return tuple(opened(choice, f"{where}.{number}", names) for number, choice in enumerate(choices))


class Combination(DataSource):
    """A source that is made of others. A subclass sets `header` in its constructor, and fills `_read_part`.

    One that cannot read some members or nodes alone fills `_read` instead.
    """

    name: ClassVar[str]
    """The name of the plugin."""
    _asked: tuple[str, ...] | None = None
    """The variables of `for_variables`; one whose sources have the same names hands them on to these."""

    @classmethod
    def for_variables(cls, names: Sequence[str], options: Mapping[str, Any]) -> Self:
        """See `DataSource.for_variables`."""
        made = cls.__new__(cls)
        made._asked = tuple(names)
        made.__init__(**options)  # type: ignore[misc]  # its constructor makes the sources
        return made

    def __init__(self, parts: Sequence[Part], options: Mapping[str, Any]) -> None:
        """Keep what the provenance tells.

        Args:
            parts: the sources, in the order of the options.
            options: the other options, as JSON values.
        """
        self._sources = tuple(part.source for part in parts)
        self._options = dict(options)

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        every_member, every_node = slice(0, self.header.members), slice(0, len(self.header.grid))
        self._read_part(ReadRequest(time_indices, variable_indices, every_member, every_node), out)

    def forget(self) -> None:
        """See `DataSource.forget`."""
        for source in self._sources:
            source.forget()

    def provenance(self) -> dict[str, Any]:
        """The options, what each source says of itself, and the files of all of them as one list."""
        files: list[Any] = []
        records = []
        for source in self._sources:
            record = dict(source.provenance())
            own = _files(record)
            if own:
                record |= {"files": len(own)}
                files += own
            records.append(record)
        return {"source": self.name, "options": self._options, "sources": records} | ({"files": files} if files else {})

    def checksums(self) -> list[str]:
        """Those of the files of all sources; none if one of the sources gives none for its files."""
        found: list[str] = []
        for source in self._sources:
            own = source.checksums()
            if len(own) != len(_files(source.provenance())):
                return []
            found += own
        return found

    def stamp(self) -> str:
        """A hash of the stamps of all sources; the empty text if all of these are empty."""
        stamps = [source.stamp() for source in self._sources]
        return hashlib.sha256(json.dumps(stamps).encode()).hexdigest() if any(stamps) else ""

    def fingerprint(self) -> str | None:
        """A hash of the options and of the fingerprints of all sources; None if one of them has none."""
        own = [source.fingerprint() for source in self._sources]
        return None if None in own else fingerprint_of(self.name, self._options, own)


def fill_there(source: DataSource, request: ReadRequest, out: NDArray[np.float32], there: Sequence[Positions]) -> None:
    """Write what a source is asked for to the places `there` of the first axes of `out`; copied only if they must be.

    One of them may be an array.
    """
    index = tuple(there)
    if all(isinstance(places, slice) for places in index):
        source.fill(request, out[index])
    else:
        out[index] = values_of(source, request)


def values_of(source: DataSource, request: ReadRequest) -> NDArray[np.float32]:
    """What a source is asked for, as an array of its own."""
    values = aligned(request.shape)
    source.fill(request, values)
    return values


def _files(record: Mapping[str, Any]) -> list[Any]:
    """The files in the provenance of a source."""
    files = record.get("files", [])
    return files if isinstance(files, list) else []
