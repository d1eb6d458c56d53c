"""Which forecasts are made from an initial time, and from which numbers their random parts follow."""

__all__ = ["Ensemble", "MemberNumbers", "chosen_members"]

from dataclasses import dataclass

import numpy as np

from wxml.errors import DataError


@dataclass(frozen=True, slots=True)
class MemberNumbers:
    """The numbers of the members in a file, in the ensemble that they belong to."""

    numbers: tuple[int, ...]
    """Rising, from 0."""
    size: int
    """How many members the ensemble has, in the file or not."""
    control: bool = False
    """Whether number 0 is the control."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The members of an ensemble, and those of them that are made.

    A member has a number from 0 on. Of an initial state with several members of its own, those that start from the
    first of these come first. What a member is depends on the seed, the initial time and its number alone.
    """

    members: int = 1
    """The number of forecasts from each member of an initial state."""
    states: int = 1
    """The number of members of an initial state."""
    control: bool = False
    """Member 0 starts from the initial state as it is, and gets zeros in place of the numbers of `model.noise`."""
    chosen: tuple[int, ...] | None = None
    """The numbers of the members that are made, rising; None: all."""

    @property
    def size(self) -> int:
        """The number of members, made or not."""
        return self.members * self.states

    @property
    def count(self) -> int:
        """How many members are made."""
        return self.size if self.chosen is None else len(self.chosen)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the members that are made."""
        return tuple(range(self.size)) if self.chosen is None else self.chosen

    @property
    def origins(self) -> tuple[int, ...]:
        """The member of the initial state that each of them starts from."""
        return tuple(number // self.members for number in self.numbers)

    def places(self, cases: int) -> list[int]:
        """Where the forecasts of some initial times start from, among initial time × member of the state."""
        return [case * self.states + origin for case in range(cases) for origin in self.origins]

    @property
    def numbering(self) -> MemberNumbers | None:
        """What a file says of the members; None where they are 0, 1, 2 and so on, and all alike."""
        is_plain = self.chosen is None and not self.control
        return None if is_plain else MemberNumbers(self.numbers, self.size, self.control)

    def is_control(self, number: int) -> bool:
        """Whether a member is the control."""
        return self.control and number == 0

    def seed(self, seed: int, time: np.datetime64, number: int, *purpose: int) -> int:
        """What the random numbers of a member begin with.

        Args:
            seed: that of the experiment.
            time: the initial time.
            number: that of the member.
            purpose: further numbers, other than 0, that tell what the random numbers are for; none: the model's noise.
        """
        instant = int(time.astype("datetime64[s]").astype(np.int64))
        key = [seed % 2**64, instant % 2**64, *divmod(number, self.members), *purpose]
        return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def chosen_members(text: str, size: int) -> tuple[int, ...]:
    """The numbers of members that a user names, rising and each once.

    Args:
        text: numbers and ranges, such as `17`, `0-9` or `0,5,10-12`.
        size: how many members the ensemble has.

    Raises:
        DataError: this names no members, or one that the ensemble does not have.

    >>> chosen_members("3,0-1", 4)
    (0, 1, 3)
    """
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise DataError(f"`member` must be numbers and ranges, got {text!r}", fix="write 17, or 0-9, or 0,5,10-12")
        begin, end = int(first), int(last or first)
        if not begin <= end < size:
            raise DataError(
                f"the ensemble has {size} member{'s' * (size > 1)}, from 0 to {size - 1}, got {part.strip()}",
                fix="give the size of the whole ensemble, such as --members 20, and numbers below it",
            )
        found.update(range(begin, end + 1))
    return tuple(sorted(found))
