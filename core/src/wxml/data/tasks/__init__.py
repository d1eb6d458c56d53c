"""The tasks that core brings: forecast, interpolate, diagnose."""
