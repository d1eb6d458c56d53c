"""What is asked of a forecast: the scores, the baselines and what a report shows."""

__all__ = ["Question"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxml import PluginChoice

from wxml_verification.baseline import PERSISTENCE, StateBaseline
from wxml_verification.comparison import Significance
from wxml_verification.further_baselines import CaseBaseline
from wxml_verification.given_climatology import Given
from wxml_verification.groups import Grouping
from wxml_verification.regions import Region
from wxml_verification.stations.places import StationPlaces
from wxml_verification.used_climatology import UsedClimatology, used_climatology
from wxml_verification.usual import Past


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked of a forecast."""

    variables: tuple[str, ...]
    """The variables to score."""
    metrics: Sequence[PluginChoice]
    past: Past
    """What the climatology is made of, unless one is given, and what else needs past values."""
    window: int
    """The days on either side of a date that the climatology takes."""
    statistics: Path
    """Where the statistics are written; nothing is there."""
    provenance: Mapping[str, Any]
    """The record of the statistics, as JSON values."""
    uncompared: Sequence[str] = ()
    """Sentences on what forecast and truth do not both state; they become notes."""
    told: Sequence[str] = ()
    """Sentences on how forecast and truth were brought to the same nodes; likewise."""
    given: Given | None = None
    """A climatology that was made elsewhere."""
    baseline: StateBaseline = PERSISTENCE
    """What the known states alone give."""
    further: Sequence[CaseBaseline] = ()
    """Baselines beside this one and the climatology."""
    regions: Mapping[str, Region] = field(default_factory=dict)
    """The regions that are scored, too, by name."""
    bands: float | None = None
    """The width in degrees of bands of latitude that are scored, too."""
    groupings: Sequence[Grouping] = ()
    """How cases are grouped."""
    places: StationPlaces | None = None
    """The stations, if the nodes are some."""
    significance: Significance = "hac"
    """The method behind confidence intervals."""
    maps: int = 12
    """How many variables, the first ones, the report has maps of."""
    cases: int = 3
    """How many initial times a reader can look at."""
    coastlines: bool = True
    """Whether maps have those of the Earth."""

    @property
    def climatology(self) -> UsedClimatology:
        """Which climatology the scores are of."""
        return used_climatology(self.past, self.window, self.given)

    @property
    def record(self) -> dict[str, Any]:
        """The record of the scores, with that of the climatology."""
        return {**self.provenance, "climatology": dict(self.climatology.record)}

    @property
    def forecasts(self) -> tuple[str, ...]:
        """What is scored."""
        return ("forecast", self.baseline.name, "climatology", *(one.name for one in self.further))
