"""What `[EXPERIMENT] [OVERRIDES]...` means on every command."""

__all__ = ["split_arguments"]

from collections.abc import Sequence
from pathlib import Path


def split_arguments(arguments: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """The experiment file, if one is named, and the overrides.

    The experiment is the first argument that ends in `.yaml` or `.yml` and holds no `=`.

    >>> split_arguments(["experiment.yaml", "seed=3"])[1]
    ('seed=3',)
    """
    for index, argument in enumerate(arguments):
        if argument.lower().endswith((".yaml", ".yml")) and "=" not in argument:
            return Path(argument), (*arguments[:index], *arguments[index + 1 :])
    return None, tuple(arguments)
