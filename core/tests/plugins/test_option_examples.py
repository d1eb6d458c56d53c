"""The example of `wxml show-plugin` is a config: what it prints is read back by the machinery of configs."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, FutureDate, HttpUrl, SecretBytes, SecretStr, StringConstraints
from wxml.cli import group
from wxml.cli.show_plugin import LISTS, NAMED, PLACES
from wxml.files.yaml_loader import load_yaml, yaml_text
from wxml.plugins.catalog import installed
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.options.choices import Kind, PluginChoice
from wxml.plugins.options.environment import REFERENCE, literal_secrets
from wxml.plugins.options.example import example_options
from wxml.plugins.options.model import Options, describe_options, options_model


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 3
    HIGH = 7


class Stage(Options):
    steps: Annotated[int, Field(gt=10)]
    colour: Colour = Colour.GREEN
    writer: Annotated[PluginChoice, Kind("transform")]
    token: SecretStr = SecretStr("hidden")


class Tree(Options):
    width: int
    children: list["Tree"] = []


class Guarded(Options):
    password: SecretStr
    user: str = "me"


def even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


def plugin(annotation: Any, **default: Any) -> type:
    """A plugin with one option of a type, called `it`."""

    def constructor(self: object, *, it: Any = None) -> None: ...

    constructor.__annotations__["it"] = annotation
    constructor.__kwdefaults__ = {"it": default["default"]} if default else None  # type: ignore[assignment]
    return type("Plugin", (), {"__init__": constructor})


def read_back(cls: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The example as it is printed and read again, and the options that it gives."""
    written = load_yaml(yaml_text({"plugin": "it", **example_options(cls)}), "example").plain()
    assert written.pop("plugin") == "it"
    with pytest.MonkeyPatch.context() as patch:
        for match in REFERENCE.finditer(str(written)):
            patch.setenv(match["name"], "a value of the environment")
        assert literal_secrets(options_model(cls), written) == []
        return written, parse_options(cls, written)


REQUIRED = [
    int, float, bool, str, Path, Decimal, UUID, HttpUrl, Any, bytes,
    dt.date, dt.datetime, dt.time, dt.timedelta, FutureDate,
    Colour, Level, Literal["a", "b"], Literal[3], Literal["a"] | None, int | None,
    list[int], list[Stage], dict[str, Stage], dict[str, list[Stage]], Mapping[str, float], Sequence[Path],
    dict[int, str], dict[Colour, int], dict[dt.date, int], dict[Literal["t", "u"], Stage],
    tuple[int, str, Colour], tuple[float, ...], set[Colour], frozenset[int],
    Stage, Stage | None, Tree, list[Tree], Guarded, SecretStr, SecretBytes, SecretStr | None,
    Annotated[PluginChoice, Kind("transform")], list[Annotated[PluginChoice, Kind("transform")]],
    Annotated[list[PluginChoice], Kind("transform")], Annotated[PluginChoice | None, Kind("transform")],
    dict[str, Annotated[PluginChoice, Kind("transform")]],
    Annotated[str, StringConstraints(pattern="^[a-z]{2,5}$")], Annotated[str, Field(min_length=20)],
    Annotated[str, Field(max_length=2)], Annotated[list[int], Field(min_length=3)],
    Annotated[set[int], Field(min_length=3)], Annotated[set[Colour], Field(min_length=2)],
    Annotated[set[str], Field(min_length=2)], Annotated[list[int], Field(max_length=0)],
    Annotated[dict[str, int], Field(min_length=2)], Annotated[int, AfterValidator(even), Field(examples=[4])],
    Annotated[float, Field(gt=0, lt=1e-9)], Annotated[int, Field(multiple_of=7, gt=7)], Annotated[int, Field(le=-5)],
    Annotated[float, Field(gt=1e300)], Annotated[int, Field(ge=1)] | Literal["all"],
]  # fmt: skip


def called(value: object) -> str:
    """The name of a case: the same in every process, where the text of a function has its address."""
    return re.sub(r" at 0x\w+", "", str(value))


@pytest.mark.parametrize("annotation", REQUIRED, ids=called)
def test_a_required_option_has_a_value_that_it_accepts(annotation) -> None:
    cls = plugin(annotation)
    written, parsed = read_back(cls)
    assert list(written) == list(parsed) == ["it"]


LEAVES = st.sampled_from([int, float, bool, str, Path, dt.date, dt.timedelta, Colour, Level, Stage, Guarded])
NUMBERS = st.integers(-1000, 1000)
BOUNDED = st.builds(
    lambda low, more: Annotated[int, Field(ge=low, le=low + more)], NUMBERS, st.integers(0, 9)
) | st.builds(lambda low, more: Annotated[float, Field(gt=low, lt=low + more)], NUMBERS, st.floats(0.01, 9))
CHOICES = st.lists(st.sampled_from(["a", "no", "1", "null", "a: b", "#"]), min_size=1).map(
    lambda some: Literal[tuple(some)]
)  # type: ignore[valid-type]
TYPES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | BOUNDED | CHOICES,
    lambda inner: st.one_of(
        inner.map(lambda it: list[it]),
        inner.map(lambda it: dict[str, it]),
        inner.map(lambda it: it | None),
        st.tuples(inner, inner).map(lambda two: tuple[two]),
        st.tuples(inner, st.integers(1, 3)).map(lambda it: Annotated[list[it[0]], Field(min_length=it[1])]),
        inner.map(lambda it: type("Group", (Options,), {"__annotations__": {"inside": it}, "__module__": __name__})),
    ),
    max_leaves=5,
)  # fmt: skip


@given(TYPES)
@settings(deadline=None)
def test_so_has_one_of_any_type(annotation) -> None:
    written, _ = read_back(plugin(annotation))
    assert "<it>" not in written or annotation is str


DEFAULTS = [
    (Colour, Colour.GREEN), (Level, Level.HIGH), (dt.date, dt.date(2020, 2, 29)), (Path, Path("a/b")),
    (dt.timedelta, dt.timedelta(hours=6)), (list[Colour], [Colour.RED]),
    (dict[str, int], {"1": 1, "no": 2}),
    (str, "1e3"), (str, "no"), (str, "2000-01-01"), (str, "a: b"), (float, float("inf")), (float, 1e-12),
    (tuple[int, ...], (1, 2)), (set[int], {3}), (Guarded | None, None), (Literal["off", "on"], "off"), (Any, None),
    (Annotated[PluginChoice, Kind("transform")], PluginChoice(plugin="impute")), (bytes, b"raw"),
    (Decimal, Decimal("1.50")),
    (list[Stage], [Stage(steps=11, writer=PluginChoice(plugin="impute", value=0.5))]), (SecretStr | None, None),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "default"), DEFAULTS, ids=called)
def test_a_default_is_written_so_that_it_is_read_back(annotation, default) -> None:
    written, parsed = read_back(plugin(annotation, default=default))
    assert list(written) == ["it"]
    assert parsed == {"it": default}


@pytest.mark.parametrize(
    ("annotation", "default"),
    [(SecretStr, SecretStr("hidden")), (int, object()), (Annotated[int, Field(gt=0)], "auto")],
)
def test_a_default_that_yaml_cannot_hold_and_a_secret_are_left_out(annotation, default) -> None:
    written, parsed = read_back(plugin(annotation, default=default))
    assert written == {}
    assert parsed == {"it": default}


def test_a_secret_inside_of_a_default_is_left_out() -> None:
    written, parsed = read_back(plugin(Stage, default=Stage(steps=11, writer=PluginChoice(plugin="impute"))))
    assert written == {"it": {"steps": 11, "colour": "green", "writer": {"plugin": "impute"}}}
    assert parsed["it"].token.get_secret_value() == "hidden"


def test_an_option_that_only_a_function_can_judge_has_a_placeholder() -> None:
    assert example_options(plugin(Annotated[int, AfterValidator(even), Field(gt=0, lt=2)])) == {"it": "<it>"}


def test_lists_and_mappings_of_groups_have_a_row_of_their_own_and_groups_that_hold_themselves_end() -> None:
    names = {row.name: row.type for row in describe_options(plugin(dict[str, list[Stage]]))}
    assert names["it"] == "dict[str, list[Stage]]"
    assert names["it.*.steps"] == "int"
    assert names["it.*.colour"] == "'red' | 'green'"
    assert [row.name for row in describe_options(plugin(list[Tree]))] == ["it", "it.*.width", "it.*.children"]


CHOOSABLE = [record for record in installed().records if record.kind in installed().kinds and record.status == "ok"]


@pytest.mark.parametrize("record", CHOOSABLE, ids=lambda record: f"{record.kind} {record.name}")
def test_the_example_of_each_installed_plugin_is_a_config(record) -> None:
    done = CliRunner().invoke(group, ["show-plugin", record.kind, record.name])
    assert done.exit_code == 0, done.output
    heading = "in a config" if record.kind in PLACES else f", where it chooses a plugin of the kind {record.kind}"
    block = load_yaml(done.stdout.partition(f"{heading}:\n")[2], "example").plain()
    for key in PLACES.get(record.kind, ()):
        block = block[key][0] if key in LISTS else block[key]
    if record.kind in NAMED:
        block = {"plugin": record.name, **block[record.name]}
    assert block.pop("plugin") == record.name
    cls = load(record)
    parsed = parse_options(cls, block)
    fields = options_model(cls).model_fields
    defaults = {name: field.get_default() for name, field in fields.items() if not field.is_required()}
    assert {name: parsed[name] for name in defaults} == defaults
    assert {name for name in fields if name not in defaults} <= block.keys()
