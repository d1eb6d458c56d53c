"""Variables and their roles."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError, Variable, VariableRoles

Names = tuple[str, ...]
names = st.lists(st.sampled_from("abcdefgh"), max_size=5).map(tuple)


def test_a_variable_without_a_parameter_is_its_own() -> None:
    assert Variable("tp").param == "tp"
    assert Variable("t_850", "t", 850.0, "K").param == "t"


def test_a_variable_needs_a_name() -> None:
    with pytest.raises(DataError, match=r"`name` of a variable must not be empty, got ''"):
        Variable("")


def test_variables_are_equal_by_value_and_do_not_change() -> None:
    assert Variable("t", units="K") == Variable("t", "t", None, "K")
    assert len({Variable("t"), Variable("t"), Variable("q")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Variable("t").name = "q"


def test_the_order_of_roles() -> None:
    roles = VariableRoles(("t", "q"), ("sun", "land"), ("rain",))
    assert roles.input == ("t", "q", "sun", "land")
    assert roles.output == ("t", "q", "rain")


@given(names, names, names)
def test_each_variable_has_one_role_and_one_comes_out(
    p: tuple[str, ...], f: tuple[str, ...], d: tuple[str, ...]
) -> None:
    everything = p + f + d
    if not (p or d) or len(set(everything)) < len(everything):
        with pytest.raises(DataError):
            VariableRoles(p, f, d)
    else:
        roles = VariableRoles(p, f, d)
        assert set(roles.input) & set(roles.output) == set(p)
        assert set(roles.input) | set(roles.output) == set(everything)


def test_a_variable_with_two_roles_is_named() -> None:
    with pytest.raises(DataError, match=r"one role, got \['q', 't'\] in several"):
        VariableRoles(("t", "q"), ("q",), ("t",))


@pytest.mark.carries_out("leave at least one variable out of `forcing` and `diagnostic`")
def test_a_model_that_forecasts_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"no variable is prognostic, .* and none is diagnostic"):
        VariableRoles((), ("t", "q"))
    assert VariableRoles(("q",), ("t",)).output == ("q",)
