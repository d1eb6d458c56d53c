"""The option of `derive` that says how a variable is computed."""

__all__ = ["Derivation"]

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from wxml import Options

from wxml_dataset_sources.combining.formulas import FormulaName

Number = Annotated[float, Field(allow_inf_nan=False)]


class Derivation(Options):
    """How a variable is computed."""

    formula: Annotated[FormulaName, Field(description="wind-u and wind-v take speed and direction")]
    of: Annotated[
        list[str],
        Field(
            min_length=1,
            description="the variables that it takes, in its order: names (t_850), or parameters (t) for all levels; "
            "the pressure may follow where it counts, else that of the level is taken",
        ),
    ]
    least: Annotated[
        float | None,
        Field(description="clip: values below are set to it; masks: values below are 0, in the units of the formula"),
    ] = None
    most: Annotated[float | None, Field(description="clip: values above are set to it; mask: values above are 0")] = (
        None
    )
    classes: Annotated[
        list[int] | None, Field(min_length=1, description="mask: the values that are 1, such as types of soil")
    ] = None
    a: Annotated[
        list[Number] | None, Field(min_length=2, description="pressure: at the half levels, from the top on, in Pa")
    ] = None
    b: Annotated[
        list[Number] | None, Field(min_length=2, description="pressure: at the half levels, from the top on")
    ] = None
    levels: Annotated[
        list[Number] | Literal["full", "half"] | None,
        Field(
            min_length=1,
            description="pressure: hybrid levels, such as 137, or half levels, such as 136.5 below level 136; all if "
            "none is given, or all `half` ones. altitude: heights above the ground in m",
        ),
    ] = None

    @property
    def options(self) -> Mapping[str, Any]:
        """What is given beside the formula and its operands, by the names of the options."""
        return self.model_dump(exclude_none=True, exclude={"formula", "of"})
