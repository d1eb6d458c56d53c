"""Options keep the names of the variables of the environment that they are taken from."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from wxml.config.compose import compose
from wxml.config.load import load_config, read_config
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml.plugins.options.environment import literal_secrets
from wxml.plugins.options.model import options_model

SECRET = "S3CRET-value"  # noqa: S105
WAYS = (
    "${oc.env:TRACK}",
    "http://u:${oc.env:TRACK}@h",
    "${ oc.env:TRACK}",
    "${oc.env:TRACK,none}",
    "${oc.decode:${oc.env:TRACK}}",
)
PLACES = (
    "training.tracking_uri",
    "training.rollout.tag",
    "data.source.name",
    "verification.x",
    "graph.x",
    "model.processor.x",
)


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACK", SECRET)
    monkeypatch.setenv("COUNT", "7")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_a_config_holds_the_name_and_not_the_value(place: str, way: str) -> None:
    written = json.dumps(read_config(None, [f"+{place}='{way}'"]).config.model_dump(mode="json"))
    assert SECRET not in written
    assert "${oc.env:TRACK" in written


def test_a_reference_to_such_an_option_holds_the_name_too() -> None:
    config = read_config(None, ["+training.a='${oc.env:TRACK}'", "+verification.b='${training.a}'"]).config
    assert config.verification.options["b"] == "${oc.env:TRACK}"


def test_numbers_that_decide_the_model_are_followed_at_once() -> None:
    config = read_config(None, ["seed='${oc.env:COUNT}'", "model.processor.num_layers='${oc.env:COUNT}'"]).config
    assert config.seed == 7
    assert str(config.model.processor.options["num_layers"]) == "7"


@pytest.mark.carries_out("set the variable, or give the option another value: KEY=VALUE")
def test_a_variable_that_is_not_set_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, value = "training.tracking_uri='${oc.env:TRACK}'", "training.tracking_uri=folder"
    monkeypatch.delenv("TRACK")
    with pytest.raises(ConfigError, match=r"`tracking_uri` needs the environment variable TRACK, which is not set"):
        load_config(None, [reference])
    read_config(None, [reference])  # nothing needs it
    load_config(None, [reference, value])
    monkeypatch.setenv("TRACK", SECRET)
    load_config(None, [reference])


class Plugin:
    """Has options of every shape."""

    def __init__(
        self,
        *,
        address: str = "",
        number: int = 0,
        secret: SecretStr | None = None,
        nested: dict[str, Any] | None = None,
    ) -> None:
        """Keep nothing."""


def test_options_get_the_values() -> None:
    options = {"address": "http://u:${oc.env:TRACK}@h", "number": "${oc.env:COUNT}", "secret": "${oc.env:TRACK}"}
    parsed = parse_options(Plugin, {**options, "nested": {"a": ["${oc.env:NOT_THERE,other}"]}})
    assert parsed["address"] == f"http://u:{SECRET}@h"
    assert parsed["number"] == 7
    assert parsed["secret"].get_secret_value() == SECRET
    assert SECRET not in str(parsed["secret"])
    assert parsed["nested"] == {"a": ["other"]}
    assert "${oc.env:TRACK}" in options.values()


def test_a_wrong_value_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(Plugin, {"number": "${oc.env:TRACK}"})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", ["a", "no", "1.5", "1", "S3CRET", "x" * 200, "http://u:S3CRET@h/" + "x" * 99])
@pytest.mark.parametrize(
    ("options", "quoted"),
    [
        ({"number": "${oc.env:VALUE}/x"}, "`number` must be a valid integer, got ${oc.env:VALUE}/x"),
        ({"nested": "${oc.env:VALUE}"}, "`nested` must be a valid dictionary, got ${oc.env:VALUE}"),
        ({"address": ["${oc.env:VALUE}"]}, "`address` must be a valid string, got ['${oc.env:VALUE}']"),
    ],
)
def test_a_wrong_value_of_the_environment_is_quoted_by_name(value, options, quoted, monkeypatch) -> None:
    monkeypatch.setenv("VALUE", value)
    with pytest.raises(ConfigError) as caught:
        parse_options(Plugin, options)
    assert [fault.message for fault in caught.value.faults] == [quoted]


@pytest.mark.parametrize("value", [12345, ["hidden"], {"a": "hidden"}])
def test_a_wrong_secret_is_not_quoted(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"`secret` must be .*, got \*\*\*") as caught:
        parse_options(Plugin, {"secret": value})
    assert "hidden" not in str(caught.value)


def test_a_secret_is_masked_before_a_long_value_is_shortened() -> None:
    with pytest.raises(ConfigError, match="`number` must be a valid integer") as caught:
        parse_options(Plugin, {"number": f"http://u:hidden{'x' * 99}@h"})
    assert "hidden" not in str(caught.value)


def test_a_masked_secret_is_told() -> None:
    with pytest.raises(ConfigError, match=r"`address` holds a secret that records leave out"):
        parse_options(Plugin, {"address": "http://***@h"})


def test_an_option_of_a_secret_type_is_not_written_as_text() -> None:
    (fault,) = literal_secrets(options_model(Plugin), {"secret": SECRET, "address": SECRET}, ("data", "source"))
    assert fault.key == "data.source.secret"
    assert SECRET not in fault.message
    assert not literal_secrets(options_model(Plugin), {"secret": "${oc.env:TRACK}"})


def test_the_tree_is_not_changed_without_references(tmp_path: Path) -> None:
    assert compose(None, ["seed=3"]).plain()["seed"] == 3
