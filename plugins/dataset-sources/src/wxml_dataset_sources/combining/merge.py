"""Times between each other."""

__all__ = ["Merge"]

from wxml_dataset_sources.combining.combination import Sources, opened_all
from wxml_dataset_sources.combining.sequence import Sequential


class Merge(Sequential):
    """The times of several sources in one row, such as those at 00 and 12 with those at 06 and 18.

    The sources have the same variables, nodes and members; a time that two of them have is refused.
    """

    name = "merge"

    def __init__(self, *, sources: Sources) -> None:
        super().__init__(opened_all(sources, names=self._asked))
