"""Properties of the merged tree and of the YAML loader."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.config.tree import DEFAULT, overlay, path_of, resolved, tree_of
from wxml.errors import ConfigError
from wxml.files.yaml_loader import Origin, load_yaml, path_text, yaml_text

breaks = "\x85\u2028\u2029"  # PyYAML folds these line breaks of Unicode
texts = st.text(st.characters(codec="utf-8", exclude_characters=breaks), max_size=8) | st.sampled_from(
    ["no", "off", "on", "yes", "null", "~", "1e-3", "12:30", "t_850.0", "007", ""]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3), max_leaves=8
)
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tree(value, layer="a"):
    return tree_of(value, Origin(layer))


@relaxed
@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_again(value):
    assert load_yaml(yaml_text(value), "x").plain() == value


@relaxed
@given(values, values, values)
def test_the_order_of_merging_does_not_matter_only_the_order_of_layers(low, middle, high):
    layers = [tree({"top": value}) for value in (low, middle, high)]
    left = overlay(overlay(layers[0], layers[1]), layers[2])
    assert overlay(left, layers[2]).plain() == left.plain()
    assert overlay(tree({}), layers[0]).plain() == layers[0].plain()


NAMES = [("a", "gnn"), ("b", "gnn"), ("", "gnn"), ("", "icon")]
spellings = st.tuples(st.sampled_from(NAMES), st.sampled_from([str.lower, str.upper, str.title]))


@relaxed
@given(st.lists(spellings, min_size=1, max_size=5))
def test_options_stay_until_another_plugin_is_named(layers):
    merged, known, kept = tree({}), ("", ""), set()
    for index, ((distribution, bare), spell) in enumerate(layers):
        full = f"{distribution}:{bare}" if distribution else bare
        merged = overlay(merged, tree({"p": {"plugin": spell(full), f"option{index}": index}}))
        same = known[1] == bare and (not known[0] or not distribution or known[0] == distribution)
        known = (distribution or (known[0] if same else ""), bare)
        kept = (kept if same else set()) | {f"option{index}"}
    assert set(merged.plain()["p"]) - {"plugin"} == kept


def test_booleans_are_those_of_yaml_1_2_and_keys_are_text():
    found = load_yaml("{no: off, on: yes, null: ~, 1: true, 2000-01-01: 2000-01-01}", "x").plain()
    assert found == {"no": "off", "on": "yes", "null": None, "1": True, "2000-01-01": "2000-01-01"}


def test_a_key_with_dots_is_one_step_where_it_exists():
    found = tree({"bounding": {"t_850.0": {"minimum": 0}}, "list": [{"a.b": 1}]})
    assert path_of("bounding.t_850.0.minimum", found) == ("bounding", "t_850.0", "minimum")
    assert path_of("list.0.a.b", found) == ("list", 0, "a.b")
    assert path_text(("bounding", "t_850.0")) == "bounding.t_850.0"


@relaxed
@given(scalars.filter(lambda value: not isinstance(value, str) or ("$" not in value and value != "???")))
def test_references_keep_the_type_and_bad_ones_are_said(value):
    assert resolved(tree({"a": value, "b": {"c": "${a}"}})).plain()["b"] == {"c": value}
    with pytest.raises(ConfigError, match="the reference cannot be followed"):
        resolved(tree({"a": "${b}", "b": "${a}"}))


def test_aliases_of_aliases_are_bounded():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    with pytest.raises(ConfigError, match="more than 100000 values, aliases followed"):
        load_yaml("\n".join(lines), "x", "x.yaml")
    assert str(load_yaml("a:\n  b: 1\n", "x.yaml", "x.yaml").value["a"].value["b"].origin) == "x.yaml:2"
    assert str(DEFAULT) == "default"
