"""Validates what stands in the headers of artefacts, before anything is made of it."""

__all__ = ["check_header", "check_record", "recorded_config"]

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from wxml.artefacts.graph_file import GRAPH_FILE
from wxml.config.schema import ExperimentConfig
from wxml.data.variables import VariableRoles
from wxml.files.failures import damaged
from wxml.plugins.options.faults import faults_of

NODES = 10**9
"""No grid has more nodes."""
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Json = dict[str, Any]


class _Entry(BaseModel):
    """A JSON object whose values are of the types that wxml writes; other keys, which a later version adds, may be."""

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True)


class PackageEntry(_Entry):
    """An installed package in a lock; any key may be missing, as an earlier version did not write it."""

    version: str = ""
    code: str | None = None
    dirty: bool | None = None
    origin: dict[str, str | bool] = {}
    install: str = ""
    caution: str = ""


class ParentEntry(PackageEntry):
    """A package that a plugin's class or a parent of it is in."""

    package: str = ""
    distribution: str = ""


class PluginEntry(PackageEntry):
    """A plugin in a lock."""

    plugin: str = ""
    kind: str = ""
    options: Json = {}
    depends: list[ParentEntry] = []


class DataEntry(_Entry):
    """The data that an artefact was made from."""

    grid: str = ""
    source: Json = {}


class MigrationEntry(_Entry):
    """A migration that was applied to a plugin."""

    place: str
    kind: str
    plugin: str
    renamed: str
    version: str


class Record(_Entry):
    """A provenance record, see `wxml.artefacts.provenance.Provenance`."""

    artefact: Name
    config: Json = {}
    origins: dict[str, str] = {}
    plugins: list[PluginEntry] = []
    graph: str = ""
    data: DataEntry = DataEntry()
    migrations: list[MigrationEntry] = []
    fork: Json = {}
    notes: Json = {}
    parents: list["Record"] = []
    wxml_core: str = ""


class VariableEntry(_Entry):
    """A variable, see `wxml.data.variables.Variable`."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    param: str = ""
    level: FiniteFloat | None = None
    units: str = ""
    step_type: str = ""
    period: str = ""
    level_units: str = ""
    standard_name: str = ""
    height: str = ""
    level_type: str = ""
    grib: str = ""
    statistic: str = ""


class RolesEntry(_Entry):
    """The names of the variables of each role."""

    model_config = ConfigDict(extra="forbid")
    prognostic: list[Name]
    forcing: list[Name] = []
    diagnostic: list[Name] = []

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        VariableRoles(tuple(self.prognostic), tuple(self.forcing), tuple(self.diagnostic))
        return self


class GridPartEntry(_Entry):
    """A part of the grid."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    count: Annotated[int, Field(ge=1, le=NODES)]
    lacks: list[Name] = []


class GridEntry(_Entry):
    """The shape of the grid, and its parts."""

    shape: Annotated[list[Annotated[int, Field(ge=1, le=NODES)]], Field(min_length=1, max_length=2)]
    is_regular: bool
    parts: list[GridPartEntry] = []


class CheckpointHeader(_Entry):
    """The header of a checkpoint, of format 1 or 2."""

    format: Annotated[int, Field(ge=1)]
    config: Json
    roles: RolesEntry
    task: Json | None = None
    """The times of the task (`wxml.Task.as_json`); None before version 0.2."""
    variables: list[VariableEntry]
    forcings: list[VariableEntry] = []
    made: list[VariableEntry] = []
    provenance: Record
    training: Json
    statistics: Annotated[list[Name], Field(min_length=1)]
    grid: GridEntry
    transformed: Annotated[int, Field(ge=0, le=1000)] | None = None
    gaps: list[Name] | None = None
    """The variables with missing values in the training; None: nobody has looked."""
    graph_file: Annotated[str, Field(pattern=f"^{GRAPH_FILE.pattern}$")] | None = None
    """The file beside the checkpoint that holds the graph; None: the checkpoint holds it."""

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        roles, described = self.roles, [variable.name for variable in self.variables]
        for key, found, wanted in (
            ("variables", described, roles.prognostic + roles.diagnostic),
            ("forcings", [one.name for one in self.forcings if one.name not in roles.forcing], []),
            ("made", [one.name for one in self.made if one.name not in roles.forcing], []),
            ("statistics", [name for name in wanted_statistics(roles) if name not in self.statistics], []),
            ("statistics", sorted({name for name in self.statistics if self.statistics.count(name) > 1}), []),
        ):
            if found != wanted:
                raise ValueError(f"`{key}` does not fit `roles`: {found}")
        return self


def wanted_statistics(roles: RolesEntry) -> list[str]:
    """The variables whose statistics a checkpoint must have."""
    return roles.prognostic + roles.diagnostic


def check_header(header: Mapping[str, Any], name: str) -> None:
    """Refuse the header of a checkpoint that wxml cannot have written.

    Raises:
        ArtefactError: names the first key that is wrong; `name` is that of the file.
    """
    _check(CheckpointHeader, header, f"the header of `{name}`")


def check_record(record: Any, name: str) -> None:
    """Refuse a provenance record that wxml cannot have written.

    Raises:
        ArtefactError: names the first key that is wrong; `name` is that of the file.
    """
    _check(Record, record, f"the provenance record of `{name}`")


def recorded_config(values: Any, name: str) -> ExperimentConfig:
    """Validate the config that the artefact `name` holds.

    Raises:
        ArtefactError: names the first key that is wrong.
    """
    config: ExperimentConfig = _check(ExperimentConfig, values, f"the config in `{name}`")
    return config


def _check(model: type[BaseModel], values: Any, what: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise damaged(what, faults_of(error, model)[0]) from error
    except RecursionError:
        raise damaged(what, "it is nested too deep") from None
