"""What is given at the boundary of a limited area while a forecast goes on: read, interpolated, checked."""

__all__ = ["BoundaryForcing"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.source import DataSource
from wxml.data.source_fit import Sides, check_variables, in_units_of, on_grid
from wxml.data.times import format_time, parse_duration
from wxml.errors import DataError
from wxml.experiment.parts import Experiment
from wxml.forecasting.input_sources import watched
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.unroll import Given

logger = logging.getLogger("wxml")

WHERE = "forecast.inputs.boundary"
SIDES = Sides("the training", "the model was trained on", "the boundary", "give data around the nodes of the training")
AHEAD = 2**26
"""What is given of so many bytes is read before the first step, and kept; of more, the first and the last step."""
NAMED = 5
"""So many missing times are named."""


@dataclass(frozen=True, slots=True, eq=False)
class BoundaryForcing:
    """What is given at the boundary, on the nodes of the model and in the units of the training."""

    experiment: Experiment
    source: DataSource
    variables: tuple[str, ...]
    """The forecast variables that the source has: all prognostic ones, and perhaps diagnostic ones behind them."""
    share: NDArray[np.float32]
    """The share of what is given, shape `[node]`."""

    @classmethod
    def of(cls, experiment: Experiment) -> Self | None:
        """Open what `forecast.inputs.boundary` names, or the data of the initial states; None: nothing is given.

        Without `forecast.inputs.boundary` something is given if `model.boundary` is set. A source of a longer step is
        interpolated in time (`interpolate-times`), one on other nodes in space (`regrid`, bilinear).

        Raises:
            DataError: the graph has no boundary, the source lacks a prognostic variable, or its members, units or
                nodes do not fit.
        """
        choice = experiment.config.forecast.inputs.boundary
        if choice is None and experiment.config.model.boundary is None:
            return None
        share = experiment.boundary_shares
        if not share.any():
            raise DataError(
                f"`{WHERE}` gives data for the boundary, and the graph of the model has none",
                fix="leave `forecast.inputs.boundary` out, or train with a boundary, such as graph.boundary.nodes=2",
            )
        source = experiment.source if choice is None else _opened(choice, experiment)
        return cls(experiment, source, _variables(source, experiment), share)

    def check_times(self, initial_times: NDArray[np.datetime64], lead_times: NDArray[np.timedelta64]) -> None:
        """Check that the source has every time at which something is given.

        Raises:
            DataError: it lacks some; the error names the first of them.
        """
        needed = np.unique(initial_times[:, None] + lead_times)
        lacking = needed[~np.isin(needed, self.source.header.times)]
        if len(lacking):
            named = ", ".join(map(format_time, lacking[:NAMED]))
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            raise DataError(
                f"the boundary is given at {len(needed)} times, and its source has no data for {named}{more}",
                fix="write a source that has them in `forecast.inputs.boundary`, or choose a shorter lead time",
            )

    def record(self) -> dict[str, Any]:
        """What the provenance of a forecast tells: the source, and the nodes at which something is given."""
        return {
            "source": self.source.provenance(),
            "variables": list(self.variables),
            "nodes": _ranges(self.share == 1),
            "relaxation": _ranges((self.share > 0) & (self.share < 1)),
        }

    def given(
        self,
        times: NDArray[np.datetime64],
        lead_times: NDArray[np.timedelta64],
        origins: Sequence[int],
        imputed: "Tensor",
    ) -> "Given":
        """Return what puts the given values into the output of a step; see `unroll`.

        What is given is read and checked before the first step if it is small, else its first and last step are.

        Args:
            times: the initial times of the batch.
            lead_times: those of the steps; later ones are left as they are.
            origins: for each forecast the place of its initial state among initial time × member of the state.
            imputed: where the initial state has no value, shape `[batch, node, prognostic]`; there it may lack one.

        Raises:
            DataError: a value is missing where one is given; or later, at a step that was not read before.
        """
        import torch

        from wxml.model.boundary import with_given

        share, known, places = torch.from_numpy(self.share), imputed.cpu(), list(origins)

        def checked(number: int) -> "Tensor":
            at = times + lead_times[number]
            there = self._read(at)[places]
            self._check(there, known, at)
            return there

        is_small = self._size(len(places)) * len(lead_times) <= AHEAD
        early = range(len(lead_times)) if is_small else sorted({0, len(lead_times) - 1})
        read = {number: checked(number) for number in early}
        kept = read if is_small else {}

        def given(step: int, output: "Tensor") -> "Tensor":
            if step > len(lead_times):
                return output
            there = kept.pop(step - 1, None)
            there = checked(step - 1) if there is None else there
            return with_given(output, there.to(output.device), share.to(output.device))

        return given

    def _size(self, forecasts: int) -> int:
        """The bytes of what is given to some forecasts at one step."""
        return 4 * forecasts * len(self.share) * len(self.experiment.roles.output)

    def _read(self, times: NDArray[np.datetime64]) -> "Tensor":
        """Model values of all forecast variables, `[time · member, node, variable]`; NaN where missing."""
        from wxml.model.tensors import to_tensor

        output, members = self.experiment.roles.output, self.experiment.source.header.members
        physical = self.source.read(times, self.variables)
        values = np.where(np.isnan(physical), np.nan, self.experiment.preprocessing.inputs(physical, self.variables))
        whole = np.full((len(times), members, len(output), values.shape[-1]), np.nan, np.float32)
        whole[:, :, [output.index(name) for name in self.variables]] = values
        return to_tensor(whole.reshape(-1, *whole.shape[2:]))

    def _check(self, there: "Tensor", imputed: "Tensor", times: NDArray[np.datetime64]) -> None:
        """Refuse a prognostic variable that is missing where it is given and the initial state has it."""
        bad = (there[..., : imputed.shape[-1]].isnan() & ~imputed).cpu().numpy() & (self.share > 0)[:, None]
        for part in self.experiment.preprocessing.places.parts:
            lacks = [self.variables.index(name) for name in part.lacks if name in self.experiment.roles.prognostic]
            bad[:, self.experiment.preprocessing.places.ranges[part.name], lacks] = False
        if not bad.any():
            return
        item, _, variable = np.argwhere(bad)[0]
        time = times[item // (len(bad) // len(times))]
        raise DataError(
            f"variable {self.variables[variable]!r} of the boundary is missing at {format_time(time)} on "
            f"{int(bad[item, :, variable].sum())} of {int((self.share > 0).sum())} nodes at which it is given",
            fix="write a source that reaches over the whole boundary in `forecast.inputs.boundary`",
        )


def _variables(source: DataSource, experiment: Experiment) -> tuple[str, ...]:
    """The forecast variables that a source has, after a check of what it must have."""
    roles, header = experiment.roles, source.header
    header.variable_indices(roles.prognostic)
    members = experiment.source.header.members
    if header.members not in (1, members):
        raise DataError(
            f"the boundary has {header.members} members, and the initial states have {members}",
            fix="write a source of one member, or of as many, in `forecast.inputs.boundary`",
        )
    return tuple(name for name in roles.output if name in header.names)


def _opened(choice: PluginChoice, experiment: Experiment) -> DataSource:
    """The source at the times and nodes of the model, in the units of the training."""
    places, outputs = experiment.preprocessing.places, experiment.output_variables
    choice = _in_time(choice, experiment)
    source = _created(choice)
    try:
        source = on_grid(source, places, SIDES)
    except DataError:
        like = _written(experiment.config.data.source)
        brought = PluginChoice.model_validate({"plugin": "regrid", "source": _written(choice), "to": {"like": like}})
        source = on_grid(_created(brought), places, SIDES)
        logger.info("the boundary is on other nodes than the model, and is interpolated")
    source = in_units_of(source, outputs, SIDES)
    for sentence in check_variables(source.header, outputs, SIDES):
        logger.warning("%s", sentence)
    return watched(source, experiment, "the boundary")


def _in_time(choice: PluginChoice, experiment: Experiment) -> PluginChoice:
    """The choice itself, or around it those that interpolate it to the time step of the model."""
    header, timestep = _created(choice).header, experiment.config.data.timestep
    if len(header.times) < 2 or np.diff(header.times).min() <= parse_duration(timestep):
        return choice
    wanted = [name for name in experiment.roles.output if name in header.names]
    chosen = {"plugin": "subset", "source": _written(choice), "select": wanted}
    logger.info("the boundary has a longer time step than %s, and is interpolated", timestep)
    return PluginChoice.model_validate({"plugin": "interpolate-times", "source": chosen, "frequency": timestep})


def _created(choice: PluginChoice) -> DataSource:
    source: DataSource = create("data-source", choice.plugin, choice.options, where=WHERE)
    return source


def _written(choice: PluginChoice) -> dict[str, Any]:
    """The choice as a config has it, for the option of another plugin."""
    return {"plugin": choice.plugin, **choice.options}


def _ranges(mask: NDArray[np.bool_]) -> list[list[int]]:
    """The first and the last number of each run of nodes.

    >>> _ranges(np.array([True, True, False, True]))
    [[0, 1], [3, 3]]
    """
    changes = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return [[first, after - 1] for first, after in changes.reshape(-1, 2).tolist()]
