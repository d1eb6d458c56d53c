"""From files to blocks of weather data: paths, formats, coordinates, grids, levels and times.

Private to this package: what others use is `wxml_dataset_sources.xarray_source.XarraySource`.
"""

# eccodes brings an old SQLite of its own, and the first one loaded serves the whole process: let it be Python's, since
# MLflow, for one, needs a recent one.
import sqlite3  # noqa: F401
