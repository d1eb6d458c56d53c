"""Variables, times, grids and fields of a forecast; the contracts of data sources and transforms."""
