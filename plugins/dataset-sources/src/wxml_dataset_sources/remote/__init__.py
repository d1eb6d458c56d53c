"""Data on other machines: addresses, requests with retries, zarr stores and copies of files."""
