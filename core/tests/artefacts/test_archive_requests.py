"""What a checkpoint must be fed with, as requests to ECMWF's archive and its open data."""

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from wxml import Grid
from wxml.artefacts.archive_requests import mars_lines, open_data_requests
from wxml.artefacts.requirements import Requirements, requirements_of
from wxml.cli.forecast import command

START = [np.datetime64("2024-07-01T00", "s")]
QUARTER = Grid.regular(90 - 0.25 * np.arange(721), 0.25 * np.arange(1440))
LEVEL = {"level_units": "hPa", "level_type": "isobaric", "step_type": "instant"}
VARIABLES = [
    {"name": "t_850", "param": "t", "level": 850, "grib": "paramId=130", **LEVEL},
    {"name": "t_500", "param": "t", "level": 500, "grib": "paramId=130", **LEVEL},
    {"name": "z_500", "param": "z", "level": 50000, **LEVEL, "level_units": "Pa"},
    {"name": "t2m", "units": "K"},
    {"name": "tp", "units": "m", "step_type": "accum", "period": "6h"},
]


def needed(grid: Grid, variables: list[dict[str, Any]] = VARIABLES) -> Requirements:
    header = {
        "config": {
            "data": {
                "source": {"plugin": "waves"},
                "timestep": "6h",
                "input_steps": 2,
                "split": {"training": ["2000-01-01", "2000-01-12"]},
                "variables": {"forcing": ["lsm"], "constant": ["lsm"]},
            },
            "graph": {"plugin": "tiny"},
            "training": {"plugin": "tiny"},
            "model": {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")},
        },
        "roles": {
            "prognostic": [one["name"] for one in variables],
            "forcing": ["lsm", "insolation"],
            "diagnostic": [],
        },
        "variables": variables,
        "forcings": [{"name": "lsm", "units": "1"}],
        "statistics": [*(one["name"] for one in variables), "lsm"],
        "training": {},
    }
    return requirements_of(header, grid, "model.safetensors")


def test_a_request_to_the_archive_asks_for_each_field_once() -> None:
    """Two input states on two days; rain of a period from the forecast that begins with it; a constant once."""
    lines = mars_lines(needed(QUARTER), START)
    requests = "\n".join(line for line in lines if not line.startswith("#")).split("retrieve,")[1:]
    pairs = [[part.split("=", 1) for part in one.split(",\n")] for one in requests]
    keys = [{key.strip(): value.strip() for key, value in one} for one in pairs]
    assert {one["grid"] for one in keys} == {"0.25/0.25"}
    asked = sorted(
        (
            one["date"],
            one["time"],
            one["type"],
            one["levtype"],
            one["param"],
            one.get("levelist", ""),
            one.get("step", ""),
        )
        for one in keys
    )
    assert asked == [
        ("2024-06-30", "12:00:00", "fc", "sfc", "tp", "", "6"),
        ("2024-06-30", "18:00:00", "an", "pl", "130", "850/500", ""),
        ("2024-06-30", "18:00:00", "an", "pl", "z", "500", ""),
        ("2024-06-30", "18:00:00", "an", "sfc", "2t/lsm", "", ""),
        ("2024-06-30", "18:00:00", "fc", "sfc", "tp", "", "6"),
        ("2024-07-01", "00:00:00", "an", "pl", "130", "850/500", ""),
        ("2024-07-01", "00:00:00", "an", "pl", "z", "500", ""),
        ("2024-07-01", "00:00:00", "an", "sfc", "2t", "", ""),
    ]
    assert {one["stream"] for one in keys if (one["type"], one["time"]) == ("fc", "18:00:00")} == {"scda"}
    assert lines[-1] == "# computed, not read: insolation"


@pytest.mark.parametrize(
    ("grid", "keys"),
    [
        (Grid.octahedral(16), {"grid": "O16"}),
        (Grid.reduced_gaussian([8, 12, 16, 16, 12, 8]), {"grid": "N3"}),
        (Grid.regular(np.arange(60, 39, -1.0), np.arange(-10, 11, 2.0)), {"grid": "2/1", "area": "60/350/40/370"}),
        (Grid.healpix(4), {}),
        (Grid.unstructured(np.array([1.0, 2.0, 5.0]), np.array([1.0, 2.0, 5.0])), {}),
    ],
)
def test_the_grid_is_asked_for_as_the_archive_calls_it(grid: Grid, keys: dict[str, str]) -> None:
    lines = mars_lines(needed(grid), START)
    asked = {key: [line for line in lines if line.strip().startswith(f"{key} ")] for key in ("grid", "area")}
    assert {key: found[0].split("=")[1].strip(" ,") for key, found in asked.items() if found} == keys
    assert any("interpolate what comes" in line for line in lines) == (not keys)


def test_requests_to_the_open_data_name_what_these_do_not_have() -> None:
    found = open_data_requests(needed(Grid.octahedral(16)), START)
    assert found["absent"] == ["z_500"]
    assert {
        "type": "fc",
        "date": "2024-07-01",
        "time": 0,
        "step": 0,
        "levtype": "pl",
        "param": ["t"],
        "levelist": [850, 500],
        "target": "pl-2024-07-01T00-0h.grib2",
    } in found["requests"]
    (rain,) = [
        one for one in found["requests"] if one["param"] == ["tp"] and one["date"] == "2024-06-30" and one["time"] == 18
    ]
    assert rain["step"] == 6
    assert len({one["target"] for one in found["requests"]}) == len(found["requests"])
    assert not any("interpolate" in note for note in open_data_requests(needed(QUARTER), START)["notes"])


def test_a_forecast_says_what_it_needs_and_makes_nothing(checkpoint, tmp_path) -> None:
    path = str(checkpoint({"data.variables": {"forcing": ["q", "insolation"]}}))
    before = sorted(tmp_path.iterdir())
    table = CliRunner().invoke(command, [path, "--requirements"])
    assert table.exit_code == 0, table.output
    assert [line.split()[:2] for line in table.output.splitlines()[2:5]] == [
        ["t", "prognostic"],
        ["q", "forcing"],
        ["insolation", "computed"],
    ]
    as_json = json.loads(CliRunner().invoke(command, [path, "--requirements", "json"]).output)
    assert [one["role"] for one in as_json["variables"]] == ["prognostic", "forcing", "computed"]
    mars = CliRunner().invoke(command, [path, "--requirements", "mars", "--start", "2024-07-01"])
    assert "retrieve," in mars.output
    assert "q are read again up to the lead time" in mars.output
    without = CliRunner().invoke(command, [path, "--requirements", "opendata"])
    assert without.exit_code == 2
    assert "give --start" in without.output
    assert sorted(tmp_path.iterdir()) == before
