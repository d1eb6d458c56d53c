"""The fields of GRIB files, each as a message of its own, whatever the switch for several fields in a message says.

A message of GRIB 2 may hold several fields, such as u and v: sections 2 to 7 of a field follow those of the field
before, which hold for it, too, as far as they are not there again (WMO Manual on Codes, volume I.2, FM 92 GRIB). In
ecCodes that is a switch of the whole process (`codes_grib_multi_support_on`), and the state behind it belongs to an
open file: threads and other readers disturb one another. So the bytes are read and divided here, and ecCodes is given
one field at a time.
"""

__all__ = ["field_at", "fields", "open_grib"]

from collections.abc import Iterator
from typing import BinaryIO

import cfgrib
import eccodes

from wxml_dataset_sources.xarray_reading.grib_sections import message_length, next_message, sections

Place = tuple[int, int]
"""The byte of a message, and the number of the field in it."""
BITMAP, DATA, REPEATED = 6, 7, 254
FIRST_BYTES, END = 16, b"7777"


def fields(path: str) -> Iterator[tuple[Place, cfgrib.Message]]:
    """All fields of a file, in its order, each with its place.

    Raises:
        EOFError: the file holds no message.
        CodesInternalError: a message is damaged.
    """
    with open_grib(path) as file:
        place = next_message(file, 0)
        if place is None:
            raise EOFError(f"no valid message found: {path!r}")
        while place is not None:
            length, parts = _parts(file, place)
            for number, part in enumerate(parts):
                message = _loaded(file, place, part)
                yield (place, number), message
                length = length or eccodes.codes_get_message_size(message.codes_id)
            place = next_message(file, place + length)


def open_grib(path: str) -> BinaryIO:
    """Open a file for `field_at`: without a buffer, since ecCodes reads on from where the file descriptor is."""
    return open(path, "rb", buffering=0)


def field_at(file: BinaryIO, place: Place) -> cfgrib.Message:
    """The field at a place of a file that `open_grib` has opened.

    Raises:
        CodesInternalError: the message is damaged.
        EOFError: it has fewer fields.
    """
    byte, number = place
    _, parts = _parts(file, byte)
    if number >= len(parts):
        raise EOFError(f"the message at byte {byte} has {len(parts)} fields, and not {number + 1}")
    return _loaded(file, byte, parts[number])


def _parts(file: BinaryIO, place: int) -> tuple[int, list[bytes]]:
    """The length of a message of GRIB 2 and its fields; 0 and an empty one for any other, which is left to ecCodes."""
    length = message_length(file, place)
    file.seek(place)
    return length, _divided(file.read(length)) if length else [b""]


def _loaded(file: BinaryIO, place: int, field: bytes) -> cfgrib.Message:
    """The message of these bytes; without any, the one at `place`, read by ecCodes as the one message that it is."""
    if field:
        return cfgrib.Message(codes_id=eccodes.codes_new_from_message(field), errors="raise")
    file.seek(place)
    handle = eccodes.codes_any_new_from_file(file)
    if handle is None:
        raise EOFError(f"end of file after byte {place}")
    return cfgrib.Message(codes_id=handle, errors="raise")


def _divided(message: bytes) -> list[bytes]:
    """The fields of a message of GRIB 2, each as a message; one that holds a single field stays as it is.

    A field whose section 6 says that the bitmap is that of a field before gets that one.
    """
    current: dict[int, bytes] = {}
    bitmap, found = b"", []
    for number, section in sections(message):
        current[number] = section
        if number == BITMAP and section[5] != REPEATED:
            bitmap = section
        if number == DATA:
            current[BITMAP] = bitmap or current[BITMAP]
            found.append(b"".join(current[key] for key in sorted(current)))
    if len(found) == 1:
        return [message]
    return [_framed(message[:FIRST_BYTES], body) for body in found]


def _framed(first: bytes, body: bytes) -> bytes:
    """A message with section 0 of another one, whose last eight bytes are the length, and its own end."""
    length = FIRST_BYTES + len(body) + len(END)
    return first[:8] + length.to_bytes(8, "big") + body + END
