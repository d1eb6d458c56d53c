"""Whether the options of a derivation fit its formula."""

__all__ = ["checked_options", "made_levels"]

from collections.abc import Callable, Mapping
from typing import Any, Final

from wxml.errors import DataError

from wxml_dataset_sources.combining.derivation import Derivation
from wxml_dataset_sources.combining.formulas import FORMULAS, FormulaName
from wxml_dataset_sources.combining.hybrid_levels import check_coefficients, hybrid_numbers

A_CLIP = "write for example {formula: clip, of: [q], least: 0}"
A_MASK = "write for example {formula: mask, of: [lsm], least: 0.5}, or {formula: mask, of: [slt], classes: [1]}"


def checked_options(name: str, how: Derivation) -> Mapping[str, Any]:
    """The options of a derivation, beside its formula and operands.

    Args:
        name: that of the new variable, for the errors.
        how: the derivation.

    Raises:
        DataError: one is of another formula, or lacks, or has a value that the formula does not take.
    """
    given, takes = how.options, FORMULAS[how.formula].options
    for option in given:
        if option not in takes:
            others = ", ".join(f"`{each}`" for each, formula in FORMULAS.items() if option in formula.options)
            raise DataError(
                f"`{option}` is for {others}, got it for `{how.formula}` (variables.{name})",
                fix="leave it out, or derive another variable from this one, in a second `derive`",
            )
    for option, is_needed in takes.items():
        if is_needed and option not in given:
            raise DataError(
                f"`{how.formula}` needs `{option}`, got none (variables.{name})", fix=f"add `{option}`, {HELP[option]}"
            )
    if how.formula in CHECKS:
        CHECKS[how.formula](name, how)
    return given


def made_levels(how: FormulaName, options: Mapping[str, Any]) -> list[float]:
    """The levels that a formula makes, by the option `levels`.

    Raises:
        DataError: one is no level.
    """
    if FORMULAS[how].level_type == "hybrid":
        return hybrid_numbers(options.get("levels"), len(options["a"]) - 1)
    return list(options["levels"])


def _check_clip(name: str, how: Derivation) -> None:
    if how.least is None and how.most is None:
        raise _wrong_limits(name, how)
    _check_order(name, how)


def _check_mask(name: str, how: Derivation) -> None:
    if (how.classes is None) == (how.least is None and how.most is None):
        raise DataError(
            f"`mask` needs `least`, `most` or both, or `classes`, got {sorted(how.options)} (variables.{name})",
            fix=A_MASK,
        )
    _check_order(name, how)


def _check_order(name: str, how: Derivation) -> None:
    if how.least is not None and how.most is not None and how.least > how.most:
        raise _wrong_limits(name, how)


def _wrong_limits(name: str, how: Derivation) -> DataError:
    return DataError(
        f"`{how.formula}` needs `least`, `most`, or both in this order, got {how.least} and {how.most} "
        f"(variables.{name})",
        fix=A_CLIP if how.formula == "clip" else A_MASK,
    )


def _check_heights(name: str, how: Derivation) -> None:
    if isinstance(how.levels, str):
        raise DataError(
            f"`levels` of `altitude` are heights above the ground in m, got {how.levels!r} (variables.{name})",
            fix="write for example levels: [10, 100]",
        )


HELP: Final[Mapping[str, str]] = {
    "a": "the numbers at the half levels from the top on, in Pa",
    "b": "the numbers at the half levels from the top on",
    "levels": "the heights above the ground in m, such as [10, 100]",
}
CHECKS: Final[Mapping[FormulaName, Callable[[str, Derivation], None]]] = {
    "clip": _check_clip,
    "mask": _check_mask,
    "pressure": lambda _, how: check_coefficients(how.a or (), how.b or ()),
    "altitude": _check_heights,
}
