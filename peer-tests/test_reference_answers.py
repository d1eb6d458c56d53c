"""The numbers that the tests of wxml-anemoi compare with are the peer's."""

import json

import pytest
from reference_cases import CASES, answer, recorded


@pytest.mark.parametrize(("family", "name"), [(family, name) for family, cases in CASES.items() for name in cases])
def test_what_is_written_down_is_what_the_peer_says(family: str, name: str) -> None:
    known = json.loads(recorded(family).read_text())[name]
    found = answer(*CASES[family][name])
    assert found.keys() == known.keys()
    for kind, numbers in found.items():
        assert numbers == pytest.approx(known[kind], rel=1e-9, abs=1e-12)
