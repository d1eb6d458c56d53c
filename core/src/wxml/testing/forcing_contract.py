"""The contract of forcings, as tests."""

__all__ = ["ForcingContract"]

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.forcing import Forcing
from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_world import tiny_grid

TIMES = np.array(
    ["1959-12-31T18", "2000-02-29T06", "2001-06-21T12", "2023-01-01T00", "2023-12-31T23:59:59"], "datetime64[s]"
)
LARGEST = 10.0
CLOSE = 1e-5


class ForcingContract(Contract):
    """Checks of a Forcing, on global and regional grids, at the poles, and from 1959 to 2023."""

    interface: ClassVar[type[Any]] = Forcing

    def sample(self) -> Any:
        """Make a forcing; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Compute every field once."""
        forcing = self.sample()
        for variable in forcing.fields():
            forcing.compute(variable.name, tiny_grid(), TIMES[0])

    def test_fields_have_names_and_units(self) -> None:
        """The forcing makes at least one field; each is a `Variable` with units and a name that nothing else has."""
        require(self.plugin.compute is Forcing.compute, "`compute` must not be overridden; fill `_compute`")
        fields = self.sample().fields()
        require(all(isinstance(field, Variable) for field in fields), "`variables` must hold wxml.Variable alone")
        names = [field.name for field in fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"`variables` has the names {', '.join(twice)} more than once")
        taken = [name for name in names if name in COMPUTED_FORCINGS]
        require(not taken, f"wxml computes {', '.join(taken)} by itself; choose other names, such as acme_{names[0]}")
        bare = [field.name for field in fields if not field.units]
        require(not bare, f"{', '.join(bare)} have no units; those of a number are '1'")

    def test_every_place_and_time_has_a_value(self) -> None:
        """Each field is a finite number for each node, also at the poles and on leap days."""
        for name, grid, time in self._cases():
            self._compute(name, grid, time)

    def test_values_are_of_order_one(self) -> None:
        """No value is beyond 10: core hands them to the model as they are, without the transforms of the data."""
        for name, grid, time in self._cases():
            largest = float(np.abs(self._compute(name, grid, time)).max())
            require(largest <= LARGEST, f"{name} reaches {largest:.6g}; divide it by a typical value")

    def test_the_same_time_gives_the_same_values(self) -> None:
        """One forcing, asked again after other times, and another one with the same options give the same bits."""
        kept = self.sample()
        first = [kept.compute(*case) for case in self._cases()]
        for case, values in zip(reversed(list(self._cases())), reversed(first), strict=True):
            require(np.array_equal(values, kept.compute(*case)), f"{case[0]}: the values depend on what came before")
            require(np.array_equal(values, self.sample().compute(*case)), f"{case[0]}: two forcings give other values")

    def test_each_node_has_the_value_of_its_place(self) -> None:
        """A node has the same value among others and alone."""
        for name, grid, time in self._cases():
            values = self._compute(name, grid, time)
            some = Grid.unstructured(grid.latitudes[::5], grid.longitudes[::5])
            off = float(np.abs(self._compute(name, some, time) - values[::5]).max())
            scale = max(1.0, float(np.abs(values).max()))
            require(off <= CLOSE * scale, f"{name} is {off:.2g} off among fewer nodes")

    def test_the_grid_is_not_modified(self) -> None:
        """The forcing does not change the grid."""
        for name, grid, time in self._cases():
            before = grid.identity
            self._compute(name, grid, time)
            require(grid.identity == before, f"{name}: the forcing changed the grid")

    def _compute(self, name: str, grid: Grid, time: np.datetime64) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.sample().compute(name, grid, time)
        return values

    def _cases(self) -> Iterator[tuple[str, Grid, np.datetime64]]:
        """Every field on every grid at every time."""
        poles = Grid.regular([90, 0, -90], [0, 90, 180, 270])
        for variable in self.sample().fields():
            for grid in (tiny_grid(), tiny_region(), poles):
                yield from ((variable.name, grid, time) for time in TIMES)
