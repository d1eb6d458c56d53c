"""Long lists of data files stand in the artefact that was made from them alone."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.artefacts.brief_files import FEW, brief, with_brief_files
from wxml.artefacts.lineage import lineage
from wxml.artefacts.provenance import Provenance


def files(count: int) -> list[dict[str, Any]]:
    return [{"name": f"a-{number}.nc", "bytes": 10 + number, "sample_sha256": "ab"} for number in range(count)]


def record(count: int, *parents: dict[str, Any], artefact: str = "checkpoint") -> dict[str, Any]:
    data = {"grid": "cafe", "source": {"source": "xarray", "files": files(count), "options": {}}}
    return Provenance(artefact, data=data, parents=list(parents)).to_dict()


@pytest.mark.parametrize("count", [0, 1, FEW])
def test_few_files_are_listed(count: int) -> None:
    assert with_brief_files(record(count, record(count))) == record(count, record(count))


def test_of_many_there_is_a_hash_by_which_the_list_is_known() -> None:
    short = with_brief_files(record(FEW + 1, record(1000)))
    text = json.dumps(files(1000), sort_keys=True, separators=(",", ":"))
    assert short["parents"][0]["data"]["source"]["files"] == {
        "count": 1000,
        "bytes": sum(range(10, 1010)),
        "first": "a-0.nc",
        "last": "a-999.nc",
        "list_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    assert short["data"]["source"]["files"]["count"] == FEW + 1
    assert len(json.dumps(short)) < 2000
    assert with_brief_files(short) == short


@given(st.lists(st.text(), min_size=2, max_size=30, unique=True))
def test_another_list_has_another_hash(names: list[str]) -> None:
    listed = [{"name": name, "bytes": 1} for name in names]
    assert brief(listed)["list_sha256"] != brief(listed[::-1])["list_sha256"]
    assert brief(listed)["list_sha256"] != brief([*listed[:-1], {**listed[-1], "bytes": 2}])["list_sha256"]


def test_the_chain_in_words() -> None:
    made = Provenance.from_dict(with_brief_files(record(1000, artefact="forecast")))
    assert "source=xarray 1000 files, 509,500 bytes, a-0.nc … a-999.nc grid=cafe" in lineage(made, "f.nc")
