"""The record of wxml in a message: what GRIB has no key for, in the section for local use of the first message.

Section 2 of FM 92 GRIB is free for every centre. Ours begins with the four bytes `wxml`, as no local definition of
ecCodes does; the rest is JSON, packed by zlib. Messages of the centre ECMWF have none: ecCodes refuses there what it
does not know.
"""

__all__ = ["NO_LOCAL_USE", "OTHER_DATA", "first_record", "with_local_record"]

import json
import struct
import zlib
from typing import Any

from wxml.errors import ArtefactError
from wxml.files.json_loader import LONGEST

MARK = b"wxml"
NO_LOCAL_USE = (98,)
"""The centres in whose messages ecCodes refuses a section that it does not know."""
HEADER = struct.Struct(">IB")
"""The length and the number of a section."""
LONGEST_MESSAGE = 2**31
"""Bytes of the first message that are read, whatever length a damaged header says."""
OTHER_DATA = "name a file of forecasts; wxml reads analyses in GRIB as the data source `xarray`"
START, LENGTH = 16, slice(8, 16)
"""The bytes of section 0, and those in it with the length of the message."""


def with_local_record(message: bytes, record: dict[str, Any]) -> bytes:
    """Put a section 2 with `record` (JSON values) behind section 1 of a message that has none."""
    body = MARK + zlib.compress(json.dumps(record, allow_nan=False).encode())
    length, _ = HEADER.unpack_from(message, START)
    place = START + length
    section = HEADER.pack(HEADER.size + len(body), 2) + body
    total = (len(message) + len(section)).to_bytes(8, "big")
    return message[: LENGTH.start] + total + message[START:place] + section + message[place:]


def first_record(target: str) -> dict[str, Any] | None:
    """The record in the first message of a file; None where it has none of ours.

    Raises:
        ArtefactError: there is no such file, or it begins with no message of GRIB 2.
    """
    try:
        with open(target, "rb") as file:
            head = file.read(16)
            file.seek(0)
            message = file.read(min(int.from_bytes(head[8:], "big"), LONGEST_MESSAGE))
    except OSError as error:
        raise ArtefactError(f"`{target}` cannot be read: {error}", fix="name a file that is there") from error
    if head[:4] != b"GRIB" or head[7:8] != b"\x02":
        raise ArtefactError(f"`{target}` does not begin with a message of GRIB 2", fix=OTHER_DATA)
    return _local_record(message, target)


def _local_record(message: bytes, target: str) -> dict[str, Any] | None:
    """The record in section 2 of a message; None where it has none of ours.

    Raises:
        ArtefactError: it is damaged.
    """
    length, _ = HEADER.unpack_from(message, START)
    place = START + length
    if len(message) < place + HEADER.size + len(MARK):
        return None
    size, number = HEADER.unpack_from(message, place)
    body = message[place + HEADER.size : place + size]
    if number != 2 or not body.startswith(MARK):
        return None
    try:
        unpacker = zlib.decompressobj()
        found = json.loads(unpacker.decompress(body[len(MARK) :], LONGEST))
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    except (zlib.error, ValueError) as error:
        raise ArtefactError(
            f"the record of wxml in `{target}` is damaged: {error}", fix="copy the file again, or write it again"
        ) from error
    return found
