"""GRIB 2 messages whose sections do not add up: a sentence, before ecCodes sees them."""

import re
import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

SIX_HOURS = np.timedelta64(6, "h")


def message(hour: int = 0, edition: int = 2) -> bytes:
    """A message of a temperature that is `hour` everywhere."""
    handle = eccodes.codes_grib_new_from_samples(f"regular_ll_pl_grib{edition}")
    for key, value in {"dataDate": 20200101, "dataTime": 100 * hour, "shortName": "t", "level": 500}.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.full(eccodes.codes_get_size(handle, "values"), float(hour)))
    content = bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return content


def sections(content: bytes) -> dict[int, int]:
    """Where each section of a GRIB 2 message begins, by its number."""
    found, place = {}, 16
    while content[place : place + 4] != b"7777":
        found[content[place + 4]] = place
        place += int.from_bytes(content[place : place + 4], "big")
    return found


def test_the_sections_of_a_message() -> None:
    assert sorted(sections(message())) == [1, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("changed", [0, 1, 2, 3])
@pytest.mark.parametrize("byte", range(4))
@pytest.mark.parametrize("number", [1, 3, 4, 5, 6, 7])
def test_a_wrong_length_of_any_section(number: int, byte: int, changed: int, tmp_path: Path) -> None:
    first, second = message(0), bytearray(message(6))
    place = sections(bytes(second))[number] + byte
    new = (0, 255, second[place] ^ 1, second[place] ^ 128)[changed]
    if new == second[place]:
        new ^= 2
    second[place] = new
    (tmp_path / "a.grib").write_bytes(first + bytes(second))
    words = rf"a\.grib` is damaged: the sections of the message at byte {len(first)} do not add up to its length"
    with pytest.raises(DataError, match=words):
        XarraySource(path=str(tmp_path / "a.grib"))


@pytest.mark.parametrize("number", [0, 8, 255])
def test_a_section_without_a_number(number: int, tmp_path: Path) -> None:
    content = bytearray(message())
    content[sections(bytes(content))[3] + 4] = number
    (tmp_path / "a.grib").write_bytes(content)
    with pytest.raises(DataError, match="the sections of the message at byte 0 do not add up"):
        XarraySource(path=str(tmp_path / "a.grib"))


BETWEEN: dict[str, bytes] = {
    "nothing": b"",
    "a bulletin": b"\r\r\nTTAA00 EDZW 010000\r\r\n",
    "the letters GRIB": b"this is GRIB\x02 text of a header",
    "zeros": bytes(200_000),
    "the letters at the edge of a block": bytes(2**16 + 16 - 2),
}


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("name", BETWEEN)
def test_messages_are_read_whatever_is_between_them(name: str, edition: Any, tmp_path: Path) -> None:
    if name == "the letters GRIB":
        between = b"" if edition == 1 else BETWEEN[name].replace(b"GRIB", b"grib")
    else:
        between = BETWEEN[name]
    (tmp_path / "a.grib").write_bytes(between.join(message(hour, edition) for hour in (0, 6, 12)))
    source = XarraySource(path=str(tmp_path / "a.grib"))
    assert re.match("t", source.header.names[0])
    assert (np.diff(source.header.times) == SIX_HOURS).all()
    assert source.read(source.header.times, source.header.names)[:, 0, 0, 0].tolist() == [0, 6, 12]
