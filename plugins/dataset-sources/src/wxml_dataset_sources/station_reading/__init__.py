"""Observations at stations: tables in CSV or Parquet as arrays by time and station.

Private to this package: what others use is `wxml_dataset_sources.stations_source.StationsSource`.
"""
