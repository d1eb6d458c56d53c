"""A climatology: means by day of the year and time of day, that stand for those of every year."""

__all__ = ["ClimatologySource"]

from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from wxml import DataSource, ForecastSeries

from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_reading.block import FileContent, Selection
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed
from wxml_dataset_sources.xarray_reading.yearly_cycle import read_cycle
from wxml_dataset_sources.xarray_source import XarraySource


class ClimatologySource(XarraySource):
    """Means by day of the year and time of day in NetCDF and zarr, as of WeatherBench 2, at times of the year 2000.

    Day d of the year, 1 to 366, is the d-th day of 2000, which is a leap year. Fields without times of day are those of
    all that the file has, or of all full hours. Quantiles are variables of their own, such as `t_quantile_0.95_850`;
    fields without days of the year are left out.
    """

    def __init__(
        self,
        *,
        path: Annotated[str | list[str], Field(description="A file, a zarr store, a pattern, an address, or a list")],
        engine: Annotated[
            Literal["auto", "netcdf", "zarr"], Field(description="The format; auto looks at each file")
        ] = "auto",
        variables: Annotated[
            list[str] | None, Field(description="Read only these: names (t_850) or parameters (t, all levels)")
        ] = None,
        rename: Annotated[
            dict[str, str] | None, Field(description="Name in the files to our name, also of the dimensions")
        ] = None,
        levels: Annotated[
            list[float] | None, Field(description="Read only these levels (hPa for pressure levels)")
        ] = None,
        absent_chunks: Annotated[Literal["error", "fill"], Field(description="As `xarray` has it")] = "error",
        storage_options: Annotated[
            StorageOptions | None, Field(description="How addresses such as https:// and s3:// are reached")
        ] = None,
    ) -> None:
        super().__init__(
            path=path,
            engine=engine,
            variables=variables,
            rename=rename,
            levels=levels,
            absent_chunks=absent_chunks,
            storage_options=storage_options,
        )

    def provenance(self) -> dict[str, Any]:
        """The files with their sizes and samples, and the options."""
        return super().provenance() | {"source": "climatology"}

    @classmethod
    def forecasts(cls, options: Mapping[str, Any]) -> ForecastSeries:
        """See `wxml.DataSource.forecasts`; a climatology holds none."""
        return super(XarraySource, cls).forecasts(options)

    @classmethod
    def of_dataset(cls, dataset: Any) -> DataSource:
        """See `wxml.DataSource.of_dataset`; it is read from files."""
        return super(XarraySource, cls).of_dataset(dataset)

    def _contents(self, selection: Selection) -> list[FileContent]:
        grids: dict[Hashable, Placed] = {}
        return [read_cycle(file, selection, grids) for file in self._files]
