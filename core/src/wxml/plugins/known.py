"""Which first-party package provides a plugin, so that a name that is not installed can be answered with a command."""

__all__ = ["install_command", "known_names"]

_RANGE = ">=0.1,<0.2"

_PROVIDERS = {
    "data-source": {"simulated-atmosphere": "wxml-dataset-sources", "xarray": "wxml-dataset-sources"},
    "forecast-writer": {"netcdf": "wxml-forecast-writers", "zarr": "wxml-forecast-writers"},
    "graph-builder": {"icosahedral": "wxml-graph-builders", "limited-area": "wxml-graph-builders"},
    "mapper": {
        "gnn": "wxml-processor-gnn",
        "graph-transformer": "wxml-processor-transformer",
        "transformer": "wxml-processor-transformer",
    },
    "processor": {
        "gnn": "wxml-processor-gnn",
        "graph-transformer": "wxml-processor-transformer",
        "transformer": "wxml-processor-transformer",
    },
    "trainer": {"lightning": "wxml-trainer-lightning"},
    "verifier": {"scorecard": "wxml-verification"},
}


def known_names(kind: str) -> dict[str, str]:
    """The names that first-party packages provide for a kind, each with its distribution."""
    return dict(_PROVIDERS.get(kind, {}))


def install_command(distribution: str) -> str:
    """What to type to install a first-party package that fits this core.

    >>> install_command("wxml-processor-gnn")
    "python -m pip install 'wxml-processor-gnn>=0.1,<0.2'"
    """
    return f"python -m pip install '{distribution}{_RANGE}'"
