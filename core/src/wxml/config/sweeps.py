"""Several values for one key, in Hydra's grammar: `key=a,b`, `key=choice(a,b)`, `key=range(1,4)`; all combinations."""

__all__ = ["MOST_COMBINATIONS", "Combination", "combinations"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from typing import Any

from wxml.config.overrides import COMMAND_LINE, KEY_VALUE
from wxml.errors import ConfigError, Fault
from wxml.extras import libraries_of_extra

MOST_COMBINATIONS = 1000
"""A sweep with more combinations is refused."""
FIX = "write several values as key=a,b, key=choice(a,b) or key=range(1,4)"


@dataclass(frozen=True, slots=True)
class Combination:
    """One choice of a value for each key that has several."""

    values: Mapping[str, str]
    """The keys that have several values, and the value of each, as an override writes it."""
    overrides: tuple[str, ...]
    """All overrides of this combination, in the order given; `wxml.load_config` takes them."""


def combinations(overrides: Sequence[str]) -> tuple[Combination, ...]:
    """All combinations of the values that overrides give to their keys; the last key changes first.

    Args:
        overrides: in Hydra's grammar; those with one value are part of every combination.

    Raises:
        ConfigError: an override cannot be read, has no list of values that is the same each time (`interval`, `glob`,
            `shuffle`), or names a value twice; none has several values; there are more than `MOST_COMBINATIONS`.

    >>> [one.overrides for one in combinations(["seed=1,2", "model=gnn"])]
    [('seed=1', 'model=gnn'), ('seed=2', 'model=gnn')]
    """
    faults: list[Fault] = []
    columns = [_column(text, faults) for text in overrides]
    number = prod(len(column) for column in columns)
    if not faults and all(key is None for column in columns for key, _, _ in column):
        faults.append(Fault("", "a sweep needs a key with several values, and there is none"))
    if not faults and number > MOST_COMBINATIONS:
        faults.append(Fault("", f"a sweep may have {MOST_COMBINATIONS} combinations, got more"))
    if faults:
        raise ConfigError(faults, fix=FIX)
    return tuple(
        Combination({key: value for key, value, _ in chosen if key is not None}, tuple(text for _, _, text in chosen))
        for chosen in product(*columns)
    )


def _column(text: str, faults: list[Fault]) -> list[tuple[str | None, str, str]]:
    """The key, the value and the override of each value; the key of an override with one value is None."""
    with libraries_of_extra("config", "wxml-core", what=f"the change `{text}` of a config"):
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_overrides([text])[0]
    except HydraException as error:
        readable = f"the override cannot be read: {str(error).splitlines()[0]}" if "=" in text else KEY_VALUE
        faults.append(Fault(text, readable, str(COMMAND_LINE)))
        return []
    if not override.is_sweep_override():
        return [(None, "", text)]
    problem, values = _values(override)
    if problem:
        faults.append(Fault(text, problem, str(COMMAND_LINE)))
    return [(override.key_or_group, value, f"{override.get_key_element()}={value}") for value in values]


def _values(override: Any) -> tuple[str, list[str]]:
    """What is wrong with a list of values, or nothing; and the values, at most one more than are allowed."""
    from hydra.core.override_parser.types import Glob

    if not override.is_discrete_sweep() or isinstance(override.value(), Glob) or override.value().shuffle:
        return "a sweep needs the same list of values each time; `interval`, `glob` and `shuffle` have none", []
    values = list(islice(override.sweep_string_iterator(), MOST_COMBINATIONS + 1))
    twice = next((value for value in values if values.count(value) > 1), None)
    return "" if twice is None else f"the value {twice} is there twice", values
