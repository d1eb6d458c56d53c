"""From files to blocks of weather data: paths, formats, coordinates, grids, levels and times.

Private to this package: what others use is `wxml_dataset_sources.xarray_source.XarraySource`.
"""
