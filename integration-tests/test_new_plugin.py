"""From nothing to a trained model with one's own plugin, in an environment that is like a user's.

The environment is a virtual one. What this repository makes is installed into it from wheels; third-party libraries are
links to those of the running environment, found through a `.pth` file, since to download torch would take minutes.
"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

CHOSEN = (
    "processor",
    "mapper",
    "graph-builder",
    "data-source",
    "forcing",
    "task",
    "transform",
    "trainer",
    "loss",
    "loss-weight",
    "optimizer",
    "schedule",
    "metric",
    "callback",
    "tracker",
    "extension",
    "perturbation",
    "forecast-writer",
    "verifier",
    "state-filter",
    "verification-metric",
)
KINDS = (*CHOSEN, "hook", "preset", "kind", "migration")
CHECKPOINT = "runs/experiment/checkpoint.safetensors"
SMALL = "training.max_steps=2 training.tracker=none training.validation_samples=2 model.channels=8"
PERIOD = "--start 2000-03-20 --end 2000-03-20 --lead-time 12h"

Shell = Callable[..., str]


@pytest.fixture
def shell(quick_in_clean, clean_environment, tmp_path: Path) -> Shell:
    """Run a line of shell in the clean environment and return what it prints; it must end as expected.

    `wxml` runs in a fork and finds no C++ compiler: `test_author_guide.py` shows that it starts, and generates code for
    the same template.
    """

    def shell(command: str, folder: str = ".", *, code: int = 0) -> str:
        name, *arguments = shlex.split(command)
        if name == "wxml":
            done = quick_in_clean(*arguments, folder=tmp_path / folder, CXX="no-compiler")
        else:
            done = clean_environment.run(command, tmp_path / folder)
        printed = f"{done.stdout}{done.stderr or ''}"
        assert done.returncode == code, f"$ {command}\n{printed}"
        return printed

    return shell


def test_nothing_comes_from_this_repository_but_through_wheels(shell: Shell) -> None:
    where = shell("python -c 'import wxml, wxml_processor_gnn as gnn; print(wxml.__file__, gnn.__file__)'")
    assert all("/clean" in path and "/site-packages/wxml" in path for path in where.split())
    plugins = json.loads(shell("wxml list-plugins --json"))["plugins"]
    assert {plugin["status"] for plugin in plugins} == {"ok"}


def test_from_nothing_to_a_trained_model_and_back(shell: Shell, tmp_path: Path) -> None:
    name, home = "acme-window-attention", "acme-window-attention"
    shell(f"wxml new-plugin processor {name}")
    shell("python -m pip wheel --quiet --no-deps --wheel-dir dist .", home)
    (wheel,) = (tmp_path / home / "dist").iterdir()
    assert wheel.name == "acme_window_attention-0.1.0-py3-none-any.whl"
    shell(f"python -m pip install --quiet --no-deps --no-index dist/{wheel.name}", home)

    listed = json.loads(shell("wxml list-plugins --kind processor --json"))["plugins"]
    assert [(plugin["full_name"], plugin["status"]) for plugin in listed if "acme" in plugin["name"]] == [
        (f"{name}:{name}", "ok")
    ]
    shell(f"wxml check-plugin processor {name}")

    shell(f"wxml train experiment.yaml {SMALL}", home)
    shell(f"wxml forecast {CHECKPOINT} -o forecast.nc {PERIOD}", home)
    shown = shell(f"wxml inspect {CHECKPOINT}", home)
    assert any(f"processor {name}:{name} 0.1.0" in line for line in shown.splitlines())
    record = json.loads(shell(f"wxml inspect {CHECKPOINT} --json", home))
    (entry,) = (plugin for plugin in record["plugins"] if plugin["kind"] == "processor")
    assert (entry["plugin"], entry["version"], entry["options"]) == (f"{name}:{name}", "0.1.0", {"heads": 4})
    assert entry["code"].startswith("sha256:")

    shell(f"python -m pip uninstall --yes {name}")
    refused = shell(f"wxml forecast {CHECKPOINT} -o again.nc {PERIOD}", home, code=2)
    assert refused.startswith("error: ")
    assert f"{name} 0.1.0" in refused, "names the distribution and its version"
    assert f"processor '{name}'" in refused or f"{name}:{name}" in refused, "names the plugin"
    assert "pip install" in refused
    assert f"./{wheel.name}" in refused, "the line that installs it: from the file that it came from"
    assert "Traceback" not in refused
    assert not (tmp_path / home / "again.nc").exists()
    assert f"{name}:{name} 0.1.0" in shell(f"wxml inspect {CHECKPOINT}", home), "inspect needs no plugin"

    shell(f"python -m pip install --quiet --no-deps --no-index dist/{wheel.name}", home)
    shell(f"wxml forecast {CHECKPOINT} -o again.nc {PERIOD}", home)


@pytest.mark.long("test_their_own_tests_pass")
def test_one_plugin_of_every_kind_in_one_training(shell: Shell, tmp_path: Path) -> None:
    """All in one distribution, to which the last one is added."""
    home = "acme-all"
    shell(f"wxml new-plugin {home} {' '.join(f'{kind}:acme-{kind}' for kind in KINDS)}")
    shell("wxml new-plugin --into . command:acme-means", home)
    shell(f"python -m pip install --quiet --no-deps ./{home}")
    listed = json.loads(shell("wxml list-plugins --json --probe"))["plugins"]
    ours = [plugin for plugin in listed if plugin["distribution"] == home]
    assert {plugin["status"] for plugin in ours} == {"ok"}
    assert {plugin["kind"] for plugin in ours} == {*KINDS, "command", "contract", "acme-kind"}
    for kind in CHOSEN:
        module = f"acme_{kind.replace('-', '_')}"
        shell(f"wxml config validate experiments/{module}.yaml", home)
    shell("wxml check-plugin acme-kind shift")
    shell("wxml check-plugin migration acme-migration")
    shell(f"wxml acme-means {home}/experiments/acme_data_source.yaml")
    experiment = tmp_path / home / "experiments" / "acme_data_source.yaml"
    lines = experiment.read_text().splitlines(keepends=True)
    experiment.write_text("".join(line for line in lines if not line.startswith("model:")))  # the preset says
    shell(
        f"wxml train {home}/experiments/acme_data_source.yaml model=acme-all:acme-preset "
        "'model.encoder={plugin: acme-mapper}' 'model.decoder={plugin: acme-mapper}' "
        "'model.processor={plugin: acme-processor}' "
        "'graph={plugin: acme-graph-builder, nodes: 60}' 'training={plugin: acme-trainer, max_steps: 2}' "
        "'data.transforms=[{plugin: normalise}, {plugin: acme-transform}]' verification.plugin=acme-verifier "
        "'data.forcings=[{plugin: acme-forcing}]' 'data.variables.forcing=[acme_forcing]' "
        "--run-dir runs/experiment"
    )
    period = PERIOD.replace("2000-03", "2000-02")
    shell(f"wxml forecast {CHECKPOINT} -o forecast.npz {period}")
    shown = shell("wxml inspect forecast.npz")
    for kind in ("processor", "mapper", "graph-builder", "data-source", "forcing", "transform", "trainer"):
        assert f"{kind} acme-all:acme-{kind} 0.1.0" in shown
    assert "made with: acme-all" in shown, "the hook"
    shell(f"wxml forecast {CHECKPOINT} -o forecast.zarr {period}")
    assert "MAE, " in shell("wxml verify forecast.zarr -o scores")
    assert "verifier acme-all:acme-verifier 0.1.0" in shell("wxml inspect scores")
    check_own_metric(shell, tmp_path)


def check_own_metric(shell: Shell, folder: Path) -> None:
    """The metric stands in the table, the report, and the files for programs, and a score of it can be required."""
    name = "acme-verification-metric"
    chosen = f"'verification.metrics=[rmse, {{plugin: {name}, limit: 2.0}}]' verification.maps=0"
    wanted = f"--metric {name} --require '{name}:h:6h>=0'"
    printed = shell(f"wxml verify forecast.zarr verification.plugin=scorecard {chosen} {wanted} -o own")
    assert printed.startswith(f"{name.upper()}, ")
    assert [line.split()[-1] for line in printed.splitlines() if line.startswith(f"{name}:h:6h")] == ["passes"]
    with xr.open_dataset(folder / "own" / "scores.nc", decode_timedelta=True) as file:
        shares = file.scores.sel(metric=name)
        assert file.forecast.values.tolist() == ["forecast", "persistence", "climatology"]
        np.testing.assert_array_equal((shares >= 0) & (shares <= 1), shares.notnull())
        assert shares.sel(forecast="forecast").notnull().all()
    assert name in (folder / "own" / "scores.csv").read_text()
    assert "<caption>Acme verification metric</caption>" in (folder / "own" / "report.html").read_text()
