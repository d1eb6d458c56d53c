"""Units as people read them."""

__all__ = ["pretty_units"]

import re

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def pretty_units(units: str) -> str:
    """Powers as superscripts; anything else stays as it is.

    >>> pretty_units("m**2 s**-2"), pretty_units("kg kg-1"), pretty_units("K")
    ('m² s⁻²', 'kg kg⁻¹', 'K')
    """
    return re.sub(r"(?<=[a-zA-Z])(?:\*\*|\^)?(-?\d+)\b", lambda power: power[1].translate(RAISED), units)
