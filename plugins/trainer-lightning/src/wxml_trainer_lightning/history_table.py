"""Reads `history.csv`, also while a training writes it."""

__all__ = ["COLUMNS", "read_last_step", "read_validations"]

from pathlib import Path

COLUMNS = ("step", "training_loss", "validation_loss", "learning_rate", "rollout")
"""Those that every history has."""


def read_validations(path: Path) -> list[tuple[int, float]]:
    """The step and the loss of every validation in `history.csv`; empty without the file."""
    place = COLUMNS.index("validation_loss")
    return [(int(row[0]), float(row[place])) for row in _read_rows(path) if len(row) > place and row[place]]


def read_last_step(path: Path) -> int:
    """The last step in `history.csv`; 0 without one."""
    rows = _read_rows(path)
    return int(rows[-1][0]) if rows else 0


def _read_rows(path: Path) -> list[list[str]]:
    """The cells of each row, but of one without an end: it is being written, or its process was killed."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:] if path.is_file() else []
    return [line.rstrip("\n").split(",") for line in lines if line.endswith("\n")]
