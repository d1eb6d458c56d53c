"""Amounts of memory as text."""

import pytest
from wxml.config.schema import ModelConfig
from wxml.errors import DataError
from wxml.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512MiB", 512 * 2**20),
        ("20GiB", 20 * 2**30),
        (" 20 GB ", 20 * 10**9),
        ("1.5 gib", 3 * 2**29),
        ("7B", 7),
        ("2TiB", 2**41),
        ("3kb", 3000),
    ],
)
def test_units_of_1024_and_of_1000(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["20", "GiB", "-1GiB", "0MiB", "1e3MiB", "20 GiBs", "20 iB", "", "٣GiB x", "1.GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="'512MiB', '20GiB' or '20GB'"):
        parse_size(text)


@pytest.mark.parametrize("size", [1, 1000, 2**20, 123 * 2**20, 5 * 2**30])
def test_a_written_size_is_read_to_three_digits(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=5e-2)


def test_a_config_keeps_the_limit_as_it_was_written() -> None:
    part = {"plugin": "any"}
    config = ModelConfig(encoder=part, processor=part, decoder=part, memory_limit="20 GB")
    assert config.memory_limit == "20 GB"
    with pytest.raises(ValueError, match="an amount of memory"):
        ModelConfig(encoder=part, processor=part, decoder=part, memory_limit=20)
