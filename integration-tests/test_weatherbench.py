"""What `wxml verify` makes of files in the layout of WeatherBench 2 is what WeatherBench-X makes of them.

Its numbers are recorded by `peer-tests/record_weatherbenchx_files.py`; `docs/weatherbench.md` shows the command.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from click.testing import CliRunner
from wxml.cli import group

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("weatherbench_files", HERE / "weatherbench_files.py")
files = importlib.util.module_from_spec(spec)
sys.modules["weatherbench_files"] = files
spec.loader.exec_module(files)
RECORD = json.loads((HERE / "weatherbench_files.json").read_text(encoding="utf-8"))
NUMBERS, ANOMALIES = RECORD["numbers"], RECORD["anomalies"]
QUICK = ["verification.maps=0", "verification.cases=0", "verification.groups=[]"]
PAGE = HERE.parent / "docs" / "weatherbench.md"


def page_options() -> dict[str, Any]:
    """The section `verification` that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    block = text[text.index("```yaml") + len("```yaml") :]
    found: dict[str, Any] = yaml.safe_load(block[: block.index("```")])["verification"]
    return found


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The scores of the files in the regions that the page names."""
    folder = tmp_path_factory.mktemp("weatherbench")
    files.write_files(folder)
    return verified(folder)


@pytest.fixture(scope="module")
def anomalies(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The scores of initial times around 29 February and new year, with the climatology that is a file."""
    folder = tmp_path_factory.mktemp("anomalies")
    files.write_files(folder, files.SEASONS)
    files.write_climatology(folder)
    means = page_options()["climatology"]["means"] | {"path": str(folder / files.CLIMATOLOGY)}
    asked = [f"verification.climatology.means={json.dumps(means)}", "verification.metrics=[acc, acc-pooled, activity]"]
    return verified(folder, *asked)


def verified(folder: Path, *asked: str) -> xr.Dataset:
    """The scores of the files in a folder, in the regions of the page."""
    options = [f"verification.regions={json.dumps(page_options()['regions'])}", *QUICK, *asked]
    forecast, truth = str(folder / "forecast.nc"), str(folder / "truth.nc")
    done = CliRunner().invoke(group, ["verify", forecast, "--truth", truth, "-o", str(folder / "scores"), *options])
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    with xr.open_dataset(folder / "scores" / "scores.nc", decode_timedelta=True) as found:
        return found.load()


def compare(scores: xr.DataArray, numbers: dict[str, Any], variable: str) -> None:
    """Hold scores, by region, variable and lead time, against the numbers of WeatherBench-X."""
    for region, expected in numbers.items():
        own = scores.sel(region="all" if region == "global" else region)
        each = zip(files.LEVELS, expected, strict=True) if np.ndim(expected) == 2 else [(None, expected)]
        for level, by_lead in each:
            found = own.sel(variable=variable if level is None else f"{variable}_{level}")
            np.testing.assert_allclose(found, by_lead, rtol=1e-10, atol=1e-12, err_msg=f"{region} {level}")


@pytest.mark.parametrize("name", [name for name in NUMBERS if not name.startswith("vector")])
def test_scores_in_regions_equal_those_of_weatherbench_x(scores: xr.Dataset, name: str) -> None:
    metric, variable = name.split(".")
    compare(scores.group_scores.sel(metric=metric, forecast="forecast", group="all"), NUMBERS[name], variable)


@pytest.mark.parametrize("name", ANOMALIES)
def test_scores_with_a_given_climatology_equal_those_of_weatherbench_x(anomalies: xr.Dataset, name: str) -> None:
    metric, variable = name.split(".")
    metric, forecast = ("rmse", "climatology") if metric == "rmse-climatology" else (metric, "forecast")
    compare(anomalies.group_scores.sel(metric=metric, forecast=forecast, group="all"), ANOMALIES[name], variable)


def test_the_scores_say_which_climatology_it_is(anomalies: xr.Dataset) -> None:
    assert anomalies.attrs["climatology"].startswith(
        "Climatology is `1990-2019_6h_24x13.zarr`, of the years 1990 to 20"
    )
    record = json.loads(anomalies.attrs["climatology_record"])
    assert (record["kind"], record["years"]) == ("given", [1990, 2019])
    assert record["source"]["files"][0]["name"].endswith(files.CLIMATOLOGY)


def test_the_wind_equals_that_of_weatherbench_x(scores: xr.Dataset) -> None:
    expected = NUMBERS["vector-rmse.wind"]["global"]
    for level, by_lead in zip(files.LEVELS, expected, strict=True):
        pair = f"u_component_of_wind_{level}, v_component_of_wind_{level}"
        found = scores.subject_scores.sel(metric="vector-rmse", forecast="forecast", subject=pair)
        np.testing.assert_allclose(found, by_lead, rtol=1e-10)


def test_the_regions_of_the_page_are_those_of_the_record() -> None:
    regions = page_options()["regions"]
    for name, ((south, north), (west, east)) in files.REGIONS.items():
        box = {"south": -90, "north": 90, "west": 0, "east": 360} | regions[name]
        assert (box["south"], box["north"]) == (south, north)
        assert ((box["west"] - west) % 360, (box["east"] - east) % 360) == (0, 0)
