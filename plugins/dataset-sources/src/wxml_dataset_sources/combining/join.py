"""Sources beside each other: the variables of all, at the same times and nodes."""

__all__ = ["Join"]

from typing import Annotated

from pydantic import Field

from wxml_dataset_sources.combining.beside import Beside
from wxml_dataset_sources.combining.combination import Sources, opened_all


class Join(Beside):
    """The variables of several sources, which have the same times, nodes and members.

    The nodes are in the order of the first source; another order of the same nodes is brought into that one.
    """

    name = "join"

    def __init__(
        self,
        *,
        sources: Sources,
        override: Annotated[
            bool, Field(description="of variables with equal names, take the last; else they are refused")
        ] = False,
    ) -> None:
        super().__init__(opened_all(sources, names=self._asked), {"override": override}, override)
