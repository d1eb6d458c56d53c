"""Forecasts as a table: one Parquet file with a row for each node, or station, of each step and member."""

__all__ = ["ParquetWriter"]

import json
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Fields, ForecastHeader, ForecastWriter, Grid, StoredForecast, Variable
from wxml.errors import ArtefactError, ContractError, DataError
from wxml.extras import libraries_of_extra
from wxml.files.failures import damage_errors
from wxml.files.json_loader import load_json
from wxml.files.staging import check_absent
from wxml.forecasting.layout import (
    LATITUDE,
    LEAD_TIME,
    LONGITUDE,
    MEMBER,
    PROVENANCE,
    STATION,
    TIME,
    ForecastLayout,
    MemberNumbers,
    provenance_from_text,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

HEADER = "wxml_header"
"""The key of the metadata with what the file says of the forecast, as JSON text."""
NODE = "node"
"""The column with the number of the node."""
ROWS = 1 << 17
"""So many rows are held before they are written as one group, at least those of one step."""
Columns = dict[str, NDArray[Any]]


class ParquetWriter(ForecastWriter):
    """Writes rows of times, place and values: `time`, `prediction_timedelta`, `number`, `station`, `latitude`, `t_850`.

    It is meant for forecasts at stations; other grids make one row for each node, too. Rows stand in the order in which
    steps come. What is held between two steps is some rows, 131 072 or those of one step.
    """

    suffixes = (".parquet",)

    def __init__(
        self,
        target: str,
        *,
        compression: Annotated[
            Literal["none", "snappy", "zstd"], Field(description="How columns are packed, losslessly")
        ] = "zstd",
    ) -> None:
        super().__init__(target)
        self._compression = compression
        self._header: ForecastHeader | None = None
        self._held: list[Columns] = []
        self._count = 0
        self._written: set[tuple[int, int]] = set()
        self._files = ExitStack()
        self._file: pq.ParquetWriter | None = None

    def open(self, header: ForecastHeader) -> None:
        """Make the file.

        Raises:
            ArtefactError: the file exists already, or its folder does not.
            ContractError: the writer is open.
            DataError: a name cannot stand in a file, or the provenance is not JSON; or pyarrow is not installed.
            OSError: the disk refuses.
        """
        if self._header is not None:
            raise ContractError("`open` was called twice", fix="call `close` first, or use a second writer")
        layout = ForecastLayout.of(header)
        check_absent(Path(self.target))
        with libraries_of_extra("parquet", "wxml-forecast-writers", what="the forecast writer `parquet`"):
            import pyarrow.parquet as pq
        file = self._files.enter_context(open(self.target, "xb"))  # noqa: SIM115  # `close` closes it
        schema = _schema(header).with_metadata({PROVENANCE: layout.attributes[PROVENANCE], HEADER: _described(header)})
        self._file = pq.ParquetWriter(file, schema, compression=self._compression)
        self._header = header

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write one step; the steps may come in any order, each once.

        Raises:
            ContractError: the writer is not open, or the step was written before.
            DataError: the header does not announce this step, or not with these variables, members and nodes.
            OSError: the disk refuses.
        """
        if self._header is None:
            raise ContractError(
                "`write` was called on a writer that is not open", fix="call `open` with a header first"
            )
        place = self._header.place(fields, lead_time)
        if place in self._written:
            raise ContractError("`write` was called twice for one step of a table", fix="write each step once")
        self._written.add(place)
        self._held.append(_columns(self._header, fields, lead_time))
        self._count += fields.values.shape[0] * fields.values.shape[2]
        if self._count >= ROWS:
            self._flush()

    def close(self) -> None:
        """Finish the file; does nothing where none is open.

        Raises:
            OSError: the disk refuses.
        """
        file, self._file = self._file, None
        try:
            if file is not None:
                self._flush_into(file)
                file.close()
        finally:
            self._header, self._held, self._count = None, [], 0
            self._files.close()

    def _flush(self) -> None:
        if self._file is not None:
            self._flush_into(self._file)

    def _flush_into(self, file: "pq.ParquetWriter") -> None:
        import pyarrow as pa

        if self._held:
            joined = {name: np.concatenate([one[name] for one in self._held]) for name in self._held[0]}
            arrays = [pa.array(joined[field.name], field.type, from_pandas=False) for field in file.schema]
            file.write_table(pa.Table.from_arrays(arrays, schema=file.schema))
        self._held, self._count = [], 0

    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance in the metadata of the file.

        Raises:
            ArtefactError: the file is absent or damaged, or was not written by wxml.
        """
        with damage_errors(partial(_damaged, target)):
            text = _metadata(target).get(PROVENANCE)
        return provenance_from_text(target, text)

    @classmethod
    def read(cls, target: str) -> StoredForecast:
        """Open a forecast that this writer made.

        Raises:
            DataError: there is no such file, it is damaged, or no forecast of this writer.
        """
        with damage_errors(partial(_no_forecast, target)):
            header = _header_in(_metadata(target))
        return StoredForecast(header, partial(_values, target, header))


def _schema(header: ForecastHeader) -> "pa.Schema":
    import pyarrow as pa

    columns = [(TIME, pa.timestamp("s", tz="UTC")), (LEAD_TIME, pa.duration("s")), (MEMBER, pa.int32())]
    columns += [(NODE, pa.int32()), (STATION, pa.string()), (LATITUDE, pa.float64()), (LONGITUDE, pa.float64())]
    absent = {STATION: not header.stations, MEMBER: not header.is_ensemble}
    kept = [column for column in columns if not absent.get(column[0])]
    return pa.schema([*kept, *((one.name, pa.float32()) for one in header.variables)])


def _columns(header: ForecastHeader, fields: Fields, lead_time: np.timedelta64) -> Columns:
    """The rows of one step: members one after the other, the nodes of each in order."""
    members, _, nodes = fields.values.shape
    count, grid = members * nodes, header.grid
    columns: Columns = {
        TIME: np.full(count, (fields.valid_time - lead_time).astype("datetime64[s]")),
        LEAD_TIME: np.full(count, lead_time.astype("timedelta64[s]")),
        MEMBER: np.repeat(np.array(header.numbers, np.int32), nodes),
        NODE: np.tile(np.arange(nodes, dtype=np.int32), members),
        STATION: np.tile(np.array(header.stations or ("",) * nodes, object), members),
        LATITUDE: np.tile(grid.latitudes, members),
        LONGITUDE: np.tile(grid.longitudes, members),
    }
    return columns | {name: fields[name].ravel() for name in fields.variables}


def _described(header: ForecastHeader) -> str:
    """What the file says of a forecast."""
    grid = header.grid
    return json.dumps(
        {
            "variables": [asdict(one) for one in header.variables],
            "initial_times": header.initial_times.astype("datetime64[s]").astype(np.int64).tolist(),
            "lead_times": header.lead_times.astype("timedelta64[s]").astype(np.int64).tolist(),
            "members": header.members,
            "numbering": None if header.numbering is None else asdict(header.numbering),
            "latitudes": grid.latitudes.tolist(),
            "longitudes": grid.longitudes.tolist(),
            "area_weights": grid.area_weights.tolist(),
            "shape": list(grid.shape),
            "is_regular": grid.is_regular,
            "boundary": None if header.boundary is None else header.boundary.astype(int).tolist(),
            "stations": list(header.stations),
        }
    )


def _metadata(target: str) -> dict[str, str]:
    import pyarrow.parquet as pq

    found = pq.read_schema(target).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def _header_in(metadata: dict[str, str]) -> ForecastHeader:
    told = load_json(metadata[HEADER])
    places = [np.array(told[name], np.float64) for name in ("latitudes", "longitudes", "area_weights")]
    boundary, numbers = told["boundary"], tuple((told["numbering"] or {}).get("numbers", ()))
    return ForecastHeader(
        Grid(places[0], places[1], places[2], tuple(told["shape"]), bool(told["is_regular"])),
        tuple(Variable(**one) for one in told["variables"]),
        np.array(told["initial_times"], "datetime64[s]"),
        np.array(told["lead_times"], "timedelta64[s]"),
        int(told["members"]),
        load_json(metadata[PROVENANCE]),
        None if boundary is None else np.array(boundary, bool),
        tuple(map(str, told["stations"])),
        None if told["numbering"] is None else MemberNumbers(**told["numbering"] | {"numbers": numbers}),
    )


def _values(target: str, header: ForecastHeader, case: int, name: str) -> NDArray[np.float32]:
    """The values of one initial time and variable, `[lead_time, member, node]`; NaN where no row has one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = np.full((len(header.lead_times), header.members, len(header.grid)), np.nan, np.float32)
    names = [LEAD_TIME, NODE, name, *([MEMBER] if header.is_ensemble else [])]
    when = pa.scalar(
        int(header.initial_times[case].astype("datetime64[s]").astype(np.int64)), pa.timestamp("s", tz="UTC")
    )
    with damage_errors(partial(_no_forecast, target)):
        table = pq.read_table(target, columns=names, filters=[(TIME, "==", when)])
        column = {one: table.column(one).to_numpy() for one in names}
        lead = np.searchsorted(header.lead_times, column[LEAD_TIME].astype("timedelta64[s]"))
        member = np.searchsorted(header.numbers, column[MEMBER]) if header.is_ensemble else 0
        out[lead, member, column[NODE]] = column[name]
    return out


def _damaged(target: str, error: Exception) -> ArtefactError:
    return ArtefactError(f"`{target}` cannot be read: {error}", fix="name a file that `wxml forecast` wrote")


def _no_forecast(target: str, error: Exception) -> DataError:
    return DataError(
        f"the forecast `{target}` cannot be read: {error}", fix="name a Parquet file that `wxml forecast` wrote"
    )
