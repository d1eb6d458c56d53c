"""Training with Lightning, tracked by MLflow."""
