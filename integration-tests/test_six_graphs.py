"""Six kinds of graphs under the same model code, as `docs/experiments/graphs` has them: each beats persistence.

`nox -s check` builds all of them and trains one, and `nox -s long` another one, in short: a coarser world, fewer steps.
With `WXML_GRAPHS=FOLDER` (`nox -s graphs`) all are trained as the configs say, and their scores and times go into the
folder, for the table of `docs/graphs.md`.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.graphs.files import open_graph

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "docs" / "experiments" / "graphs").glob("*.yaml"))
NAMES = {"global", "healpix", "levels", "limited-area", "stretched", "two-grids"}
WHOLE = os.environ.get("WXML_GRAPHS")
TRAINED = [path for path in CONFIGS if WHOLE or path.stem in ("healpix", "limited-area")]
EACH = [pytest.param(path, marks=pytest.mark.long() if path.stem == "limited-area" else ()) for path in TRAINED]
CHECKPOINT = "run/checkpoint.safetensors"
SHORT_WORLD = {"truncation": 10, "end": "2000-02-09", "spin_up_days": 20}
SHORT_SPLIT = {
    "training": ["2000-01-01", "2000-01-31"],
    "validation": ["2000-02-01", "2000-02-03"],
    "test": ["2000-02-04", "2000-02-09"],
}
SHORT_STEPS = {"limited-area": 200}


@dataclass(frozen=True)
class Done:
    """What stands in a folder after training, forecast and verification."""

    name: str
    folder: Path
    scores: dict[str, Any]


def shorten(config: dict[str, Any], name: str) -> None:
    """Fewer steps and channels, and a coarser simulated atmosphere of six weeks."""
    for world in worlds(config["data"]["source"]):
        world.update(SHORT_WORLD)
        config["data"]["split"] = SHORT_SPLIT
    if name == "limited-area":
        config["data"]["split"]["test"] = ["2014-07-01", "2014-07-10"]
    steps = SHORT_STEPS.get(name, 120)
    config["training"].update(max_steps=steps, validation_every=steps // 2, validation_samples=8)
    config["model"]["channels"] = 32


def worlds(source: Any) -> list[dict[str, Any]]:
    """The options of each simulated atmosphere in those of a source."""
    if isinstance(source, list):
        return [world for one in source for world in worlds(one)]
    if not isinstance(source, dict):
        return []
    return [source] if source.get("plugin") == "simulated-atmosphere" else worlds(list(source.values()))


def write(path: Path, folder: Path, shared_data: Path) -> None:
    """Write an experiment, as it is or short."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "limited-area":
        data = shared_data / "ncep-air-namerica" / "air_temperature.zarr"
        if not data.is_dir():
            pytest.skip(f"there are no real data at {data}")
        config["data"]["source"]["path"] = str(data)
    if not WHOLE:
        shorten(config, path.stem)
    config["training"]["accelerator"] = "cpu"
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module", params=EACH, ids=lambda path: path.stem)
def done(request, tmp_path_factory, shared_data, quick_wxml) -> Done:
    name, folder = request.param.stem, tmp_path_factory.mktemp(request.param.stem)
    write(request.param, folder, shared_data)
    log = quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder).stderr
    quick_wxml("forecast", CHECKPOINT, "-o", "forecast.nc", folder=folder)
    verified = quick_wxml("verify", "forecast.nc", "verification.maps=0", "--json", folder=folder)
    scores = json.loads(verified.stdout)
    if WHOLE:
        steps, seconds = map(int, re.findall(r"training done: (\d+) steps in (\d+) s", log)[0])
        nodes = len(load_checkpoint(folder / CHECKPOINT).graph.nodes["mesh"])
        facts = {"steps": steps, "seconds": seconds, "mesh_nodes": nodes, **scores}
        (Path(WHOLE) / f"{name}.json").write_text(json.dumps(facts, indent=1))
    return Done(name, folder, scores)


def rmse(rows: list[dict[str, Any]], forecast: str) -> dict[tuple[str, str], float]:
    """By variable and lead time."""
    return {
        (row["variable"], row["lead_time"]): row["value"]
        for row in rows
        if (row["metric"], row["forecast"]) == ("rmse", forecast) and row["value"] is not None
    }


def test_it_beats_persistence_in_every_variable_at_every_lead_time(done: Done) -> None:
    grids = {"all": done.scores["scores"], **done.scores.get("parts", {})}
    assert set(grids) == ({"all", "globe", "region"} if done.name == "two-grids" else {"all"})
    for grid, rows in grids.items():
        forecast, persistence = rmse(rows, "forecast"), rmse(rows, "persistence")
        assert {lead for _, lead in forecast} == {"6h", "12h", "18h", "24h"}
        worse = {key: (forecast[key], persistence[key]) for key in forecast if forecast[key] >= persistence[key]}
        assert not worse, grid


def test_a_training_has_the_graph_that_is_built_alone(done: Done, quick_wxml) -> None:
    graph = load_checkpoint(done.folder / CHECKPOINT).graph
    quick_wxml("graph", "build", "experiment.yaml", "--out", "graph.safetensors", folder=done.folder)
    assert open_graph(done.folder / "graph.safetensors").graph.identity == graph.identity


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_graph_is_of_the_kind_that_the_config_says(
    path: Path, shared_data: Path, quick_wxml, tmp_path: Path
) -> None:
    write(path, tmp_path, shared_data)
    quick_wxml("graph", "build", "experiment.yaml", "--out", "graph.safetensors", folder=tmp_path)
    graph, name = open_graph(tmp_path / "graph.safetensors").graph, path.stem
    mesh = graph.nodes["mesh"]
    several = ("data:globe", "data:region")
    assert graph.data == (several if name == "two-grids" else ("grid",))
    assert graph.levels == (("mesh", "mesh:1", "mesh:2") if name == "levels" else ("mesh",))
    assert graph.nodes[graph.data[0]].boundary.any() == (name == "limited-area")
    triangles = [10 * 4**refinement + 2 for refinement in range(6)]
    if name in ("global", "levels"):
        assert len(mesh) in triangles
    elif name == "healpix":
        assert len(mesh) == 12 * 4**2
    elif name in ("stretched", "two-grids"):
        inside = (mesh.latitudes > 30) & ((mesh.longitudes < 50) | (mesh.longitudes > 340))
        assert triangles[2] < len(mesh) < triangles[3]
        assert inside.mean() > 0.1  # of the globe it is 0.05


def test_each_kind_is_here_and_on_the_page_with_its_picture() -> None:
    assert {path.stem for path in CONFIGS} == NAMES
    page = (ROOT / "docs" / "graphs.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"(pictures/trained-{name}.png)" in page
        assert f"(experiments/graphs/{name}.yaml)" in page
        assert re.search(rf"^\| \[{name}\]\(.* \| (\d+) of \1 \|$", page, re.MULTILINE), "the numbers"
        assert (ROOT / "docs" / "pictures" / f"trained-{name}.png").is_file()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_its_builder_passes_check_plugin_with_these_options(path: Path, quick_wxml, tmp_path: Path) -> None:
    shown = quick_wxml("config", "show", path, "data.source.path=world.zarr", "--json", folder=tmp_path).stdout
    graph = json.loads(shown)["graph"]
    options = [f"--option={key}={json.dumps(value)}" for key, value in graph.items() if key != "plugin"]
    printed = quick_wxml("check-plugin", "graph-builder", graph["plugin"], *options, folder=tmp_path).stdout
    assert "failed" not in printed
