"""Weather data in NetCDF, GRIB and zarr files."""

__all__ = ["XarraySource"]

from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, ForecastSeries, ReadRequest, SelectiveSource
from wxml.data.times import parse_time
from wxml.errors import DataError

from wxml_dataset_sources.icechunk_reading.version import IcechunkVersion
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_reading.alike import AlikeFiles
from wxml_dataset_sources.xarray_reading.arrays import read_arrays
from wxml_dataset_sources.xarray_reading.assembly import Assembly, Share, assemble
from wxml_dataset_sources.xarray_reading.block import FileContent, Selection
from wxml_dataset_sources.xarray_reading.cell_methods import warn_of_cells
from wxml_dataset_sources.xarray_reading.checksums import ChecksumsInBackground, checksums
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.forecast_choice import ForecastChoice
from wxml_dataset_sources.xarray_reading.forecast_series import forecast_series
from wxml_dataset_sources.xarray_reading.kept_values import KeptValues
from wxml_dataset_sources.xarray_reading.locations import (
    Opening,
    fingerprint_of_locations,
    local_paths,
    located,
    named_by_address,
    stamp_of_locations,
)
from wxml_dataset_sources.xarray_reading.opening import opened, release, released_after_failure
from wxml_dataset_sources.xarray_reading.place import Place
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed, warn_of_repeats

BLOCKS_AT_ONCE = 16  # parameters of remote stores that are read at once; their requests share one limit
KEPT_IN_MEMORY = 512 * 2**20  # bytes of float32: of a smaller source, what was read stays in memory


class XarraySource(SelectiveSource):
    """NetCDF (3 and 4), GRIB (1 and 2) and zarr (2 and 3) files on one grid, read lazily.

    Files with different variables are merged, files with different times are joined. Levels become variables (`t_850`).
    """

    is_static: ClassVar[bool] = False
    """Whether files without any time are read as if their time were 1970-01-01."""
    _asked: frozenset[str] | None = None
    """The variables of `for_variables`."""

    @classmethod
    def for_variables(cls, names: Sequence[str], options: Mapping[str, Any]) -> Self:
        """See `DataSource.for_variables`; the option `variables`, if it is there, is what is read."""
        made = cls.__new__(cls)
        if options.get("variables") is None:
            made._asked = frozenset(names)
        made.__init__(**options)  # type: ignore[misc]  # its constructor looks at the files
        return made

    def __init__(
        self,
        *,
        path: Annotated[
            str | list[str],
            Field(description="A file, a zarr store, a pattern such as 'data/*.nc', an address, or a list"),
        ],
        engine: Annotated[
            Literal["auto", "netcdf", "grib", "zarr", "kerchunk", "icechunk", "opendap"],
            Field(description="The format; auto looks at each file, and takes an address for no OPeNDAP"),
        ] = "auto",
        variables: Annotated[
            list[str] | None, Field(description="Read only these: names (t_850) or parameters (t, all levels)")
        ] = None,
        rename: Annotated[
            dict[str, str] | None, Field(description="Name in the files, or 'file.nc:name', to our name")
        ] = None,
        levels: Annotated[
            list[float] | None, Field(description="Read only these levels (hPa for pressure levels)")
        ] = None,
        grib_filter: Annotated[
            dict[str, str | int | float] | None, Field(description="Read only GRIB messages with these keys")
        ] = None,
        lead_time: Annotated[
            str | None, Field(description="Of several forecasts, the values at this lead time of each, such as 24h")
        ] = None,
        initial_time: Annotated[
            str | None,
            Field(
                description="Of several forecasts, the one that starts here, such as 2020-01-01T00; the start of one "
                "that does not say it"
            ),
        ] = None,
        time: Annotated[
            str | None, Field(description="The time that fields stand for, if no file has times, such as 2000-01-01")
        ] = None,
        place: Annotated[
            Place | None, Field(description="Where series are that have no latitude and longitude")
        ] = None,
        checksum: Annotated[
            bool, Field(description="Record the SHA-256 of all bytes of each file; the first command reads them all")
        ] = False,
        absent_chunks: Annotated[
            Literal["error", "fill"],
            Field(
                description="A chunk that a zarr store does not have: error refuses it, unless its fill value is a "
                "missing value; fill takes the fill value, as stores want that leave out chunks of zeros"
            ),
        ] = "error",
        icechunk: Annotated[
            IcechunkVersion | None,
            Field(description="Of an Icechunk repository, the version: a branch, a tag or a snapshot"),
        ] = None,
        storage_options: Annotated[
            StorageOptions | None, Field(description="How addresses such as https:// and s3:// are reached")
        ] = None,
    ) -> None:
        options = {
            "engine": engine,
            "variables": variables,
            "rename": rename,
            "levels": levels,
            "grib_filter": grib_filter,
            "lead_time": lead_time,
            "initial_time": initial_time,
            "time": time,
            "place": place and place.model_dump(),
            "absent_chunks": None if absent_chunks == "error" else absent_chunks,
        }
        self._options = {key: value for key, value in options.items() if value is not None}
        self._locations = located(path, Opening(storage_options or StorageOptions(), engine, icechunk))
        selection = Selection(
            None if variables is None else tuple(variables),
            None if levels is None else tuple(levels),
            rename or {},
            grib_filter or {},
            ForecastChoice.of(lead_time, initial_time),
            np.datetime64(0, "s") if self.is_static else None if time is None else parse_time(time),
            self.is_static,
            place,
            self._asked,
        )
        with named_by_address(self._locations):
            self._open(
                [replace(each.file(engine), fills=absent_chunks == "fill") for each in self._locations], selection
            )
        self._checksum = checksum
        self._background = ChecksumsInBackground(local_paths(self._locations)) if checksum else None

    @classmethod
    def of_dataset(cls, dataset: Any) -> DataSource:
        """See `wxml.DataSource.of_dataset`."""
        from wxml_dataset_sources.dataset_source import DatasetSource

        return DatasetSource(dataset)

    @classmethod
    def forecasts(cls, options: Mapping[str, Any]) -> ForecastSeries:
        """See `wxml.DataSource.forecasts`; each initial time is read as a source of its own."""
        opening = Opening(
            options.get("storage_options") or StorageOptions(), options.get("engine", "auto"), options.get("icechunk")
        )
        locations = located(options["path"], opening)
        with named_by_address(locations):
            files = [location.file(opening.engine) for location in locations]
            rest = {key: value for key, value in options.items() if key not in ("path", "initial_time", "lead_time")}
            selection = Selection(None, None, options.get("rename") or {}, {})
            names = [location.path or location.name for location in locations]
            found = forecast_series(files, names, selection.name, options.get("initial_time"), partial(cls, **rest))
        said = {key: value for key, value in options.items() if key not in ("path", "storage_options") and value}
        record = {"source": "xarray", "files": [location.record() for location in locations], "options": said}
        return replace(found, record=record)

    def _open(self, files: list[DataFile], selection: Selection) -> None:
        """Find out what is in the files."""
        self._files = files
        self._assembly = self._assembled(selection)
        blocks = self._assembly.blocks
        is_kept = sum(block.size for block in blocks) <= KEPT_IN_MEMORY and not self._are_remote()
        self._kept = KeptValues(blocks) if is_kept else None
        self.header = self._assembly.header
        warn_of_repeats(blocks)
        warn_of_cells(blocks)
        release()

    @released_after_failure()
    def _assembled(self, selection: Selection) -> Assembly:
        """The blocks of all files, and the header that they make together."""
        contents = self._contents(selection)
        if selection.asked is not None and not _has_any(contents, selection):
            return self._assembled(replace(selection, asked=None))
        return assemble(contents, selection)

    def _contents(self, selection: Selection) -> list[FileContent]:
        """What is in each file."""
        grids: dict[Hashable, Placed] = {}
        alike = AlikeFiles(self._files, selection)
        contents: list[FileContent] = []
        for file in self._files:
            content = alike.known(file)
            if content is None:
                content = _examined(file, selection, grids)
                alike.examined(file, content)
            contents.append(content)
        return contents

    def __getstate__(self) -> dict[str, Any]:
        """Pickle names and positions for a data-loader worker, without decoded values and checksums."""
        return self.__dict__ | {"_background": None}

    def provenance(self) -> dict[str, Any]:
        """The files with their sizes and samples, and the options; the checksums, too, with the option `checksum`."""
        files = [location.record() for location in self._locations]
        if self._checksum:
            digests = self._background.result() if self._background else self.checksums()
            files = [file | {"sha256": digest} for file, digest in zip(files, digests, strict=True)]
        return {"source": "xarray", "files": files, "options": self._options}

    def checksums(self) -> list[str]:
        """The SHA-256 of all bytes of each file; a store's is that of the lines `SHA-256  name` of its files."""
        return checksums(local_paths(self._locations))

    def stamp(self) -> str:
        """A hash of the times of the files; the empty text with the option `checksum`, which tells every change."""
        return "" if self._checksum else stamp_of_locations(self._locations)

    def fingerprint(self) -> str | None:
        """See `fingerprint_of_locations`."""
        return fingerprint_of_locations(self._locations, self._options)

    def forget(self) -> None:
        """Let go of what was read."""
        if self._kept is not None:
            self._kept.forget()

    def chunk_groups(self) -> NDArray[np.intp]:
        """Each parameter is apart, and levels in other chunks are; all are together where requests take longest."""
        return super().chunk_groups() if self._are_remote() else self._assembly.chunk_groups()

    @released_after_failure()
    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        names = [self.header.names[index] for index in request.variables]
        shares = self._assembly.shares(request.times, names)
        out.fill(np.nan)
        with named_by_address(self._locations):
            if not self._are_remote():
                are_whole_now = [self._fill(share, request, out) for share in shares]
                if any(are_whole_now):
                    release()  # what is in memory needs no open file
                return
            for file in self._files:
                if file.store is not None:
                    opened(file)  # once, before many do it
            with ThreadPoolExecutor(BLOCKS_AT_ONCE, "wxml-remote") as pool:  # each waits for its own requests
                for _ in pool.map(partial(self._fill, request=request, out=out), shares):
                    pass

    def _are_remote(self) -> bool:
        """Whether a store is read where it is, on another machine."""
        return any(location.store is not None for location in self._locations)

    def _fill(self, share: Share, request: ReadRequest, out: NDArray[np.float32]) -> bool:
        """Read what one block has of a request; returns whether the block is in memory as a whole since then."""
        block = self._assembly.blocks[share.number]
        members = np.arange(self.header.members)[request.members]
        values, places, is_whole_now = self._values(
            share.number, (share.rows, members * (block.members > 1), share.levels)
        )
        rows, members, levels = places
        for column, level in zip(share.columns, levels, strict=True):
            out[share.places, :, column] = values[:, :, level][np.ix_(rows, members)][..., request.nodes]
        return is_whole_now

    def _values(
        self, number: int, wanted: tuple[NDArray[np.intp], ...]
    ) -> tuple[NDArray[np.float32], tuple[NDArray[np.intp], ...], bool]:
        """Values `[time, member, level, node]` of a block, and where in them the wanted times, members, levels are.

        The third one says whether this read brought the last of the block into memory.
        """
        if self._kept is None:
            some, places = zip(*(np.unique(each, return_inverse=True) for each in wanted), strict=True)
            return self._assembly.blocks[number].read(*some), places, False
        values, is_whole_now = self._kept.read(number, *wanted)
        return values, wanted, is_whole_now


def _has_any(contents: Sequence[FileContent], selection: Selection) -> bool:
    """Whether a variable that is asked for is there, and has times; one without any holds at those of the others."""
    dated = (block for content in contents for block in content.blocks if block.times is not None)
    return any(selection.keeps(variable) for block in dated for variable in block.variables)


def _examined(file: DataFile, selection: Selection, grids: dict[Hashable, Placed]) -> FileContent:
    """The blocks of one file."""
    if file.engine != "grib":
        return read_arrays(file, selection, grids)
    try:
        from wxml_dataset_sources.xarray_reading.grib import read_messages  # an extra, which takes a while to load
    except ImportError as error:
        raise DataError(
            f"`{file.path}` is GRIB, which is read with cfgrib and ecCodes, and these are not installed",
            fix="install the extra `grib` of wxml-dataset-sources",
        ) from error
    return read_messages(file, selection, grids)
