"""Tables in plain text."""

__all__ = ["columns"]

from collections.abc import Collection, Sequence


def columns(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """One line for each row; cells of one column stand below each other, two spaces apart.

    Args:
        rows: the cells; every row has the same number of them.
        right: the indices of the columns that are aligned to the right, such as numbers.

    >>> columns([("a", "b"), ("long", "c")])
    ['a     b', 'long  c']
    >>> columns([("step", "loss"), ("one", "2.5")], right={1})
    ['step  loss', 'one    2.5']
    """
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
