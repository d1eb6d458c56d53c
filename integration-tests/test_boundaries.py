"""Who may import whom: the contracts of `[tool.importlinter]` in pyproject.toml, and what they cannot express.

import-linter judges which module imports which, deferred and type-only imports included. The rules below it are read
off the source: heavy libraries in their places, no computed import, nothing unpickled or evaluated.
"""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

# library → the files that may import it; `deferred` in front: only inside of a function
HEAVY = {
    "torch": (
        "wxml/model/*",
        "wxml/training/combined_loss.py",
        "wxml/training/loss.py",
        "wxml/training/memory_plan.py",
        "wxml/transfer/carried.py",
        "wxml/transfer/parts.py",
        "wxml/transfer/reading.py",
        "wxml/transfer/weights.py",
        "wxml/testing/data_parallel.py",
        "wxml/testing/loss_contract.py",
        "wxml/testing/optimizer_contract.py",
        "wxml/testing/network_contract.py",
        "wxml/testing/network_trial.py",
        "wxml/testing/tiny_mapper.py",
        "wxml/testing/tiny_experiment.py",
        "wxml/testing/trainer_contract.py",
        "deferred wxml/artefacts/checkpoint.py",
        "deferred wxml/files/checksums.py",
        "deferred wxml/forecasting/boundary.py",
        "deferred wxml/forecasting/execution.py",
        "deferred wxml/forecasting/inputs.py",
        "deferred wxml/forecasting/model_calls.py",
        "deferred wxml/forecasting/packing.py",
        "deferred wxml/forecasting/rollout.py",
        "wxml_anemoi/*",
        "deferred wxml_graph_viewer/exchange/*",
        "wxml_kernels/*",
        "wxml_losses/*",
        "wxml_processor_gnn/*",
        "wxml_processor_transformer/*",
        "wxml_trainer_lightning/*",
    ),
    "triton": ("wxml_kernels/triton_attention.py", "wxml_kernels/triton_network.py"),
    "flash_attn": ("deferred wxml_processor_transformer/attention.py",),
    "hydra": ("deferred wxml/config/overrides.py", "deferred wxml/config/sweeps.py"),
    "omegaconf": (
        "deferred wxml/config/environment_values.py",
        "deferred wxml/config/tree.py",
        "deferred wxml/plugins/options/environment.py",
    ),
    "lightning": ("wxml_trainer_lightning/strategies.py",),
    "mlflow": ("deferred wxml_trainer_lightning/tracking/mlflow_records.py",),
    "tensorboardX": ("deferred wxml_trainer_lightning/tracking/tensorboard_tracker.py",),
    "xarray": (
        "deferred wxml/forecasting/as_xarray.py",
        "deferred wxml/forecasting/forecaster.py",
        "deferred wxml/testing/forecast_writer_contract.py",
        "wxml_dataset_sources/xarray_reading/*",
        "wxml_forecast_writers/reading.py",
        "wxml_verification/*",
    ),
    "dask": ("deferred wxml_dataset_builder/scheduling.py", "wxml_verification/*"),
    "distributed": (
        "deferred wxml/cluster.py",
        "deferred wxml_dataset_builder/cluster.py",
        "deferred wxml_trainer_lightning/sweeping/errand.py",
    ),
    "cfgrib": (
        "wxml_dataset_sources/xarray_reading/grib.py",
        "wxml_dataset_sources/xarray_reading/grib_fields.py",
        "wxml_dataset_sources/xarray_reading/grib_messages.py",
    ),
    "eccodes": (
        "wxml_dataset_sources/xarray_reading/grib_fields.py",
        "wxml_dataset_sources/xarray_reading/grib_messages.py",
        "wxml_grib_writer/*",
    ),
    "h5py": (
        "deferred wxml/files/hdf5_structure.py",
        "deferred wxml_forecast_writers/netcdf_writer.py",
        "deferred wxml_graph_builders/reading/netcdf_variables.py",
    ),
    "netCDF4": (
        "wxml_forecast_writers/netcdf_writer.py",
        "wxml_dataset_sources/xarray_reading/netcdf_headers.py",
        "wxml_dataset_sources/xarray_reading/opening.py",
        "wxml_dataset_sources/xarray_reading/validity.py",
    ),
    "zarr": (
        "wxml_dataset_builder/arrays.py",
        "wxml_dataset_builder/stored.py",
        "wxml_dataset_sources/anemoi_reading/chunk_files.py",
        "wxml_dataset_sources/anemoi_reading/chunk_requests.py",
        "wxml_dataset_sources/anemoi_reading/store.py",
        "wxml_dataset_sources/anemoi_reading/values.py",
        "wxml_forecast_writers/shards.py",
        "wxml_forecast_writers/zarr_writer.py",
        "wxml_verification/past_quantiles.py",
        "wxml_verification/statistics_file.py",
        "wxml_verification/rain_climatology.py",
        "wxml_verification/stored_space.py",
        "wxml_verification/truth_means.py",
        "wxml_dataset_sources/icechunk_reading/snapshot.py",
        "wxml_dataset_sources/remote/store.py",
        "wxml_dataset_sources/zarr_reading/*",
        "deferred wxml_forecast_writers/reading.py",
    ),
    "fsspec": ("deferred wxml_dataset_sources/remote/requests.py",),
    "aiohttp": ("deferred wxml_dataset_sources/remote/requests.py",),
    "gcsfs": ("deferred wxml_dataset_sources/remote/requests.py",),
    "icechunk": ("deferred wxml_dataset_sources/icechunk_reading/*",),
    "pyproj": ("deferred wxml_graph_viewer/exchange/neural_lam_reading.py",),
    "pint": ("deferred wxml/data/units.py",),
    "scipy": (
        "deferred wxml_dataset_sources/combining/*",
        "wxml_graph_builders/*",
        "deferred wxml_graph_viewer/exchange/neural_lam_reading.py",
        "deferred wxml_graph_viewer/inspecting/*",
        "deferred wxml_verification/*",
        "wxml_verification/significance.py",
        "wxml_verification/t_tests.py",
    ),
    "matplotlib": (
        "wxml_dataset_builder/describing/pictures.py",
        "deferred wxml_forecast_writers/maps_writer.py",
        "wxml_graph_viewer/drawing/map.py",
        "deferred wxml_graph_viewer/drawing/palette.py",
        "deferred wxml_trainer_lightning/seeing/callbacks/*",
        "wxml_verification/*",
    ),
    "torch_geometric": (
        "deferred wxml_graph_viewer/exchange/hetero_data.py",
        "wxml_processor_gnn/pyg_operator.py",
    ),
    "pandas": (),
    "pyarrow": (
        "deferred wxml_dataset_sources/remote/reference_tables.py",
        "deferred wxml_dataset_sources/station_reading/tables.py",
        "deferred wxml_forecast_writers/parquet_writer.py",
        "deferred wxml_trainer_lightning/seeing/parquet.py",
        "deferred wxml_verification/stations/parquet_table.py",
    ),
}
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
UNSAFE_CALLS = {"eval", "exec", "__import__"}
UNSAFE_NAMES = {"torch.load", "hydra.utils", "torch.package", "torch.jit.load"}
DYNAMIC = ("wxml/__init__.py", "wxml/cli/__init__.py", "wxml/plugins/load.py")
READS_WEIGHTS = ("wxml_anemoi/file.py", "wxml_graph_viewer/exchange/neural_lam_files.py")
"""The doors for files of `torch.save`, and for their tensors alone."""
REFUSES_TARGETS = "wxml/config/compose.py"  # names `_target_` in order to refuse it


@dataclass(frozen=True)
class Source:
    """One file of a package."""

    name: str
    """From the folder of the package on, such as `wxml/model/edges.py`."""
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Import:
    """One name that a file imports, in full."""

    target: str
    line: int
    deferred: bool


Check = Callable[[list[Source]], Iterator[str]]


def source_folders(root: Path) -> list[Path]:
    """The `src` folder of every package."""
    return [root / "kernels" / "src", root / "core" / "src", *sorted(root.glob("plugins/*/src"))]


def sources(*folders: Path) -> list[Source]:
    """Every file below some `src` folders."""
    files = [(folder, path) for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [Source(path.relative_to(folder).as_posix(), ast.parse(path.read_text())) for folder, path in files]


def imports(node: ast.AST, deferred: bool = False) -> Iterator[Import]:
    """Every import of a file, those inside of functions too, but for those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, deferred) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            start = "." * child.level + (child.module or "")
            yield from (Import(f"{start}.{alias.name}", child.lineno, deferred) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from imports(ast.Module(child.orelse, []), deferred)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(child, deferred or inside)


def each_import(files: list[Source]) -> Iterator[tuple[Source, Import]]:
    yield from ((file, found) for file in files for found in imports(file.tree))


# What import-linter judges


@pytest.fixture(scope="module")
def contracts(root: Path) -> dict[str, Any]:
    """`[tool.importlinter]`, with the contracts by their id."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {**settings, "contracts": {contract["id"]: contract for contract in settings["contracts"]}}


def lint(settings: Path, *folders: Path) -> str:
    """What import-linter reports of the packages in some folders; empty if they keep every contract."""
    script = f"import sys; sys.path[:0] = {list(map(str, folders))!r}; from importlinter.cli import lint_imports"
    call = f"sys.exit(lint_imports({str(settings)!r}, no_cache=True))"
    command = [sys.executable, "-c", f"{script}; {call}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_repository_keeps_the_contracts(root: Path) -> None:
    assert lint(root / "pyproject.toml", *source_folders(root)) == ""


def test_every_package_is_under_contract(contracts: dict[str, Any], root: Path) -> None:
    packages = {path.parent.name for path in root.glob("*/src/*/py.typed")}
    plugins = {path.parent.name for path in root.glob("plugins/*/src/*/py.typed")}
    assert set(contracts["root_packages"]) == packages | plugins
    siblings, *below = contracts["contracts"]["packages"]["layers"]
    assert set(siblings.split(" | ")) == plugins
    assert below == ["wxml", "wxml_kernels"]


def test_the_floors_are_the_ones_described(contracts: dict[str, Any], root: Path) -> None:
    rows = [line.split("|")[1:3] for line in (root / "docs" / "architecture.md").read_text().splitlines()]
    described = {int(row[0]): set(re.findall(r"`(\w+)/?`", row[1])) for row in rows if row and row[0].strip().isdigit()}
    floors = [set(re.findall(r"\w+", floor)) for floor in reversed(contracts["contracts"]["floors"]["layers"])]
    assert described == dict(enumerate(floors))


def test_the_architecture_is_one_page(root: Path) -> None:
    assert len((root / "docs" / "architecture.md").read_text().splitlines()) <= 80


PLANTED = [
    ("wxml/data/grid.py", "from wxml.training.job import train", "wxml.data is not allowed to import wxml.training"),
    ("wxml/data/fields.py", "def f():\n    import wxml.cli", "wxml.data is not allowed to import wxml.cli"),
    (
        "wxml/graphs/graph.py",
        "if TYPE_CHECKING:\n    from wxml.model.mapper import Mapper",
        "wxml.graphs is not allowed to import wxml.model",
    ),
    ("wxml/data/grid.py", "import wxml.plugins.catalog", "wxml.data is not allowed to import wxml.plugins"),
    ("wxml/model/mapper.py", "from wxml import Grid", "wxml.model.mapper is not allowed to import wxml"),
    ("wxml/cellar.py", "import wxml.errors", "cellar"),
    ("wxml/cli/demo.py", "import wxml_verification", "wxml is not allowed to import wxml_verification"),
    (
        "wxml_graph_builders/__init__.py",
        "def f():\n    import wxml_dataset_sources",
        "wxml_graph_builders is not allowed to import wxml_dataset_sources",
    ),
    ("wxml_kernels/edges.py", "import wxml.errors", "wxml_kernels is not allowed to import wxml"),
]


@pytest.mark.parametrize(("name", "code", "sentence"), PLANTED)
def test_a_planted_import_is_seen(name: str, code: str, sentence: str, root: Path, tmp_path: Path) -> None:
    for folder in source_folders(root):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / name).open("a") as file:
        file.write(f"\n{code}\n")
    assert sentence in " ".join(lint(root / "pyproject.toml", tmp_path).split())


# What the source says

# The rules: each yields a sentence for everything that breaks it


def no_private_name(files: list[Source]) -> Iterator[str]:
    """No plugin imports a private name of the core."""
    for file, found in each_import([file for file in files if file.package != "wxml"]):
        package, *rest = found.target.split(".")
        if package == "wxml" and any(part.startswith("_") and not part.startswith("__") for part in rest):
            yield f"{file.name}:{found.line} imports the private {found.target}"


def named_absolutely(files: list[Source]) -> Iterator[str]:
    """An import says where from, in full, except at the three doors through which plugins and commands come in."""
    for file, found in each_import(files):
        if found.target.startswith("."):
            yield f"{file.name}:{found.line} imports the relative {found.target}"
    for file in files:
        for node in ast.walk(file.tree):
            dynamic = isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).endswith("import_module")
            if dynamic and file.name not in DYNAMIC:
                yield f"{file.name}:{node.lineno} imports by a computed name"


def heavy_libraries(files: list[Source]) -> Iterator[str]:
    """A heavy library is imported only in the package that owns it and only in the file that needs it."""
    for file, found in each_import(files):
        library = "torch" if found.target.startswith("safetensors.torch") else found.target.partition(".")[0]
        allowed = HEAVY.get(library, ("*",))
        deferred = [f"deferred {file.name}"] if found.deferred else []
        if not any(fnmatch(name, pattern) for name in (file.name, *deferred) for pattern in allowed):
            yield f"{file.name}:{found.line} imports {found.target}"


def no_code_in_data(files: list[Source]) -> Iterator[str]:
    """Nothing is unpickled, evaluated, or imported because a file says so."""
    for file, found in each_import(files):
        if found.target.partition(".")[0] in UNSAFE_MODULES or found.target in UNSAFE_NAMES:
            yield f"{file.name}:{found.line} imports {found.target}"
    for file in files:
        for node in ast.walk(file.tree):
            fault = _unsafe(node, file.name)
            if fault:
                yield f"{file.name}:{node.lineno} {fault}"


def _unsafe(node: ast.AST, name: str) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
        return f"calls {node.func.id}"
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load" and name in READS_WEIGHTS:
        return "" if "weights_only=True" in ast.unparse(node) else "reads more than weights"
    if isinstance(node, ast.Attribute) and ast.unparse(node) in UNSAFE_NAMES and name not in READS_WEIGHTS:
        return f"uses {ast.unparse(node)}"
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
        return "allows pickles"
    if isinstance(node, ast.Constant) and node.value == "_target_" and name != REFUSES_TARGETS:
        return "knows `_target_`"
    return ""


RULES: tuple[Check, ...] = (no_private_name, named_absolutely, heavy_libraries, no_code_in_data)


@pytest.fixture(scope="module")
def repository(root: Path) -> list[Source]:
    return sources(*source_folders(root))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule: Check, repository: list[Source]) -> None:
    assert list(rule(repository)) == []


def test_the_table_of_heavy_libraries_is_in_use(repository: list[Source]) -> None:
    """A pattern that no import needs would let one in that nobody looked at."""
    seen = {
        (found.target.partition(".")[0].replace("safetensors", "torch"), file.name)
        for file, found in each_import(repository)
    }
    unused = [
        (library, pattern)
        for library, patterns in HEAVY.items()
        for pattern in patterns
        if library not in ("dask", "xarray")  # dask is there for xarray's sake
        and not any(library == name and fnmatch(path, pattern.split()[-1]) for name, path in seen)
    ]
    assert unused == []


# The rules can fail


OFFENCES = [
    (no_private_name, "wxml_a/x.py", "from wxml.plugins._cache import y", "the private wxml.plugins._cache.y"),
    (no_private_name, "wxml_a/x.py", "from wxml.graphs.graph import _order", "the private wxml.graphs.graph._order"),
    (named_absolutely, "wxml_a/x.py", "from . import y", "imports the relative ..y"),
    (
        named_absolutely,
        "wxml/data/grid.py",
        "import importlib\nimportlib.import_module('wxml_' + 'b')",
        "computed name",
    ),
    (heavy_libraries, "wxml/data/grid.py", "import torch", "imports torch"),
    (heavy_libraries, "wxml/forecasting/rollout.py", "from torch import nn", "imports torch.nn"),
    (
        heavy_libraries,
        "wxml/artefacts/checkpoint.py",
        "from safetensors.torch import load_file",
        "safetensors.torch.load_file",
    ),
    (heavy_libraries, "wxml/cli/x.py", "def f():\n    import xarray as xr", "imports xarray"),
    (heavy_libraries, "wxml/config/load.py", "from hydra import compose", "imports hydra.compose"),
    (heavy_libraries, "wxml_trainer_lightning/loop.py", "import mlflow", "imports mlflow"),
    (no_code_in_data, "wxml_a/x.py", "import pickle", "imports pickle"),
    (no_code_in_data, "wxml_a/x.py", "from torch import load", "imports torch.load"),
    (no_code_in_data, "wxml_a/x.py", "import torch\ntorch.load('x')", "uses torch.load"),
    (no_code_in_data, READS_WEIGHTS[0], "import torch\ntorch.load('x', weights_only=False)", "reads more than weights"),
    (no_code_in_data, "wxml_a/x.py", "import hydra\nhydra.utils.instantiate({})", "uses hydra.utils"),
    (no_code_in_data, "wxml_a/x.py", "eval('1')", "calls eval"),
    (no_code_in_data, "wxml_a/x.py", "f(allow_pickle=True)", "allows pickles"),
    (no_code_in_data, "wxml_a/x.py", "KEY = '_target_'", "knows `_target_`"),
]


def name_of(value: Check | str) -> str:
    """What a case is called: the same in every process that runs the tests."""
    return value[:40] if isinstance(value, str) else value.__name__


@pytest.mark.parametrize(("rule", "name", "code", "sentence"), OFFENCES, ids=name_of)
def test_an_offence_is_seen(rule: Check, name: str, code: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert any(sentence in fault for fault in rule(sources(tmp_path)))


def test_what_only_a_type_checker_sees_and_what_is_allowed_is_no_offence(tmp_path: Path) -> None:
    package = tmp_path / "wxml"
    package.mkdir()
    seen = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n    from wxml.cli import main\n"
    (package / "data").mkdir()
    (package / "forecasting").mkdir()
    (package / "data" / "grid.py").write_text(seen + "from wxml.errors import DataError\nimport numpy\n")
    (package / "forecasting" / "rollout.py").write_text(
        "def f():\n    import torch\n    from wxml.model.tensors import to_array\n"
    )
    assert [fault for rule in RULES for fault in rule(sources(tmp_path))] == []
