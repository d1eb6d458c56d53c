"""What a missing library of an extra is told as."""

import re
import sys

import pytest
from wxml.config.overrides import parse_overrides, quoted_override
from wxml.config.sweeps import combinations
from wxml.errors import DataError
from wxml.extras import libraries_of_extra

MISSING = "needs the package hydra, which is not installed"


@pytest.fixture
def without_hydra(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("types", "overrides_parser"):
        monkeypatch.setitem(sys.modules, f"hydra.core.override_parser.{name}", None)
    return monkeypatch


@pytest.mark.carries_out("install the extra `{}` of {}")
def test_a_change_of_a_config_is_read_once_the_extra_is_there(without_hydra: pytest.MonkeyPatch) -> None:
    for read in (
        lambda: combinations(["seed=3,5"]),
        lambda: quoted_override("seed", "3"),
        lambda: parse_overrides(["seed=3"], None),  # type: ignore[arg-type]  # it gets no further
    ):
        with pytest.raises(DataError, match=re.escape(MISSING)) as caught:
            read()
        assert caught.value.fix == "install the extra `config` of wxml-core"
        assert "seed=" in caught.value.message
    without_hydra.undo()
    assert [one.overrides for one in combinations(["seed=3,5"])] == [("seed=3",), ("seed=5",)]


def test_nothing_is_told_where_no_library_is_missing() -> None:
    with libraries_of_extra("config", "wxml-core", what="it"):
        import json
    assert json.loads("1") == 1


def test_an_error_of_the_library_itself_is_no_missing_one() -> None:
    with pytest.raises(ImportError, match="its own"), libraries_of_extra("config", "wxml-core", what="it"):
        raise ImportError("its own")
