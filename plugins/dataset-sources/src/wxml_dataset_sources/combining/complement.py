"""What a source lacks, from another one on another grid."""

__all__ = ["Complement"]

from typing import Annotated, Literal

from pydantic import Field
from wxml import Kind, PluginChoice

from wxml_dataset_sources.combining.beside import Beside
from wxml_dataset_sources.combining.combination import Part, Source, opened
from wxml_dataset_sources.combining.on_other_grid import OnOtherGrid, Weighing
from wxml_dataset_sources.combining.regrid import Neighbours


class Complement(Beside):
    """The variables of a source, and those of another one on its nodes; both have the same times and members."""

    name = "complement"

    def __init__(
        self,
        *,
        source: Source,
        other: Annotated[
            PluginChoice, Kind("data-source"), Field(description="the source whose variables are brought to that grid")
        ],
        method: Annotated[
            Literal["nearest", "inverse-distance", "bilinear"], Field(description="as in `regrid`")
        ] = "nearest",
        neighbours: Neighbours = None,
        override: Annotated[
            bool,
            Field(description="of variables with equal names, take those of the other source; else they are refused"),
        ] = False,
    ) -> None:
        main, second = opened(source), opened(other, "other")
        weighing = Weighing.of(method, neighbours)
        brought = Part(OnOtherGrid(second, main.header.grid, weighing), second.called)
        super().__init__((main, brought), weighing.record | {"override": override}, override)
