"""Amounts of memory as people write them: `512MiB`, `20 GiB`, `20GB`."""

__all__ = ["format_size", "parse_size"]

import re

from wxml.errors import DataError

BYTES = {
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)},
}


def parse_size(text: str) -> int:
    """A positive amount of memory in bytes; GiB counts in 1024s, GB in 1000s.

    >>> parse_size("1.5GiB"), parse_size("20 GB")
    (1610612736, 20000000000)

    Raises:
        DataError: it is none, or has no unit.
    """
    match = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,12})?)\s*([kmgt]?i?b)\s*", str(text).lower())
    size = int(float(match[1]) * BYTES[match[2]]) if match and match[2] in BYTES else 0
    if size < 1:
        raise DataError(
            f"an amount of memory must be a positive number and a unit, got {text!r}",
            fix="write it like '512MiB', '20GiB' or '20GB'",
        )
    return size


def format_size(size: float) -> str:
    """Three digits or so, in units of 1024.

    >>> format_size(512), format_size(5.5 * 2**20), format_size(31 * 2**30)
    ('512 B', '5.5 MiB', '31.0 GiB')
    """
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            scaled = size / 1024**power
            return f"{scaled:.0f} {unit}" if scaled >= 100 else f"{scaled:.1f} {unit}"
    return f"{size:.0f} B"
