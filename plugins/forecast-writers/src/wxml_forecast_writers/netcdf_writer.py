"""Forecasts as one NetCDF-4 file."""

__all__ = ["NetcdfWriter"]

from typing import Annotated, Any, Literal

import netCDF4
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml.errors import ArtefactError, DataError
from wxml.files.failures import disk_errors
from wxml.files.hdf5_structure import check_hdf5_file
from wxml.files.netcdf_lock import NETCDF_LOCK
from wxml.forecasting.layout import PROVENANCE, ForecastLayout

from wxml_forecast_writers.cf_writer import CfWriter


class NetcdfWriter(CfWriter):
    """Writes a NetCDF-4 file (HDF5), with the one compression that every build of the library reads."""

    suffixes = (".nc", ".nc4")

    def __init__(
        self,
        target: str,
        *,
        compression: Annotated[
            Literal["none", "zlib"],
            Field(description="How chunks are packed, losslessly, after a byte shuffle"),
        ] = "zlib",
        level: Annotated[int, Field(ge=1, le=9, description="Effort of the compression: 1 is fastest")] = 1,
    ) -> None:
        super().__init__(target)
        self._packing: dict[str, Any] = {"compression": "zlib", "complevel": level} if compression == "zlib" else {}
        self._step_bytes = 0
        self._file: netCDF4.Dataset | None = None
        self._variables: dict[str, Any] = {}

    def _create(self, layout: ForecastLayout, attributes: dict[str, dict[str, Any]]) -> None:
        self._step_bytes = layout.step_bytes
        with NETCDF_LOCK, disk_errors(self.target, self._step_bytes):
            self._file = file = netCDF4.Dataset(self.target, "w", format="NETCDF4", clobber=False)
            file.setncatts(layout.attributes)
            for name, size in layout.dimensions.items():
                file.createDimension(name, size)
            for one in layout.coordinates:
                array = file.createVariable(one.name, one.values.dtype, one.dimensions, fill_value=False)
                array.setncatts(one.attributes)
                array[...] = one.values
            for name in layout.variables:
                array = self._variables[name] = file.createVariable(
                    name,
                    np.float32,
                    tuple(layout.dimensions),
                    chunksizes=layout.chunks,
                    fill_value=np.float32("nan"),
                    **self._packing,
                )
                array.setncatts(attributes[name])
                # A chunk is always written whole. The default cache would keep 16 MiB and more of every variable in
                # memory and report a full disk only at the end; 0 would mean that default, so one byte.
                array.set_var_chunk_cache(size=1, nelems=1, preemption=1.0)
            file.sync()

    def _put(self, name: str, step: tuple[int, int], values: NDArray[np.float32]) -> None:
        with NETCDF_LOCK, disk_errors(self.target, self._step_bytes):
            self._variables[name][step] = values

    def _finish(self) -> None:
        file, self._file, self._variables = self._file, None, {}
        if file is not None:
            with NETCDF_LOCK, disk_errors(self.target, self._step_bytes):
                file.close()

    @classmethod
    def _read_provenance_text(cls, target: str) -> Any:
        try:
            check_hdf5_file(target)
        except DataError as error:
            raise ArtefactError(error.message, fix=error.fix) from error
        with NETCDF_LOCK, netCDF4.Dataset(target) as file:
            return file.getncattr(PROVENANCE) if PROVENANCE in file.ncattrs() else None
