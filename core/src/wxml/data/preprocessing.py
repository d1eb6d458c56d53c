"""Preprocessing: from the physical values of a source to the values that a model reads, and back."""

__all__ = ["MissingInputs", "Preprocessing"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.absent import MissingWhere
from wxml.data.chain import through
from wxml.data.forcing import MadeField
from wxml.data.forcing_reader import ForcingReader
from wxml.data.forcings import compute_forcings
from wxml.data.grid import Grid
from wxml.data.holes import HoleFinder
from wxml.data.imputed import held_masks
from wxml.data.scratch import Scratch
from wxml.data.source import DataSource
from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.data.variables import VariableRoles

MissingInputs = Literal["fail", "leave-out", "impute"]


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """Turns the physical values of a source into model values, and back.

    The variable axis holds prognostic, then diagnostic, then forcing variables; forcings that the source does not have
    are computed.
    """

    source: DataSource
    roles: VariableRoles
    transforms: Sequence[Transform]
    model_statistics: Statistics
    """The statistics of the model values, which the last transform gives."""
    constants: frozenset[str] = frozenset()
    """Forcings that never change, such as orography; a forecast may go beyond the last time they have."""
    made: Mapping[str, MadeField] = field(default_factory=dict)
    """The fields that forcing plugins make, by name."""
    grid: Grid | None = None
    """The places at which forcings are computed, in the order of the source's nodes; None: those of the source."""

    masks: Mapping[str, str] = field(default_factory=dict)
    """The forcings that say where a prognostic variable was imputed: name → variable."""
    missing: Mapping[str, MissingWhere] = field(default_factory=dict)
    """Where forecasts have no value, by variable; see `absent`."""
    reader: ForcingReader | None = None
    """Where forecasts read forcings; None: in `source`, which has all of them."""
    scratch: Scratch = field(default_factory=Scratch, repr=False)
    """Memory for the values of a batch as they are read."""
    missing_inputs: MissingInputs = "fail"
    """What becomes of samples that lack an input, see `SampleSet`; `impute`: the mean of the training stands for it."""
    holes: HoleFinder = field(default_factory=HoleFinder, repr=False)
    """Finds where the source has missing values, before a sample is read; without, the first that is read tells."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names along the variable axis."""
        return self.roles.output + self.roles.forcing

    @property
    def transformed_statistics(self) -> tuple[Statistics, ...]:
        """The statistics of the values that each transform gives."""
        received = [transform.statistics for transform in self.transforms]
        return (*received[1:], self.model_statistics) if received else ()

    @property
    def tendency_scale(self) -> NDArray[np.float32]:
        """The root mean square change over one time step in model values, shape `[output variable]`; 1 for 0."""
        scale = self.model_statistics.select(self.roles.output).tendency_std.astype(np.float32)
        return np.where(scale > 0, scale, np.float32(1))

    def states(self, times: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read only the prognostic variables, shape `[time, member, prognostic, node]`, and a mask of the missing ones.

        Missing values are NaN unless imputed.
        """
        physical = self.source.read(times, self.roles.prognostic)
        return self.inputs(physical, self.roles.prognostic), np.isnan(physical)

    def absent(self, time: np.datetime64, imputed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where forecasts have no value, shape `[member, output, node]`.

        A prognostic variable has none where it was imputed, and the model reads the imputed value at every step; one in
        `missing` has none where that says.

        Args:
            time: the last input time.
            imputed: where it was imputed then, shape `[member, prognostic, node]`.
        """
        outputs = self.roles.output
        absent = np.zeros((len(imputed), len(outputs), imputed.shape[-1]), bool)
        absent[:, : imputed.shape[1]] = imputed
        for name, rule in self.missing.items():
            absent[:, outputs.index(name)] = rule.of(self._physical(rule.where, time))
        return absent

    def _physical(self, name: str, time: np.datetime64) -> NDArray[np.float32]:
        """Physical values of a variable that is read, at one time, shape `[member, node]`."""
        changing, constant = self.read_forcings
        if name in constant:
            return self.forcing_reader.read_constant([name], time)[0, :, 0]
        if name in changing:
            return self.forcing_reader.read_changing([name], np.array([time], "datetime64[s]"))[0, :, 0]
        return self.source.read([time], [name])[0, :, 0]

    @property
    def read_forcings(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The forcings that are read and not computed: those that change, and the constants."""
        read, _ = self.origins(self.roles.forcing)
        changing, constant = (tuple(v for v in read if (v in self.constants) is wanted) for wanted in (False, True))
        return changing, constant

    @property
    def forcing_reader(self) -> ForcingReader:
        """Where forcings are read."""
        return self.reader or ForcingReader(self.source, self.source, self.source.header.members)

    def constant_forcings(self, time: np.datetime64) -> NDArray[np.float32]:
        """Read the forcings that are constants, shape `[1, member, constant, node]`, as `forcings` does."""
        _, constant = self.read_forcings
        return self.inputs(self.forcing_reader.read_constant(constant, time), constant)

    def require_forcings(self, times: NDArray[np.datetime64]) -> None:
        """Raise a DataError if there is nothing to read at one of `times`, at which forcings that change are read."""
        self.forcing_reader.check_times(self.read_forcings[0], times)

    def forcings(
        self,
        times: ArrayLike,
        missing: NDArray[np.bool_] | None = None,
        constants: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Read only the forcings, shape `[time, member, forcing, node]`; missing values are NaN unless imputed.

        Args:
            times: when; the input times come first.
            missing: the mask of the input states, as `states` returns it, or of all times; needed only if there are
                `masks`.
            constants: what `constant_forcings` returned; None: they are read at the first of `times`.

        Raises:
            DataError: the source lacks a forcing at one of `times`.
        """
        computed = self.origins(self.roles.forcing)[1]
        changing, constant = self.read_forcings
        instants = np.asarray(times, "datetime64[s]").reshape(-1)
        kept = self.constant_forcings(instants[0]) if constants is None else constants
        parts = [
            kept.repeat(len(instants), axis=0),
            self.computed(computed, instants)[:, None].repeat(self.source.header.members, axis=1),
        ]
        if changing:
            parts.insert(0, self.inputs(self.forcing_reader.read_changing(changing, instants), changing))
        if missing is not None:
            columns = [self.roles.prognostic.index(name) for name in self.masks.values()]
            parts.append(held_masks(missing, columns, len(instants)))
        order = (*changing, *constant, *computed, *self.masks)
        return np.concatenate(parts, axis=2)[:, :, [order.index(name) for name in self.roles.forcing]]

    @property
    def places(self) -> Grid:
        """The grid of the model."""
        return self.source.header.grid if self.grid is None else self.grid

    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map physical to model values, shape `[..., variable, node]`."""
        return through(self.transforms, values, variables)

    def inputs(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map as `forward` does, at all nodes of the grid; what a part of the grid lacks becomes 0.

        With `impute`, the mean of the training period stands for a missing value before it is mapped.
        """
        if self.missing_inputs == "impute":
            physical = self.transforms[0].statistics if self.transforms else self.model_statistics
            means = physical.select(variables).mean.astype(np.float32)
            values = np.where(np.isnan(values), means[:, None], values)
        return self.without_lacking(self.forward(values, variables), variables, 0.0)

    def left_missing(self, variables: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `variables` of the source whose missing values no transform fills."""
        nothing = np.full((len(variables), 1), np.nan, np.float32)
        found = np.isnan(self.forward(nothing, variables))[:, 0]
        return () if self.missing_inputs == "impute" else tuple(np.array(variables)[found].tolist())

    def without_lacking(
        self, values: NDArray[np.float32], variables: tuple[str, ...], instead: float
    ) -> NDArray[np.float32]:
        """Put a number in place of the values, shape `[..., variable, node]`, that parts of the grid do not have."""
        places = self.places
        lacking = {
            part.name: [variables.index(name) for name in part.lacks if name in variables] for part in places.parts
        }
        if not any(lacking.values()):
            return values
        changed = values.copy()
        for name, columns in lacking.items():
            changed[..., columns, places.ranges[name]] = instead
        return changed

    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map model to physical values, shape `[..., variable, node]`."""
        for transform in reversed(self.transforms):
            values = transform.inverse(values, variables)
        return values

    def inverse_spread(
        self, means: NDArray[np.float32], deviations: NDArray[np.float32], variables: tuple[str, ...]
    ) -> NDArray[np.float32]:
        """Map standard deviations of model values to physical ones, shape `[..., variable, node]`.

        A physical one is half the distance between the physical values one deviation above and below the mean: exact
        for a transform that is linear, and for another one half the width of the middle 68 %.
        """
        above, below = (self.inverse(means + side * deviations, variables) for side in (1, -1))
        apart: NDArray[np.float32] = np.abs(above - below) / 2
        return apart

    def origins(self, variables: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Split `variables`, without the masks, into those that are read and those that are computed."""
        has = self.model_statistics.variables  # of the training, whatever the source has
        others = tuple(v for v in variables if v not in self.masks)
        return tuple(v for v in others if v in has), tuple(v for v in others if v not in has)

    def computed(self, variables: tuple[str, ...], times: ArrayLike) -> NDArray[np.float32]:
        """Compute forcings that the source does not have, shape `[time, forcing, node]`."""
        return compute_forcings(variables, self.places, times, self.made)
