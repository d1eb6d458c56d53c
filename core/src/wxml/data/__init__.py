"""What is forecast, where and when: variables, times, grid, fields; the contracts of sources and transforms."""
