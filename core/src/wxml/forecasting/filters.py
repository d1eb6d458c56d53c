"""Filters of states in a forecast: on what is fed back, and on what comes out."""

__all__ = ["check_step_filters", "filtered_fields", "output_filters", "with_step_filters"]

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml.config.state_filters import FilterChain
from wxml.data.fields import Fields
from wxml.data.state_filter import AnyFloat, FilterSpace, StateFilter
from wxml.data.times import format_time, parse_duration
from wxml.data.variables import Variable
from wxml.errors import DataError
from wxml.experiment.parts import Experiment
from wxml.forecasting.layout import SPREAD
from wxml.forecasting.state_keeper import StateKeeper

if TYPE_CHECKING:
    from torch import Tensor

    from wxml.model.unroll import Given

Copies = list[StateFilter]
"""The filters of one initial time, one after the other."""
Steps = Iterable[tuple[np.timedelta64, Fields]]


def output_filters(experiment: Experiment, variables: tuple[Variable, ...]) -> FilterChain:
    """The filters of what comes out of a forecast.

    Args:
        experiment: the config and the grid.
        variables: what comes out of the model.
    """
    return FilterChain.of(experiment.config.forecast.filters, "output", _space(experiment, variables))


def check_step_filters(experiment: Experiment) -> FilterChain:
    """The filters of what is fed back; raise a ConfigError if one does not fit."""
    return FilterChain.of(experiment.config.forecast.filters, "step", _space(experiment, experiment.output_variables))


def filtered_fields(
    chain: FilterChain,
    steps: Steps,
    last: np.timedelta64,
    *,
    spread: bool = False,
    keeper: StateKeeper | None = None,
) -> Iterator[tuple[np.timedelta64, Fields]]:
    """Each step after the filters, which are fresh for each initial time.

    Args:
        chain: the filters.
        steps: lead times and fields; those of one initial time in order.
        last: the last lead time, after which the filters are let go of.
        spread: the second half of the variables of each step are the standard deviations of the first half, and those
            that `chain.deviations` names follow.
        keeper: saves what the filters remember, and puts it back.
    """
    made: dict[np.datetime64, list[Copies]] = {}
    for lead_time, fields in steps:
        start, values = fields.valid_time - lead_time, fields.values
        if start not in made:
            made[start] = _begun(chain, 3 if spread else 1, f"output/{format_time(start)}", keeper)
        copies = made[start]
        if lead_time == last:
            del made[start]
        means, deviations = np.split(values, 2, axis=1) if spread else (values, None)
        outcome = _through(copies[0], means, fields.valid_time, lead_time)
        names = tuple(one.name for one in chain.variables)
        if deviations is not None:
            there = [names.index(name) for name in chain.deviations]
            apart = _deviations(copies[1:], means, deviations, fields.valid_time, lead_time)[:, there]
            outcome = np.concatenate([outcome, apart], axis=1)
            names += tuple(f"{name}{SPREAD}" for name in chain.deviations)
        yield lead_time, Fields(fields.valid_time, names, outcome)


def _begun(chain: FilterChain, count: int, name: str, keeper: StateKeeper | None) -> list[Copies]:
    """Fresh filters of an initial time, or those that remember what a keeper has of them."""
    made = [chain.begin() for _ in range(count)]
    if keeper:
        for number, copies in enumerate(made):
            keeper.watch(f"{name}/{number}", copies, chain.made)
    return made


def _deviations(
    copies: list[Copies],
    means: NDArray[np.float32],
    deviations: NDArray[np.float32],
    valid_time: np.datetime64,
    lead_time: np.timedelta64,
) -> NDArray[np.float32]:
    """Half the distance of what comes out one deviation above and below; in double precision, or little would be left.

    Both are of the shape `[member, variable, node]`.
    """
    above, below = (
        _through(filters, means + side * deviations.astype(np.float64), valid_time, lead_time)
        for filters, side in zip(copies, (1, -1), strict=True)
    )
    return np.asarray(np.abs(above - below) / 2, np.float32)


def _through(
    filters: Copies, values: NDArray[AnyFloat], valid_time: np.datetime64, lead_time: np.timedelta64
) -> NDArray[AnyFloat]:
    for one in filters:
        values = one.apply(values, valid_time, lead_time)
    return values


def with_step_filters(
    experiment: Experiment,
    times: NDArray[np.datetime64],
    lead_times: NDArray[np.timedelta64],
    is_missing: NDArray[np.bool_],
    given: "Given | None",
    keeper: StateKeeper | None = None,
) -> "Given | None":
    """What puts the filtered values into the output of a step, after what is given; see `unroll`.

    A value that no filter changes keeps its bits. Missing values stay as the model has them.

    Args:
        experiment: the config, and how physical values become those of the model.
        times: the initial times of the batch.
        lead_times: those of the steps.
        is_missing: where forecasts have no value, shape `[batch, variable, node]`.
        given: what is given, such as the boundary; None: nothing.
        keeper: saves what the filters remember, and puts it back.
    """
    names = experiment.roles.output
    chain = check_step_filters(experiment)
    if not chain:
        return given
    made = [_begun(chain, 1, f"step/{format_time(time)}", keeper)[0] for time in times]

    def filtered(step: int, output: "Tensor") -> "Tensor":
        output = output if given is None else given(step, output)
        if step > len(lead_times):
            return output
        model = _model_values(output, len(names))
        physical = experiment.preprocessing.inverse(model, names)
        physical[is_missing] = np.nan
        new = _after(made, physical, times + lead_times[step - 1], lead_times[step - 1])
        is_new = new != physical
        is_new &= ~is_missing
        if np.isnan(new[is_new]).any():
            raise DataError(
                f"a filter takes values away at {format_time((times + lead_times[step - 1])[0])}, and what is fed back "
                "has to have them (forecast.filters)",
                fix="write `where: output`",
            )
        return _put(output, np.where(is_new, experiment.preprocessing.inputs(new, names), model))

    return filtered


def _space(experiment: Experiment, variables: tuple[Variable, ...]) -> FilterSpace:
    timestep = parse_duration(experiment.config.data.timestep)
    return FilterSpace(experiment.source.header.grid, variables, timestep)


def _after(
    made: list[list[StateFilter]],
    physical: NDArray[np.float32],
    valid_times: NDArray[np.datetime64],
    lead_time: np.timedelta64,
) -> NDArray[np.float32]:
    """The states of a batch after the filters of their initial times, shape `[batch, variable, node]`."""
    states = physical.reshape(len(made), -1, *physical.shape[1:])
    after = np.empty_like(states)
    for number, filters in enumerate(made):
        after[number] = _through(filters, states[number], valid_times[number], lead_time)
    return after.reshape(physical.shape)


def _model_values(output: "Tensor", count: int) -> NDArray[np.float32]:
    """The first variables of an output `[batch, node, variable]`, as `[batch, variable, node]`."""
    from wxml.model.tensors import to_array

    return to_array(output[..., :count])


def _put(output: "Tensor", values: NDArray[np.float32]) -> "Tensor":
    """The output with these values of its first variables."""
    from wxml.model.tensors import to_tensor

    changed = output.clone()
    changed[..., : values.shape[1]] = to_tensor(values).to(output.device)
    return changed
