"""The notebook of the examples runs as it is: it trains, forecasts, draws a map and a point, and scores."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NAME = "forecast-in-python.ipynb"


@pytest.fixture(scope="module")
def notebook(root: Path) -> Any:
    """As it is in the repository."""
    return nbformat.read(root / "examples" / "notebooks" / NAME, nbformat.NO_CONVERT)


@pytest.fixture(scope="module")
def executed(notebook, tmp_path_factory, cache, quick_script) -> Any:
    """After each cell was run in a folder of its own, by a kernel like that of a user; its `wxml` is a fork."""
    folder = tmp_path_factory.mktemp("notebook")
    path = f"{quick_script.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    changes = {"PATH": path, "WXML_CACHE": cache}
    made = notebook.copy()
    client = NotebookClient(made, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | changes)
    return made


def outputs(cell: Any) -> str:
    """All that a cell shows, as text."""
    shown = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
    return "".join(shown)


def cell_with(executed: Any, code: str) -> Any:
    (found,) = [cell for cell in executed.cells if cell.cell_type == "code" and code in cell.source]
    return found


def test_the_repository_keeps_no_outputs(notebook) -> None:
    assert [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_steps_come_one_after_the_other_and_a_bar_is_drawn(executed) -> None:
    cell = cell_with(executed, "for step in")
    said = "".join(one.text for one in cell.outputs if one.get("name") == "stdout")
    assert [line.split(".")[0] for line in said.splitlines()] == ["2000-01-09T06:00:00", "2000-01-09T12:00:00"]
    drawn = "".join(one.get("text", "") for one in cell.outputs if one.get("name") == "stderr")
    widgets = [one for one in cell.outputs if "application/vnd.jupyter.widget-view+json" in one.get("data", {})]
    assert widgets or "forecast: 100%" in drawn


def test_a_map_and_a_point_are_drawn(executed) -> None:
    for code in ("t.plot();", "point.plot("):
        kinds = {kind for one in cell_with(executed, code).outputs for kind in one.get("data", {})}
        assert "image/png" in kinds


def test_the_scores_are_better_than_persistence(executed) -> None:
    table = outputs(cell_with(executed, "scores.to_dataframe()"))
    rows = re.findall(r"days (\d\d:00:00)\s+([\d.]+)\s+([\d.]+)", table)
    assert len(rows) == 8
    assert all(float(forecast) < float(persistence) for _, forecast, persistence in rows[:4])
    assert "report" in outputs(cell_with(executed, "!wxml verify"))
