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
    "Kind": "plugins.choices",
    "Mapper": "interfaces.mapper",
    "MapperChannels": "interfaces.mapper",
    "Mesh": "graph",
    "NodeSet": "graph",
    "Options": "plugins.options",
    "PluginChoice": "plugins.choices",
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
        AmbiguousPluginError as AmbiguousPluginError,
    )
    from wxml.errors import (
        ArtefactError as ArtefactError,
    )
    from wxml.errors import (
        BrokenPluginError as BrokenPluginError,
    )
    from wxml.errors import (
        ConfigError as ConfigError,
    )
    from wxml.errors import (
        ContractError as ContractError,
    )
    from wxml.errors import (
        DataError as DataError,
    )
    from wxml.errors import (
        UnknownPluginError as UnknownPluginError,
    )
    from wxml.errors import (
        WxmlError as WxmlError,
    )
    from wxml.experiment import Experiment as Experiment
    from wxml.fields import Fields as Fields
    from wxml.graph import EdgeSet as EdgeSet
    from wxml.graph import Graph as Graph
    from wxml.graph import Mesh as Mesh
    from wxml.graph import NodeSet as NodeSet
    from wxml.graph import Route as Route
    from wxml.grid import Grid as Grid
    from wxml.interfaces.data_source import DataSource as DataSource
    from wxml.interfaces.data_source import SourceHeader as SourceHeader
    from wxml.interfaces.forecast_writer import ForecastHeader as ForecastHeader
    from wxml.interfaces.forecast_writer import ForecastWriter as ForecastWriter
    from wxml.interfaces.graph_builder import GraphBuilder as GraphBuilder
    from wxml.interfaces.mapper import Mapper as Mapper
    from wxml.interfaces.mapper import MapperChannels as MapperChannels
    from wxml.interfaces.processor import Processor as Processor
    from wxml.interfaces.trainer import Trainer as Trainer
    from wxml.interfaces.transform import Statistics as Statistics
    from wxml.interfaces.transform import Transform as Transform
    from wxml.interfaces.verifier import Scores as Scores
    from wxml.interfaces.verifier import VerificationTask as VerificationTask
    from wxml.interfaces.verifier import Verifier as Verifier
    from wxml.plugins.choices import Kind as Kind
    from wxml.plugins.choices import PluginChoice as PluginChoice
    from wxml.plugins.hooks import hookimpl as hookimpl
    from wxml.plugins.options import Options as Options
    from wxml.variables import Variable as Variable
    from wxml.variables import VariableRoles as VariableRoles
