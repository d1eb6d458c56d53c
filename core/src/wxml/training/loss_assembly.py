"""Makes the losses and the loss weights that the sections of a config choose."""

__all__ = ["make_parts"]

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.errors import ConfigError, ContractError, Fault, nearest
from wxml.plugins.create import create, parse_options
from wxml.plugins.load import load
from wxml.plugins.options.choices import Path, PluginChoice
from wxml.plugins.resolve import resolve
from wxml.training.combined_loss import LossPart
from wxml.training.loss_choice import LossChoice, weight_sections
from wxml.training.loss_space import LossSpace
from wxml.training.loss_weight import AXES, LossWeight, LossWeights


@dataclass(frozen=True, slots=True, eq=False)
class _Weight:
    """The factors of one weight, for all variables."""

    factor: NDArray[np.float64]
    is_measure: bool

    @property
    def axes(self) -> frozenset[str]:
        """The axes along which it has more than one entry."""
        return frozenset(axis for axis, length in zip(AXES, self.factor.shape, strict=True) if length > 1)

    def of(self, variables: Sequence[int] | None) -> NDArray[np.float64]:
        """The factors for some of the variables."""
        is_same = variables is None or self.factor.shape[-1] == 1
        return self.factor if is_same else self.factor[..., variables]


def make_parts(
    space: LossSpace, losses: LossChoice | Sequence[LossChoice], weights: Mapping[str, PluginChoice], where: str
) -> list[LossPart]:
    """Make the parts of a `CombinedLoss`; see `CombinedLoss.of`."""
    if isinstance(losses, LossChoice):
        placed = [(losses, f"{where}.loss")]
    else:
        placed = [(choice, f"{where}.loss.{index}") for index, choice in enumerate(losses)]
    degrees = [_degree(space, choice, at) for choice, at in placed]
    made = {
        degree: {
            name: _make_weight(replace(space, degree=degree), choice, f"{where}.loss_weights.{name}")
            for name, choice in weight_sections(weights).items()
        }
        for degree in dict.fromkeys(degrees)
    }
    return [_make_part(space, *one, made[degree]) for one, degree in zip(placed, degrees, strict=True)]


def _degree(space: LossSpace, choice: LossChoice, where: str) -> float:
    """The power of the unit that a loss is in; that of the space, squares, where it is in none."""
    plugin: Any = load(resolve("loss", choice.plugin, where=f"{where}.plugin"))
    with _faults_at(where):
        degree = plugin.degree_of(parse_options(plugin, choice.options, where))
    return space.degree if degree is None else float(degree)


def _make_weight(space: LossSpace, choice: PluginChoice, where: str) -> _Weight:
    with _faults_at(where):
        weight: LossWeight = create("loss-weight", choice.plugin, choice.options, space, where=where)
        factor = np.asarray(weight.factor(), np.float64)
    full = (space.steps, len(space.grid), len(space.variables))
    fits = factor.ndim == len(full) and all(got in (1, length) for got, length in zip(factor.shape, full, strict=True))
    if not fits or not np.isfinite(factor).all() or (factor < 0).any():
        raise ContractError(
            f"the loss weight {choice.plugin!r} must give finite factors, not negative, of shape {list(full)} or of "
            f"length 1 along an axis, got the shape {list(factor.shape)} and values from {factor.min()} to "
            f"{factor.max()} ({where})",
            fix="tell the authors of the plugin, or leave the weight out",
        )
    return _Weight(factor, weight.is_measure)


def _make_part(space: LossSpace, choice: LossChoice, where: str, weights: Mapping[str, _Weight]) -> LossPart:
    plugin: Any = load(resolve("loss", choice.plugin, where=f"{where}.plugin"))
    variables = _places(space, choice, where)
    names = _weights_of(choice, weights, plugin.weighs, where)
    chosen = [weights[name] for name in names]
    of_loss = LossWeights(
        tuple(weight.of(variables) for weight in chosen if weight.is_measure),
        tuple(weight.of(variables) for weight in chosen if not weight.is_measure),
    )
    inside = space if choice.variables is None else space.select(choice.variables)
    with _faults_at(where):
        loss = create("loss", choice.plugin, choice.options, inside, of_loss, where=where)
    return LossPart(choice.plugin, loss, choice.share, variables, names)


def _places(space: LossSpace, choice: LossChoice, where: str) -> list[int] | None:
    """The places of the variables of a loss; None: all."""
    if choice.variables is None:
        return None
    unknown = [name for name in choice.variables if name not in space.names]
    if unknown:
        raise ConfigError(
            [
                Fault(f"{where}.variables", f"the model forecasts no variable {name!r}; {nearest(name, space.names)}")
                for name in unknown
            ],
            fix="write names of prognostic or diagnostic variables",
        )
    return [space.names.index(name) for name in choice.variables]


def _weights_of(choice: LossChoice, weights: Mapping[str, _Weight], weighs: Set[str], where: str) -> list[str]:
    """The names of the weights of a loss, in the order of the sections.

    Raises:
        ConfigError: a name is unknown, or that of a weight along an axis that the loss does not weigh.
    """
    wanted = {name for name in choice.weights if name != "*" and not name.startswith("!")}
    left_out = {name.removeprefix("!") for name in choice.weights if name.startswith("!")}
    at = f"{where}.weights"
    faults = [
        Fault(at, f"there is no loss weight {name!r}; {nearest(name, weights)}")
        for name in sorted((wanted | left_out) - weights.keys())
    ]
    faults += [
        Fault(at, f"the loss {choice.plugin!r} cannot use the weight {name!r}: it is along {', '.join(sorted(beyond))}")
        for name in sorted(wanted & weights.keys())
        if (beyond := weights[name].axes - weighs)
    ]
    if faults:
        raise ConfigError(
            faults, fix="write names of `loss_weights`, `area` or `tendency`, or '*' for all that the loss can use"
        )
    usable = {name for name, weight in weights.items() if weight.axes <= weighs} if "*" in choice.weights else set()
    return [name for name in weights if name in (wanted | usable) - left_out]


@contextmanager
def _faults_at(where: str) -> Iterator[None]:
    """Put the place of a section before the keys that its plugin finds faults with."""
    try:
        yield
    except ConfigError as error:
        at: Path = tuple(where.split("."))
        faults = [
            fault if fault.path[: len(at)] == at else Fault((*at, *fault.path), fault.message, fault.location)
            for fault in error.faults
        ]
        raise ConfigError(faults, fix=error.fix) from error
