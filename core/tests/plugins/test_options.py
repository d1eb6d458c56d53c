import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, ValidationError
from wxml.errors import ConfigError, ContractError, DataError
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.options.faults import faults_of
from wxml.plugins.options.model import OptionRow, Options, describe_options, options_json_schema, options_model
from wxml.plugins.resolve import resolve


class Edges(Options):
    radius: Annotated[float, Field(gt=0, description="in mesh edge lengths")] = 0.6
    nearest: Annotated[int, Field(ge=1, description="how many")] = 3


def even(value: int) -> int:
    if value % 2:
        raise DataError(f"`width` must be even, got {value}", fix="add one")
    return value


class Plugin:
    def __init__(
        self,
        mesh: object,
        channels: int,
        *,
        layers: Annotated[int, Field(gt=0, le=64, description="how deep")] = 4,
        pooling: Literal["mean", "sum"] = "mean",
        encoder: Annotated[Edges, Field(description="grid to mesh")] = Edges(radius=0.9),  # noqa: B008  # immutable
        decoder: Edges | None = None,
        names: Annotated[list[str], Field(min_length=1)],
        folder: Path | None = None,
        steps: Annotated[int, Field(gt=0)] | Literal["all"] = "all",
        width: Annotated[int, AfterValidator(even)] = 2,
        copy: bool = False,
    ) -> None: ...


def faults(**options: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_options(Plugin, {"names": ["t"], **options}, "model.processor")
    return {fault.key: fault.message for fault in caught.value.faults}


def test_the_options_are_the_keyword_only_parameters() -> None:
    assert list(options_model(Plugin).model_fields) == [
        "layers", "pooling", "encoder", "decoder", "names", "folder", "steps", "width", "copy",
    ]  # fmt: skip


def test_parsed_options_are_python_values_with_all_defaults() -> None:
    parsed = parse_options(Plugin, {"names": ["t"], "layers": "8", "folder": "x", "decoder": {"nearest": 1}})
    assert parsed == {
        "layers": 8,
        "pooling": "mean",
        "encoder": Edges(radius=0.9),
        "decoder": Edges(nearest=1),
        "names": ["t"],
        "folder": Path("x"),
        "steps": "all",
        "width": 2,
        "copy": False,
    }


def test_an_unknown_option_is_answered_with_the_nearest() -> None:
    assert faults(layer=3) == {
        "model.processor.layer": "unknown key `layer`: did you mean 'layers'?   known: copy, decoder, encoder, "
        "folder, layers, names, pooling, steps, width"
    }


def test_an_unknown_option_of_a_group_is_answered_with_the_names_of_the_group() -> None:
    assert faults(encoder={"radios": 1}, decoder={"nearst": 1}) == {
        "model.processor.encoder.radios": "unknown key `radios`: did you mean 'radius'?   known: nearest, radius",
        "model.processor.decoder.nearst": "unknown key `nearst`: did you mean 'nearest'?   known: nearest, radius",
    }


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("layers", 0, "`layers` must be greater than 0, got 0"),
        ("layers", "many", "`layers` must be a valid integer, got 'many'"),
        ("pooling", "max", "`pooling` must be 'mean' or 'sum', got 'max'"),
        ("steps", -1, "`steps` must be greater than 0 or must be 'all', got -1"),
        ("names", [], "`names` must have at least 1 item after validation, not 0, got []"),
        ("width", 3, "`width` is wrong: `width` must be even, got 3; add one"),
        ("encoder", 5, "`encoder` must be a section with keys of its own, got 5"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_valid(option, value, message) -> None:
    assert faults(**{option: value}) == {f"model.processor.{option}": message}


def test_a_place_in_a_list_and_in_a_group_is_part_of_the_path() -> None:
    assert set(faults(names=["t", 3], encoder={"radius": -1})) == {
        "model.processor.names.1",
        "model.processor.encoder.radius",
    }


def test_all_faults_are_reported_at_once_and_without_a_place_too() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(Plugin, {"layers": 0, "pooling": 1, "nonsense": 2})
    assert {fault.key for fault in caught.value.faults} == {"layers", "pooling", "nonsense", "names"}
    assert "`names` is missing (names)" in str(caught.value)


def test_the_rows_say_name_type_default_constraint_and_description() -> None:
    rows = {row.name: row for row in describe_options(Plugin)}
    assert rows["layers"] == OptionRow("layers", "int", "4", "> 0, <= 64", "how deep")
    assert rows["pooling"] == OptionRow("pooling", "'mean' | 'sum'", "mean", "", "")
    assert rows["names"] == OptionRow("names", "list[str]", None, "length >= 1", "")
    assert rows["folder"] == OptionRow("folder", "Path | None", "null", "", "")
    assert rows["encoder.radius"] == OptionRow("encoder.radius", "float", "0.9", "> 0", "in mesh edge lengths")
    assert rows["encoder.nearest"].default == "3"
    assert rows["decoder"] == OptionRow("decoder", "Edges | None", "null", "", "")
    assert rows["decoder.radius"].default == "0.6"
    assert "encoder" not in rows


def test_the_json_schema_carries_constraints_and_descriptions() -> None:
    schema = options_json_schema(Plugin)
    assert schema["required"] == ["names"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["layers"]["maximum"] == 64
    assert schema["properties"]["layers"]["description"] == "how deep"


class Inherits(Plugin): ...


class Narrows(Plugin):
    def __init__(self, mesh: object, channels: int, *, depth: int = 1) -> None: ...


class Without: ...


def test_the_signature_that_counts_is_the_one_that_is_called() -> None:
    assert "layers" in options_model(Inherits).model_fields
    assert list(options_model(Narrows).model_fields) == ["depth"]
    assert parse_options(Without, {}) == {}


class Unannotated:
    def __init__(self, *, depth=3) -> None: ...


def written(site, imports: str) -> type:
    """A plugin whose types are texts, as ruff and `from __future__ import annotations` leave them."""
    site.trainer(
        "acme",
        "acme_x",
        f"""
from __future__ import annotations
from typing import TYPE_CHECKING
from wxml import Options, Trainer
{imports}
if TYPE_CHECKING:
    from wxml import Experiment
    from torch import Tensor

class Stage(Options):
    folder: Path

class Plugin(Trainer):
    def __init__(self, *, folder: Path = None, stages: list[Stage] = []) -> None: ...
    def fit(self, experiment: Experiment, run_dir: Path, *, resume: bool = False) -> Tensor: ...

class Grouped(Trainer):
    def __init__(self, *, stage: Stage) -> None: ...
    def fit(self, experiment: Experiment, run_dir: Path, *, resume: bool = False) -> Tensor: ...
""",
    )
    return load(resolve("trainer", "it"))


@pytest.mark.carries_out(
    "import `{}` outside of `if TYPE_CHECKING:`, because wxml reads the types of options when it runs"
)
@pytest.mark.parametrize("name", ["Plugin", "Grouped"])
def test_a_type_for_type_checkers_alone_is_imported_where_the_error_says(name, site) -> None:
    hidden = sys.modules[written(site, "if TYPE_CHECKING:\n    from pathlib import Path").__module__]
    with pytest.raises(ContractError, match="cannot be read: name 'Path' is not defined") as caught:
        options_model(getattr(hidden, name))
    assert caught.value.fix.startswith("import `Path` outside of `if TYPE_CHECKING:`")
    source = Path(str(hidden.__file__))
    source.write_text(source.read_text().replace("if TYPE_CHECKING:\n    from pathlib", "from pathlib"))
    shown = site.run("show-plugin", "trainer", "it")
    assert (shown.returncode, shown.stderr) == (0, "")


class ForCheckers:
    def __init__(self, mesh: "Mesh", *, depth: "int" = 3) -> "Nothing": ...  # type: ignore[name-defined]  # noqa: F821


def test_types_that_are_no_options_may_be_there_for_type_checkers_alone() -> None:
    assert parse_options(ForCheckers, {"depth": "4"}) == {"depth": 4}


class Unvalidatable:
    def __init__(self, *, depth: Without) -> None: ...


@pytest.mark.carries_out("annotate every keyword-only parameter with a type that pydantic knows")
@pytest.mark.parametrize(
    ("cls", "cause"),
    [
        (Unannotated, "option 'depth' has no annotation"),
        (Unvalidatable, "Unable to generate pydantic-core schema"),
    ],
)
def test_a_signature_that_cannot_be_read_is_the_fault_of_the_plugin(cls, cause) -> None:
    with pytest.raises(ContractError, match=cause) as caught:
        parse_options(cls, {"depth": "3"})
    assert caught.value.exit_code == 3
    assert parse_options(Narrows, {"depth": "3"}) == {"depth": 3}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("xé1.-", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xé1.-", max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a machine under load
@given(st.dictionaries(st.sampled_from([*options_model(Plugin).model_fields, "other"]), JSON))
def test_whatever_a_config_holds_is_parsed_or_refused_in_words(options) -> None:
    try:
        parsed = parse_options(Plugin, options, "here")
    except ConfigError as error:
        assert all(fault.key.startswith("here") and fault.message for fault in error.faults)  # noqa: PT017
    else:
        assert set(parsed) == set(options_model(Plugin).model_fields)


class Union(Options):
    sizes: dict[str, Edges | list[float]] = {}
    pair: tuple[int, Edges] | None = None


def test_the_members_of_a_union_are_no_part_of_the_path() -> None:
    given = {"sizes": {"a.b": {"radios": 1}, "c": ["x"]}, "pair": [1, {"nearest": "many"}]}
    with pytest.raises(ValidationError) as caught:
        Union.model_validate(given)
    found = {fault.path: fault.message for fault in faults_of(caught.value, Union, ("graph",))}
    assert found == {
        ("graph", "sizes", "a.b", "radios"): "unknown key `radios`: did you mean 'radius'?   known: nearest, radius",
        ("graph", "sizes", "a.b"): "`a.b` must be a valid list, got {'radios': 1}",
        ("graph", "sizes", "c"): "`c` must be a section with keys of its own, got ['x']",
        ("graph", "sizes", "c", 0): "`0` must be a valid number, got 'x'",
        ("graph", "pair", 1, "nearest"): "`nearest` must be a valid integer, got 'many'",
    }
