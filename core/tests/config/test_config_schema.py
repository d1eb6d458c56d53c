"""What the schema accepts, and what it makes of dates."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from wxml.config.data_schema import DataConfig, SplitConfig
from wxml.config.load import read_config
from wxml.config.model_schema import ModelConfig
from wxml.config.renamed import renamed_fault, with_new_names
from wxml.config.schema import ExperimentConfig
from wxml.config.section import size_in_bytes
from wxml.data.times import parse_duration
from wxml.errors import ConfigError, DataError
from wxml.plugins.options.choices import PluginChoice

TOY = {"plugin": "toy"}
# a machine under load is slow, which says nothing about the config
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def experiment(**changes):
    data = {"source": TOY, "split": {"training": ["2000-01-01", "2000-01-31"]}}
    model = {"encoder": TOY, "processor": TOY, "decoder": TOY}
    return {"data": data, "graph": TOY, "model": model, "training": TOY} | changes


def first_message(build, *args, **kwargs):
    with pytest.raises(ValidationError) as caught:
        build(*args, **kwargs)
    return caught.value.errors()[0]["msg"]


def second(text):
    return np.datetime64(text, "s")


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2000-01-01", "2000-10-31", "2000-01-01T00:00:00", "2000-10-31T23:59:59"),
        (date(2000, 2, 28), date(2000, 2, 29), "2000-02-28T00:00:00", "2000-02-29T23:59:59"),
        ("2000-01-01T06", "2000-01-01T18", "2000-01-01T06:00:00", "2000-01-01T18:00:00"),
        (datetime(2000, 1, 1, 6), datetime(2000, 1, 2), "2000-01-01T06:00:00", "2000-01-02T00:00:00"),
        ("1999-12-31 18:00Z", "1999-12-31T18", "1999-12-31T18:00:00", "1999-12-31T18:00:00"),
        (datetime(2000, 1, 1, tzinfo=UTC), "2000-01", "2000-01-01T00:00:00", "2000-01-31T23:59:59"),
        (1999, 2000, "1999-01-01T00:00:00", "2000-12-31T23:59:59"),
        ("2000-01-01", "2000-01-01", "2000-01-01T00:00:00", "2000-01-01T23:59:59"),
    ],
)
def test_a_period_is_inclusive_and_a_bare_end_means_its_whole_day(start, end, first, last):
    split = SplitConfig(training=[start, end])
    assert split.period("training") == (second(first), second(last))


@relaxed
@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 4000))
def test_a_period_of_days_lasts_whole_days(start, days):
    end = np.datetime64(start, "D") + np.timedelta64(days, "D")
    first, last = SplitConfig(training=[start, str(end)]).period("training")
    assert last - first == np.timedelta64((days + 1) * 86400 - 1, "s")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["2000-02-01", "2000-01-01"], "must not end before it starts, got [2000-02-01, 2000-01-01]"),
        (["2000-01-01T12", "2000-01-01T06"], "must not end before it starts"),
        (["2000-01-01"], "must be a pair [start, end], got ['2000-01-01']"),
        ("2000-01-01", "must be a pair [start, end]"),
        (["today", "2000-01-01"], "must be an ISO date or date-time, got 'today'"),
        (["2000-02-30", "2001-01-01"], "must be an ISO date or date-time, got '2000-02-30'"),
        (["2000-01-01T00+02:00", "2001-01-01"], "must be an ISO date or date-time"),
        ([True, "2000-01-01"], "must be an ISO date or date-time, got 'True'"),
        ([None, "2000-01-01"], "must be an ISO date or date-time, got 'None'"),
    ],
)
def test_periods_that_are_refused(value, message):
    assert message in first_message(SplitConfig, training=value)


@pytest.mark.carries_out("write `data.split.{}: [start, end]`")
def test_a_split_that_is_not_written_is_an_error():
    split = SplitConfig(training=["2000", "2001"])
    for name in ("validation", "test", "model_fields"):
        with pytest.raises(DataError, match=f"the config has no period `data.split.{name}`"):
            split.period(name)
    written = SplitConfig(training=["2000", "2001"], validation=["2002", "2003"], test=["2004", "2005"])
    years = [written.period(name)[0].astype("M8[Y]").astype(str) for name in ("training", "validation", "test")]
    assert years == ["2000", "2002", "2004"]


@pytest.mark.parametrize(
    "name", ["gnn", "GraphTransformer", "graph_transformer", "wxml-processor-gnn:gnn", "acme.wxml:icon"]
)
def test_names_of_plugins(name):
    assert PluginChoice(plugin=name).plugin == name


@pytest.mark.parametrize(
    "name", ["os.system", "package.module:Class", "a:b:c", "", "a b", "./gnn", "x/y", "gnn:", ":gnn", "a:b.c"]
)
def test_import_paths_are_no_names_of_plugins(name):
    assert "a plugin is chosen by name, never by import path" in first_message(PluginChoice, plugin=name)


def test_options_of_a_plugin_are_open_and_keep_any_name():
    choice = PluginChoice.model_validate({"plugin": "gnn", "options": 1, "copy": {"a": [1]}, "model_config": None})
    assert choice.options == {"options": 1, "copy": {"a": [1]}, "model_config": None}


def test_the_defaults():
    config = ExperimentConfig.model_validate(experiment())
    assert config.seed == 0
    assert (config.data.timestep, config.data.input_steps) == ("6h", 2)
    assert parse_duration(config.data.timestep) == np.timedelta64(21600, "s")
    assert [choice.plugin for choice in config.data.transforms] == ["normalise"]
    assert (config.model.channels, config.model.residual, config.model.increment_scale) == (
        64,
        "persistence",
        "tendency",
    )
    assert (config.forecast.lead_time, config.forecast.writer, config.forecast.batch_size) == ("48h", None, 8)
    assert config.verification == PluginChoice(plugin="scorecard")


def test_a_variable_has_one_role():
    message = first_message(DataConfig, source=TOY, variables={"forcing": ["z"], "constant": ["orog"]}, split={})
    assert "`constant` names ['orog'], which are not in `forcing`" in message
    message = first_message(DataConfig, source=TOY, variables={"forcing": ["z", "t"], "diagnostic": ["t"]}, split={})
    assert "a variable has one role, got ['t'] more than once" in message


def test_bounds_are_in_order():
    model = experiment()["model"] | {"bounding": {"tp": {"minimum": 1, "maximum": 0}}}
    assert "`minimum` must not exceed `maximum`, got 1.0 and 0.0" in first_message(
        ExperimentConfig.model_validate, experiment(model=model)
    )


def test_the_lead_time_is_a_whole_number_of_time_steps():
    message = first_message(ExperimentConfig.model_validate, experiment(forecast={"lead_time": "15h"}))
    assert "`lead_time` must be a whole number of time steps of 6h, got 15h" in message
    data = experiment()["data"] | {"timestep": "5h"}
    assert "of 5h, got 48h" in first_message(ExperimentConfig.model_validate, experiment(data=data))


def test_a_config_does_not_change():
    config = ExperimentConfig.model_validate(experiment())
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=5,
)
choices = st.dictionaries(st.text().filter(lambda key: key != "plugin"), values, max_size=3).map(
    lambda options: {**options, "plugin": "toy"}
)


@relaxed
@given(st.integers(-(2**53), 2**53), choices, st.lists(choices, max_size=2), st.floats(0, 1))
def test_json_and_back_is_the_same_config(seed, graph, transforms, minimum):
    raw = experiment(seed=seed, graph=graph)
    raw["data"]["transforms"] = transforms
    raw["data"]["split"]["test"] = [date(2001, 1, 1), datetime(2001, 2, 1, 6)]
    raw["model"]["bounding"] = {"tp": {"minimum": minimum}}
    config = ExperimentConfig.model_validate(raw)
    text = json.dumps(config.model_dump(mode="json"))
    again = ExperimentConfig.model_validate(json.loads(text))
    assert again == config
    assert again.data.split.period("test")[1] == second("2001-02-01T06:00:00")


def test_every_key_says_what_it_is():
    def descriptions(model):
        for name, info in model.model_fields.items():
            yield name, info.description
            if hasattr(info.annotation, "model_fields"):
                yield from descriptions(info.annotation)

    listed = list(descriptions(ExperimentConfig))
    assert len(listed) > 30
    assert [name for name, text in listed if not text or "\n" in text] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512MiB", 512 * 2**20),
        (" 20 GB ", 20 * 10**9),
        ("1.5 gib", 3 * 2**29),
        ("7B", 7),
        ("3kb", 3000),
    ],
)
def test_units_of_memory_count_in_1024_or_in_1000(text: str, expected: int) -> None:
    assert size_in_bytes(text) == expected


@pytest.mark.parametrize("text", ["20", "GiB", "-1GiB", "0MiB", "20 GiBs", "20 iB", "", 20, None])
def test_what_is_no_amount_of_memory_is_refused(text: object) -> None:
    with pytest.raises(DataError, match="must be a positive number and a unit, got"):
        size_in_bytes(text)


def test_a_config_keeps_the_limit_as_it_was_written() -> None:
    part = {"plugin": "any"}
    config = ModelConfig(encoder=part, processor=part, decoder=part, memory_limit="20 GB")
    assert config.memory_limit == "20 GB"


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("earlier_states", "changes", "`earlier_states: changes` is now written `input_tendencies: true`"),
        ("earlier_states", "values", "`earlier_states: values` is now written `input_tendencies: false`"),
        ("residual", "last-state", "`residual: last-state` is now written `residual: persistence`"),
        (
            "checkpointing",
            {"processor": 2},
            '`checkpointing: {"processor": 2}` is now written `activation_checkpointing: {"processor": 2}`',
        ),
    ],
)
def test_an_old_key_is_refused_with_the_new_one(old: str, value: object, new: str) -> None:
    assert renamed_fault(("model", old), value) == new
    assert renamed_fault(("model", "residual"), "truncated") is None
    assert renamed_fault(("model", "channels"), 3) is None
    today = with_new_names({"model": {old: value, "channels": 8}, "seed": 1})
    assert with_new_names(today) == today
    assert today["seed"] == 1
    assert len(today["model"]) == 2


def test_a_config_file_with_an_old_key_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text("model:\n  residual: last-state\n  checkpointing: {mappers: true}\n")
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    said = str(raised.value)
    assert "is now written `residual: persistence`" in said
    assert "is now written `activation_checkpointing: " in said
    assert "experiment.yaml:2" in said
    assert "experiment.yaml:3" in said
