"""Sources without scipy: what needs it says so, the rest reads."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.kept_matrix import kept_matrix
from wxml_dataset_sources.combining.missing import Missing
from wxml_dataset_sources.combining.winds import vorticity
from wxml_dataset_sources.combining.subset import Subset

FIX = "install the extra `scipy` of wxml-dataset-sources"


@pytest.fixture
def without_scipy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    return monkeypatch
