"""What an import brings along, in a process of its own for each module; and the commands that only look around."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "xarray",
    "hydra",
    "scipy",
    "lightning",
    "mlflow",
    "matplotlib",
    "zarr",
    "netCDF4",
    "h5py",
    "cfgrib",
    "dask",
)
BARE = ("numpy", "pydantic", *HEAVY)

ABSENT = {
    "wxml": BARE,
    "wxml.cli": BARE,
    "wxml.plugins.catalog": BARE,
    "wxml.data.source": HEAVY,
    "wxml.graphs.builder": HEAVY,
    "wxml.data.transform": HEAVY,
    "wxml.forecasting.writer": HEAVY,
    "wxml.training.trainer": HEAVY,
    "wxml.verification.verifier": HEAVY,
    "wxml.model.processor": tuple(name for name in HEAVY if name != "torch"),
    "wxml.model.assembly": tuple(name for name in HEAVY if name != "torch"),
    "wxml.config.load": HEAVY,
    "wxml.artefacts.checkpoint": HEAVY,
    "wxml.experiment.assembling": HEAVY,
    "wxml.experiment.restoring": HEAVY,
    "wxml.forecasting.rollout": HEAVY,
    "wxml.cli.demo_job": HEAVY,
    "wxml.testing": HEAVY,
    "wxml_dataset_builder.command": HEAVY,
    "wxml_graph_builders": HEAVY,
    "wxml_graph_viewer.command": HEAVY,
    "wxml_trainer_lightning.sweeping.errand": HEAVY,
    "wxml_trainer_lightning.sweeping.job": HEAVY,
    "wxml_trainer_lightning.trainer": HEAVY,
    "wxml_trainer_lightning.training_run": tuple(name for name in HEAVY if name != "torch"),
    "wxml_verification.command": HEAVY,
    "wxml_verification.scorecard": HEAVY,
}
"""After importing this module alone, these are not in `sys.modules`."""

ABSENT_FROM_WHOLE = {
    "wxml_anemoi": tuple(name for name in HEAVY if name not in ("torch", "hydra")),
    "wxml_dataset_builder": ("torch", "hydra", "lightning", "mlflow", "xarray", "netCDF4", "cfgrib"),
    "wxml_dataset_sources": ("torch", "hydra", "lightning", "mlflow"),
    "wxml_forecast_writers": ("torch", "hydra", "lightning", "mlflow", "matplotlib", "scipy"),
    "wxml_verification": ("torch", "hydra", "lightning", "mlflow", "cfgrib"),
    "wxml_graph_builders": ("torch", "xarray", "hydra", "lightning", "matplotlib", "zarr", "netCDF4"),
    "wxml_graph_viewer": tuple(name for name in HEAVY if name != "matplotlib"),
    "wxml_grib_writer": tuple(name for name in HEAVY if name not in ("eccodes",)),
    "wxml_losses": tuple(name for name in HEAVY if name != "torch"),
    "wxml_processor_gnn": ("xarray", "hydra", "scipy", "lightning", "mlflow", "matplotlib", "zarr", "netCDF4"),
    "wxml_processor_transformer": ("xarray", "hydra", "scipy", "lightning", "mlflow", "matplotlib", "zarr", "netCDF4"),
    "wxml_new_plugin": ("pydantic", *HEAVY),
    "wxml_trainer_lightning": ("xarray", "hydra", "cfgrib", "zarr", "netCDF4"),
}
"""The same after importing every module of a package."""

EVERY_MODULE = """
import importlib, pkgutil
package = importlib.import_module({name!r})
for module in pkgutil.walk_packages(package.__path__, {name!r} + "."):
    importlib.import_module(module.name)
"""


FORKS = """
import importlib, json, os, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
for line in sys.stdin:
    code, absent = json.loads(line)
    if not os.fork():
        try:
            exec(code, {})
            print(json.dumps(sorted({*absent} & sys.modules.keys())), flush=True)
        except BaseException:
            print(json.dumps(traceback.format_exc()), flush=True)
        os._exit(0)
    os.wait()
"""
COMMON = ("numpy", "pydantic", "torch")
"""What most modules may import, and what takes longest."""
Brought = Callable[[str, tuple[str, ...]], list[str]]


@pytest.fixture(scope="module")
def brought() -> Iterator[Brought]:
    """Those of the absent ones that are there after some code ran in a fork of a process that has what it may have."""
    started: dict[tuple[str, ...], subprocess.Popen[str]] = {}
    with ExitStack() as stack:

        def brought(code: str, absent: tuple[str, ...]) -> list[str]:
            allowed = tuple(name for name in COMMON if name not in absent)
            if allowed not in started:
                command = [sys.executable, "-c", FORKS, *allowed]
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                started[allowed] = stack.enter_context(process)
            asked, answers = started[allowed].stdin, started[allowed].stdout
            assert asked
            assert answers
            print(json.dumps([code, absent]), file=asked, flush=True)
            found: list[str] = json.loads(answers.readline())
            return found

        yield brought


@pytest.mark.parametrize("module", ABSENT)
def test_a_module_imports_no_more_than_it_needs(module: str, brought: Brought) -> None:
    assert brought(f"import {module}", ABSENT[module]) == []


@pytest.mark.parametrize("package", ABSENT_FROM_WHOLE)
def test_a_package_imports_no_more_than_it_needs(package: str, brought: Brought) -> None:
    assert brought(EVERY_MODULE.format(name=package), ABSENT_FROM_WHOLE[package]) == []


def test_a_model_imports_no_compiler(brought: Brought) -> None:
    """torch's compilers take 1.1 s, at the start of every training."""
    code = "import wxml_processor_gnn.processor, wxml_processor_gnn.mapper, wxml_processor_transformer.attention"
    assert brought(code, ("torch._dynamo", "torch._inductor", "sympy")) == []


def test_every_package_has_its_rule(root: Path) -> None:
    folders = {path.name for path in root.glob("plugins/*/src/*") if (path / "__init__.py").is_file()}
    assert set(ABSENT_FROM_WHOLE) == folders


def test_an_intruder_is_seen(brought: Brought, tmp_path: Path) -> None:
    package = tmp_path / "offender"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.py").write_text("import torch")
    (tmp_path / "torch.py").touch()
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    assert brought(f"{path}import offender", ("torch", "numpy")) == []
    assert brought(path + EVERY_MODULE.format(name="offender"), ("torch", "numpy")) == ["torch"]


# The commands that look around import none of what they list


POISON = "import sys\nsys.stderr.write('{name} was imported\\n')\nraise RuntimeError('{name} is poisoned')\n"
POISONED = ("torch", "scipy", "xarray", "hydra", "numpy", "pydantic", "wxml_processor_gnn")


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules that raise when they are imported."""
    folder = tmp_path_factory.mktemp("poison")
    for name in POISONED:
        (folder / f"{name}.py").write_text(POISON.format(name=name))
    return folder


def singular(plural: str) -> str:
    """The name of a kind."""
    return plural.removesuffix("es" if plural == "losses" else "s").replace("_", "-")


def declared(root: Path) -> set[tuple[str, str, str]]:
    """Every kind, plugin and preset of the repository: kind, name, distribution."""
    found = set()
    for path in [root / "core" / "pyproject.toml", *root.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(path.read_text())["project"]
        for group, entries in project.get("entry-points", {}).items():
            kind = singular(group.removeprefix("wxml."))
            names = [singular(name) if kind in ("contract", "kind", "template") else name for name in entries]
            if kind == "preset":
                folders = [path.parent / "src" / module.replace(".", "/") for module in entries.values()]
                files = [(file, folder) for folder in folders for file in folder.rglob("*.yaml")]
                names = [str(file.relative_to(folder).with_suffix("")) for file, folder in files]
            found |= {(kind, name, project["name"]) for name in names}
    return found


def test_the_poison_works(run, poisoned: Path, tmp_path: Path) -> None:
    done = run("show-plugin", "processor", "gnn", folder=tmp_path, PYTHONPATH=str(poisoned))
    assert done.returncode != 0
    assert "poisoned" in done.stderr


def test_list_plugins_lists_everything_though_all_is_poisoned(run, poisoned: Path, root: Path, tmp_path: Path) -> None:
    done = run("list-plugins", folder=tmp_path, PYTHONPATH=str(poisoned))
    assert (done.returncode, done.stderr) == (0, "")
    rows = {tuple(line.split()[:3]) for line in done.stdout.splitlines()}
    files = {row for row in declared(root) if row[0] == "preset"}  # in packages that the poison stands in for
    assert declared(root) - files <= rows


def test_list_plugins_lists_every_preset(run, root: Path, tmp_path: Path) -> None:
    rows = {tuple(line.split()[:3]) for line in run("list-plugins", folder=tmp_path).stdout.splitlines()}
    assert declared(root) <= rows
    assert len(declared(root)) >= 14


def test_help_lists_every_command_though_all_is_poisoned(run, poisoned: Path, root: Path, tmp_path: Path) -> None:
    done = run("--help", folder=tmp_path, PYTHONPATH=str(poisoned))
    assert (done.returncode, done.stderr) == (0, "")
    files = [path for path in (root / "core/src/wxml/cli").glob("[a-z]*.py") if "click.command" in path.read_text()]
    assert len(files) > 6
    assert {path.stem.replace("_", "-") for path in files} <= set(done.stdout.split())


@pytest.mark.parametrize("argument", ["--help", "list-plugins"])
def test_looking_around_needs_click_and_metadata_alone(run, argument: str, tmp_path: Path) -> None:
    done = run(argument, folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"click", "wxml"} <= imported
    assert imported & {*BARE, "yaml", "pluggy", "safetensors"} == set()
