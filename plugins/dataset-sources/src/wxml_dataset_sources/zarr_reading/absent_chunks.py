"""Chunks that a store does not have, as they are met: an array has its fill value there."""

__all__ = ["AbsentChunks"]

from typing import Final

from wxml_dataset_sources.zarr_reading.stored_arrays import Part

MOST: Final = 2**16
"""So many keys of one array are remembered, the last ones; whoever reads looks at once."""


class AbsentChunks:
    """The parts of each array that were asked for and are not there."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, list[Part]]] = {}
        self._accepted: set[str] = set()

    def note(self, array: str, key: str, parts: list[Part]) -> None:
        """Remember what is not there of what a key holds; nothing once the chunk is there."""
        if array in self._accepted:
            return
        if parts:
            known = self._parts.setdefault(array, {})
            known[key] = parts
            if len(known) > MOST:
                known.pop(next(iter(known)), None)
        elif array in self._parts:
            self._parts[array].pop(key, None)

    def parts(self, array: str) -> list[Part]:
        """The parts of an array that are not there."""
        return [part for parts in list(self._parts.get(array, {}).values()) for part in parts]

    def arrays(self) -> list[str]:
        """The arrays of which something is not there."""
        return sorted(array for array, parts in self._parts.items() if parts)

    def accept(self, array: str) -> None:
        """Take no more note of an array, whose fill value is right."""
        self._accepted.add(array)
        self._parts.pop(array, None)
