"""What the benchmarks share; the scripts are one folder up."""
