"""Checks that the sections of each GRIB 2 message add up to its length: else ecCodes may end the process.

Layout: WMO Manual on Codes, volume I.2, FM 92 GRIB. Section 0 has 16 bytes, with the edition in byte 8 and the length
of the message in the last eight; each further section begins with its length, of four bytes, and its number.
"""

__all__ = ["check_sections", "message_length", "next_message", "sections"]

import os
from collections.abc import Iterator
from typing import BinaryIO

from wxml.errors import DataError

START, END = b"GRIB", b"7777"
FIRST_BYTES = 16
BLOCK_BYTES = 2**16
FOLLOWS = {0: (1,), 1: (2, 3), 2: (3,), 3: (4,), 4: (5,), 5: (6,), 6: (7,), 7: (2, 3, 4)}
"""The sections that may follow a section; the last one is section 7."""


def check_sections(path: str) -> None:
    """Refuse a file with a GRIB 2 message whose sections do not add up; this reads lengths, and no values.

    What is no whole message passes: ecCodes reports it.

    Raises:
        DataError: a section reaches beyond its message, or one is missing or in the wrong order.
    """
    with open(path, "rb") as file:
        place = next_message(file, 0)
        while place is not None:
            length = message_length(file, place)
            if length and not _adds_up(file, place, length):
                raise DataError(
                    f"`{path}` is damaged: the sections of the message at byte {place} do not add up to its length",
                    fix="fetch or write the file again",
                )
            place = next_message(file, place + (length or len(START)))


def next_message(file: BinaryIO, place: int) -> int | None:
    """Where the next message begins, at `place` or behind it; None at the end of the file."""
    step = FIRST_BYTES
    while True:
        file.seek(place)
        block = file.read(step)
        found = block.find(START)
        if found >= 0:
            return place + found
        if len(block) < step:
            return None
        place += step - len(START) + 1
        step = BLOCK_BYTES


def sections(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections of a whole message of GRIB 2, each with its number.

    Raises:
        ValueError: they do not add up to its length.
    """
    place, end = FIRST_BYTES, len(message) - len(END)
    while place != end:
        length = int.from_bytes(message[place : place + 4], "big")
        if not 5 <= length <= end - place:
            raise ValueError(f"a section of {length} bytes does not fit its message")
        yield message[place + 4], message[place : place + length]
        place += length


def message_length(file: BinaryIO, place: int) -> int:
    """The bytes of the GRIB 2 message at `place`; 0 if none of this edition is there, or not all of it."""
    size = os.fstat(file.fileno()).st_size
    file.seek(place)
    first = file.read(FIRST_BYTES)
    length = int.from_bytes(first[8:], "big")
    if first[7:8] != b"\x02" or not FIRST_BYTES + len(END) <= length <= size - place:
        return 0
    file.seek(place + length - len(END))
    return length if file.read(len(END)) == END else 0


def _adds_up(file: BinaryIO, place: int, length: int) -> bool:
    section, end, number = place + FIRST_BYTES, place + length - len(END), 0
    while section < end:
        file.seek(section)
        head = file.read(5)
        if len(head) < 5 or head[4] not in FOLLOWS[number]:
            return False
        number, size = head[4], int.from_bytes(head[:4], "big")
        if size < len(head):
            return False
        section += size
    return section == end and number == max(FOLLOWS)
