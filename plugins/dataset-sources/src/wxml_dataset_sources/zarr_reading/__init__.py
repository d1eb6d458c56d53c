"""What zarr stores of every kind have in common: chunks that are checked before they are decoded."""
