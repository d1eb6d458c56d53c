"""Fields that stay the same, such as orography and land mask, beside the variables of another source."""

__all__ = ["Constants"]

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest
from wxml.data.read_request import run
from wxml.data.source_fit import Sides, on_grid
from wxml.data.times import format_time, parse_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, fill_there, opened, values_of
from wxml_dataset_sources.xarray_source import XarraySource

SAME_PLACE = 1e-3  # degrees: files round their coordinates, neighbours are farther apart


class StaticFiles(XarraySource):
    """Files that may have no time at all; then 1970-01-01 stands for all times."""

    is_static: ClassVar[bool] = True


class Constants(Combination):
    """The variables of a source, and fields of files that hold at all of its times.

    The files have the nodes of the source in any order.
    """

    name = "constants"

    def __init__(
        self,
        *,
        source: Source,
        path: Annotated[str | list[str], Field(description="The file with the fields, a pattern, or a list")],
        variables: Annotated[
            list[str] | None, Field(description="Read only these of its fields: names or parameters")
        ] = None,
        rename: Annotated[dict[str, str] | None, Field(description="Name in the file to our name")] = None,
        time: Annotated[
            str | None, Field(description="Where the file has several times, take the values at this one")
        ] = None,
        absent_chunks: Annotated[
            Literal["error", "fill"], Field(description="As `xarray` has it, for the fields of the file")
        ] = "error",
    ) -> None:
        main = opened(source)
        fields = StaticFiles(path=path, variables=variables, rename=rename, absent_chunks=absent_chunks)
        static = Part(fields, "`path`")
        super().__init__((main, static), {} if time is None else {"time": time})
        self._moment = _moment(static, time)
        self._main, self._static = main.source, on_grid(static.source, main.header.grid, _sides(main), SAME_PLACE)
        self._row = static.header.time_indices([self._moment])
        _check(main, static)
        self.header = replace(main.header, variables=(*main.header.variables, *static.header.variables))

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, apart from those of the fields."""
        main, static = self._main.chunk_groups(), self._static.chunk_groups()
        return np.append(main, main.max(initial=0) + 1 + static)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        count = len(self._main.header.variables)
        moving = np.flatnonzero(request.variables < count)
        if len(moving):
            part = replace(request, variables=request.variables[moving])
            fill_there(self._main, part, out, (slice(None), slice(None), run(moving)))
        constant = np.flatnonzero(request.variables >= count)
        if len(constant):
            members = request.members if self._static.header.members > 1 else slice(0, 1)
            own = request.variables[constant] - count
            part = ReadRequest(self._row, own, members, request.nodes)
            out[:, :, constant] = values_of(self._static, part)


def _sides(main: Part) -> Sides:
    return Sides(
        main.called,
        f"{main.called} has",
        "`path`",
        fix="name a file on the grid of the source, or bring it onto that grid first",
    )


def _moment(static: Part, time: str | None) -> np.datetime64:
    """The time at which the fields are read; raise a DataError if there are several and none is chosen."""
    times = static.header.times
    if time is not None and len(times) > 1:
        moment = parse_time(time)
        static.header.time_indices([moment])
        return moment
    if len(times) > 1:
        raise DataError(
            f"the fields of `path` have {len(times)} times, and constants have one",
            fix=f"write `time: {format_time(times[0])}`, or another time to take their values at",
        )
    return np.datetime64(times[0], "s")


def _check(main: Part, static: Part) -> None:
    """Refuse variables that both have, and other members than the source has."""
    twice = [name for name in static.header.names if name in main.header.names]
    if twice:
        raise DataError(
            f"variable {twice[0]!r} is in {main.called} and in `path`",
            fix="leave it out with `variables`, or give it another name with `rename`",
        )
    members = static.header.members
    if members not in (1, main.header.members):
        raise DataError(
            f"the fields of `path` have {members} members, and {main.called} has {main.header.members}",
            fix="name a file with fields of one member",
        )
