"""Machine-learned weather forecasting as a plugin ecosystem: the contracts that plugins fill, and the one loop.

Names are resolved on first use, so `import wxml` costs nothing and needs neither NumPy nor torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "AmbiguousPluginError": "errors",
    "ArtefactError": "errors",
    "BrokenPluginError": "errors",
    "ConfigError": "errors",
    "ContractError": "errors",
    "DataError": "errors",
    "DataSource": "interfaces.data_source",
    "EdgeSet": "graph",
    "Experiment": "experiment",
    "Fields": "fields",
    "ForecastHeader": "interfaces.forecast_writer",
    "ForecastWriter": "interfaces.forecast_writer",
    "Graph": "graph",
    "GraphBuilder": "interfaces.graph_builder",
    "Grid": "grid",
    "Mapper": "interfaces.mapper",
    "MapperChannels": "interfaces.mapper",
    "Mesh": "graph",
    "NodeSet": "graph",
    "Options": "plugins.options",
    "Processor": "interfaces.processor",
    "Route": "graph",
    "Scores": "interfaces.verifier",
    "SourceHeader": "interfaces.data_source",
    "Statistics": "interfaces.transform",
    "Trainer": "interfaces.trainer",
    "Transform": "interfaces.transform",
    "UnknownPluginError": "errors",
    "Variable": "variables",
    "VariableRoles": "variables",
    "VerificationTask": "interfaces.verifier",
    "Verifier": "interfaces.verifier",
    "WxmlError": "errors",
    "hookimpl": "plugins.hooks",
}

__all__ = [*_WHERE, "__version__"]  # noqa: PLE0604  # every key is a string


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'wxml' has no attribute {name!r}")
    return getattr(importlib.import_module(f"wxml.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from wxml.errors import (
        AmbiguousPluginError,
        ArtefactError,
        BrokenPluginError,
        ConfigError,
        ContractError,
        DataError,
        UnknownPluginError,
        WxmlError,
    )
    from wxml.experiment import Experiment
    from wxml.fields import Fields
    from wxml.graph import EdgeSet, Graph, Mesh, NodeSet, Route
    from wxml.grid import Grid
    from wxml.interfaces.data_source import DataSource, SourceHeader
    from wxml.interfaces.forecast_writer import ForecastHeader, ForecastWriter
    from wxml.interfaces.graph_builder import GraphBuilder
    from wxml.interfaces.mapper import Mapper, MapperChannels
    from wxml.interfaces.processor import Processor
    from wxml.interfaces.trainer import Trainer
    from wxml.interfaces.transform import Statistics, Transform
    from wxml.interfaces.verifier import Scores, VerificationTask, Verifier
    from wxml.plugins.hooks import hookimpl
    from wxml.plugins.options import Options
    from wxml.variables import Variable, VariableRoles
