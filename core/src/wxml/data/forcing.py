"""Forcing: fields that follow from the time and the place, which a model only reads."""

__all__ = ["Forcing", "MadeField", "check_made", "forcing_fields"]

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.data.grid import Grid
from wxml.data.times import format_time
from wxml.data.variables import Variable
from wxml.errors import ArtefactError, ContractError, DataError


class Forcing(ABC):
    """Computes fields from the time and the place. The keyword-only parameters are its options.

    Core asks for one field at one instant at a time, so that training and forecasts get the same values bit for bit,
    whatever else they read. It hands them to the model as they are: they should be of order one.
    """

    variables: Sequence[Variable]
    """The fields that it makes: names, which no variable of the data has, and units. The class or the constructor sets
    it; the same options give the same fields."""

    @final
    def compute(self, name: str, grid: Grid, time: np.datetime64) -> NDArray[np.float32]:
        """Compute one field at an instant (UTC), shape `[node]`.

        Args:
            name: the name of one of `variables`.
            grid: the places.
            time: `datetime64[s]`.

        Raises:
            ContractError: the plugin computed something else, or a value that is not finite.
        """
        values = np.asarray(self._compute(name, grid, time))
        if values.shape != (len(grid),):
            raise self._fault(f"computed {name!r} of shape {list(values.shape)} for {len(grid)} nodes")
        single = values.astype(np.float32)
        bad = int((~np.isfinite(single)).sum())
        if bad:
            raise self._fault(f"computed {bad} values of {name!r} at {format_time(time)} that are not finite numbers")
        return single

    @abstractmethod
    def _compute(self, name: str, grid: Grid, time: np.datetime64) -> ArrayLike:
        """Compute one of `variables` at an instant (UTC), a value for each node of `grid`."""

    def fields(self) -> tuple[Variable, ...]:
        """Return `variables`.

        Raises:
            ContractError: the plugin has none.
        """
        found = tuple(getattr(self, "variables", ()))
        if not found:
            raise self._fault("has no `variables`, so it makes nothing")
        return found

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"forcing {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )


@dataclass(frozen=True, slots=True)
class MadeField:
    """A field that a forcing plugin makes."""

    variable: Variable
    forcing: Forcing

    @property
    def name(self) -> str:
        """The name of the field."""
        return self.variable.name

    def __call__(self, grid: Grid, time: np.datetime64) -> NDArray[np.float32]:
        """Compute it at an instant, shape `[node]`."""
        return self.forcing.compute(self.name, grid, time)


def forcing_fields(
    forcings: Sequence[tuple[str, Forcing]], available: Iterable[str], chosen: Collection[str] | None = None
) -> dict[str, MadeField]:
    """Return the fields that `forcings` make, by name.

    Args:
        forcings: each with the name of its plugin, in the order of the config.
        available: the variables of the source.
        chosen: the forcings that the config names; None: those of a checkpoint, which is whole.

    Raises:
        DataError: a field has the name of a variable of the source, of one that core computes, or of another field; or
            a plugin makes none of `chosen`.
    """
    taken = dict.fromkeys(COMPUTED_FORCINGS, "wxml computes by itself") | dict.fromkeys(available, "the source has")
    fields: dict[str, MadeField] = {}
    for number, (plugin, forcing) in enumerate(forcings):
        made = {variable.name: MadeField(variable, forcing) for variable in forcing.fields()}
        for name in made:
            if name in taken:
                raise DataError(
                    f"forcing {plugin!r} makes {name!r} (data.forcings.{number}), which {taken[name]} too",
                    fix="take it out of `data.forcings`, or give its field another name if its options can",
                )
            taken[name] = f"forcing {plugin!r} makes"
        if chosen is not None and not made.keys() & {*chosen}:
            raise DataError(
                f"forcing {plugin!r} makes {', '.join(map(repr, made))} (data.forcings.{number}), and "
                "`data.variables.forcing` names none of it",
                fix="name what the model reads in `data.variables.forcing`, or take the plugin out of `data.forcings`",
            )
        fields |= made
    return fields


def check_made(fields: Mapping[str, MadeField], recorded: Iterable[Variable], path: str) -> None:
    """Check that the plugins still make the fields that the checkpoint `path` was trained with.

    Raises:
        ArtefactError: one is made no more, or in other units.
    """
    for wanted in recorded:
        found = fields.get(wanted.name)
        if found is None or not wanted.has_units_of(found.variable):
            now = f"makes it in {found.variable.units!r} now" if found else "makes it no more"
            raise ArtefactError(
                f"a forcing plugin made {wanted.name!r} in {wanted.units!r} in the training of `{path}`, and {now}",
                fix=f"install the version that the model was trained with:  wxml doctor --for {path}",
            )
