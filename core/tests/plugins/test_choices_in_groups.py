"""Choices of plugins in lists and mappings of groups, and keys of a place beside the options of the plugin."""

from typing import Annotated

from pydantic import Field
from wxml import Kind, Options, PluginChoice
from wxml.plugins.options.choices import PlacedPlugin, choices_in
from wxml.plugins.options.rows import option_rows


class Stage(Options):
    steps: int = 1
    trainer: Annotated[PluginChoice, Kind("trainer")]


class Part(PluginChoice):
    """A processor, and what comes after it."""

    start: Annotated[str, Field(alias="from", description="where it starts")]
    after: Annotated[dict[str, PluginChoice], Kind("transform", by_key=True)] = {}


class Model(Options):
    stages: list[Stage] = []
    named: dict[str, Stage] = {}
    parts: Annotated[tuple[Part, ...], Kind("processor")] = ()
    of: Annotated[dict[str, Part], Kind("mapper")] = {}


def test_choices_in_lists_and_mappings_of_groups_are_found() -> None:
    values = {
        "stages": [{"trainer": {"plugin": "a"}}, {"steps": 2, "trainer": {"plugin": "b", "rate": 1}}],
        "named": {"last": {"trainer": {"plugin": "c"}}},
    }
    found = [(place.path, place.kind, place.written["plugin"]) for place in choices_in(values, Model)]
    assert found == [
        (("stages", 0, "trainer"), "trainer", "a"),
        (("stages", 1, "trainer"), "trainer", "b"),
        (("named", "last", "trainer"), "trainer", "c"),
    ]


def test_the_keys_of_a_place_are_no_options_of_its_plugin() -> None:
    part = {"plugin": "gnn", "from": "grid", "layers": 2, "after": {"log": {"base": 10}}}
    first, inner = choices_in({"parts": [part]}, Model)
    assert (first.path, first.kind, first.options) == (("parts", 0), "processor", {"layers": 2})
    assert (inner.path, inner.kind, inner.options) == (("parts", 0, "after", "log"), "transform", {"base": 10})
    assert inner.written["plugin"] == "log"
    parsed = Part.model_validate({"plugin": "gnn", "from": "grid", "layers": 2})
    assert (parsed.start, parsed.options) == ("grid", {"layers": 2})
    (named,) = choices_in({"of": {"x": parsed.model_dump(by_alias=True)}}, Model)
    assert (named.path, named.options) == (("of", "x"), {"layers": 2})


def test_a_place_with_another_plugin_keeps_its_keys() -> None:
    place = PlacedPlugin(("parts", 0), "processor", {"plugin": "old", "from": "grid", "n": 1}, frozenset({"from"}))
    assert place.rewritten("new", {"m": 2}).written == {"plugin": "new", "from": "grid", "m": 2}


def test_the_keys_of_a_place_have_rows() -> None:
    rows = {row.name: row for row in option_rows(Model)}
    assert rows["parts"].type == "tuple[processor, ...]"
    assert rows["parts.*.from"].description == "where it starts"
