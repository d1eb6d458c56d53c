"""The benchmarks run, in their short form and without the peer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALL = {"dataset_build": 5}
"""Benchmarks without cases to choose, and how many they measure."""
CASES = {
    "data_read": ["--cases", "one date", "two dates"],
    "model_step": ["--families", "gnn", "--parts", "model"],
    "scaling": ["--families", "gnn", "--variables", "nodes"],
    "floor": ["--kernels", "segment sum"],
    "kernels": ["--kernels", "edge_network"],
}


def run_quick(script: str, folder: Path, *arguments: str) -> list[dict[str, object]]:
    """The measurements that a script writes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXML_PEERS")}
    environment |= {"OMP_NUM_THREADS": "1", "WXML_CACHE": str(folder / "cache")}
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick", "--threads", "1", "--output", str(folder)]
    subprocess.run([*command, *arguments], env=environment, check=True, capture_output=True)
    page = script.replace("_", "-")
    assert (folder / f"{page}.md").read_text().startswith("# ")
    return [json.loads(line) for line in (folder / f"{page}.jsonl").read_text().splitlines()]


LONG = pytest.mark.long("test_a_benchmark_measures_what_it_is_asked_for")
EVERY = [pytest.param(name, marks=LONG if name in ("scaling", "kernels", "floor") else ()) for name in CASES]


@pytest.mark.slow
@pytest.mark.parametrize("script", EVERY)
def test_a_benchmark_measures_what_it_is_asked_for(script: str, tmp_path: Path) -> None:
    rows = run_quick(script, tmp_path, *CASES[script])
    assert len(rows) == 2
    assert not any(row.get("failed") for row in rows)


@LONG
@pytest.mark.slow
@pytest.mark.parametrize("script", SMALL)
def test_a_benchmark_measures_all_of_its_cases(script: str, tmp_path: Path) -> None:
    rows = run_quick(script, tmp_path)
    assert len(rows) == SMALL[script]
    assert all(float(str(row["peak_MiB"])) > 0 for row in rows)


@pytest.mark.slow
def test_a_read_over_the_net_is_set_against_the_bare_requests(tmp_path: Path) -> None:
    one, both = run_quick("data_remote", tmp_path)
    assert (one["chunks"], both["chunks"]) == (8, 16)
    assert all(float(str(row[key])) > 0 for row in (one, both) for key in ("share", "bare_share", "of_bare"))


@LONG
@pytest.mark.slow
def test_a_graph_is_built_and_read_from_the_cache(tmp_path: Path) -> None:
    known, voronoi, none = run_quick("graph_build", tmp_path, "--cases", "o12 r3")
    assert known["edges"] == voronoi["edges"] == none["edges"]
    assert known["edges"]["mesh>mesh"] == 60 * (4 + 16 + 64)  # type: ignore[index]  # levels 1 to 3
    assert float(str(known["read_cpu_s"])) > 0
    assert not (tmp_path / "graph-build.png").exists()  # one size has no growth


@LONG
@pytest.mark.slow
def test_the_growth_of_graphs_is_drawn(tmp_path: Path) -> None:
    rows = run_quick("graph_build", tmp_path)
    assert (tmp_path / "graph-build.png").read_bytes()[:4] == b"\x89PNG"
    assert "time n^" in (tmp_path / "graph-build.md").read_text()
    assert [row["points"] for row in rows] == [1008] * 3 + [3168] * 3
    assert all(float(str(row["peak_MiB"])) > 0 for row in rows)


@LONG
@pytest.mark.slow
def test_a_side_by_side_step_counts_weights_and_takes_time(tmp_path: Path) -> None:
    forward, both = run_quick("model_step", tmp_path, "--families", "transformer", "--parts", "processor")
    channels, layers = 32, 2  # 12 C² weights a layer, and 10 C biases and norms
    assert forward["wxml"]["parameters"] == layers * (12 * channels**2 + 10 * channels)  # type: ignore[index]
    assert both["wxml"]["cpu_ms"] > forward["wxml"]["cpu_ms"] > 0  # type: ignore[index]


@LONG
@pytest.mark.slow
def test_the_time_to_skill_knows_what_every_step_has_cost(tmp_path: Path) -> None:
    (row,) = run_quick("time_to_skill", tmp_path, "--families", "gnn", "--budgets", "short")
    (last,) = cast("list[dict[str, object]]", row["way"])  # marks of seconds: so few steps reach the end alone
    assert last["step"] == row["steps"] == 6
    assert last["cpu_s"] == row["cpu_s"]
    assert 0 < float(str(row["steps_cpu_s"])) < float(str(row["cpu_s"]))
    assert list(cast("dict[str, float]", row["test"])) == ["t 6 h", "t 24 h"]
    assert row["reached"] is None  # the peer's scores are of other data
    assert (tmp_path / "time-to-skill.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
@pytest.mark.skipif("WXML_MACHINE_CODE" not in os.environ, reason="nox -s machine-code")  # which it generates
def test_the_backends_for_gpus_are_timed_or_it_says_that_there_is_none() -> None:
    command = [sys.executable, str(BENCHMARKS / "gpu_backends.py"), "--quick"]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    about, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["kernel"] for row in rows} >= {"window"}
    assert about["device"] != "cpu" or "no GPU: nothing below was timed on one" in about["note"]
    assert all(float(row["difference"]) < 0.05 for row in rows if "cannot" not in row)


@LONG
@pytest.mark.slow
def test_a_training_step_is_measured_and_a_page_of_both_is_never_lost(tmp_path: Path) -> None:
    """Without the peer; a first step ends within seconds of processor time, whatever else the machine does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXML_PEERS")}
    command = [sys.executable, str(BENCHMARKS / "train_step.py"), "--quick", "--families", "gnn"]
    command += ["--folder", str(tmp_path / "work"), "--output", str(tmp_path / "pages")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    rows = (tmp_path / "pages/train-step.jsonl").read_text()
    assert rows == done.stdout
    new, steps = map(json.loads, rows.splitlines())
    assert 0 < steps["cpu_ms"]["wxml"] < 1e3 * steps["first"]["wxml"]["cpu_s"] < 1e3 * 12
    assert 0 < new["first"]["wxml, new data"]["cpu_s"] < 12

    check_kept(command, environment, tmp_path / "pages/train-step.jsonl", steps)


@LONG
@pytest.mark.slow
def test_a_forecast_step_is_measured_and_a_page_of_both_is_never_lost(tmp_path: Path) -> None:
    """Without the peer; the first step ends within two seconds of processor time beside the import of torch."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WXML_PEERS")}
    command = [sys.executable, str(BENCHMARKS / "forecast_step.py"), "--quick", "--families", "gnn"]
    command += ["--folder", str(tmp_path / "work"), "--output", str(tmp_path / "pages")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    (row,) = map(json.loads, done.stdout.splitlines())
    first = row["first"]["wxml"]
    assert 0 < row["cpu_ms"]["wxml"] < 1e3 * first["cpu_s"]
    assert 0 < first["cpu_s"] < 3 * first["torch_s"] + 2
    assert row["early_mib"]["wxml"] <= row["peak_mib"]["wxml"] < row["early_mib"]["wxml"] + 20
    check_kept(command, environment, tmp_path / "pages/forecast-step.jsonl", row)


def check_kept(command: list[str], environment: dict[str, str], page: Path, row: dict[str, Any]) -> None:
    """A page with figures of both sides stays as it is where the peer is not there."""
    both = json.dumps(row | {"ratio": 2.0}) + "\n"
    page.write_text(both)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert "left as it is" in done.stderr
    assert page.read_text() == both
