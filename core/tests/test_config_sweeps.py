"""Several values for one key: all combinations."""

import pytest
from wxml.config.sweeps import MOST_COMBINATIONS, combinations
from wxml.errors import ConfigError


def test_all_combinations_in_the_order_of_the_keys() -> None:
    found = combinations(["model=gnn,transformer", "training.max_steps=5", "training.learning_rate=1e-3,3e-3"])
    assert [one.overrides for one in found] == [
        ("model=gnn", "training.max_steps=5", "training.learning_rate=0.001"),
        ("model=gnn", "training.max_steps=5", "training.learning_rate=0.003"),
        ("model=transformer", "training.max_steps=5", "training.learning_rate=0.001"),
        ("model=transformer", "training.max_steps=5", "training.learning_rate=0.003"),
    ]
    assert found[1].values == {"model": "gnn", "training.learning_rate": "0.003"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=choice(3,5)", ["seed=3", "seed=5"]),
        ("seed=range(1,4)", ["seed=1", "seed=2", "seed=3"]),
        ("seed=range(0,7,3)", ["seed=0", "seed=3", "seed=6"]),
        ("seed=sort(2,1)", ["seed=1", "seed=2"]),
        ("+a.b=[1,2],[3]", ["+a.b=[1,2]", "+a.b=[3]"]),
        ("name='a,b',c", ["name='a,b'", "name=c"]),
        ("name=null,1", ["name=null", "name=1"]),
    ],
)
def test_the_grammar_of_hydra(text, values) -> None:
    assert [one.overrides for one in combinations([text])] == [(value,) for value in values]


def test_an_override_with_one_value_stays_as_it_is() -> None:
    given = ["~forecast.lead_time", "name='a b'", "levels=[1,2]", "path=${oc.env:HOME}", "seed=1,2"]
    assert [one.overrides for one in combinations(given)] == [(*given[:-1], "seed=1"), (*given[:-1], "seed=2")]


@pytest.mark.carries_out("write several values as key=a,b, key=choice(a,b) or key=range(1,4)")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=1"], "there is none"),
        ([], "there is none"),
        (["seed=interval(0,1)"], "the same list"),
        (["seed=glob(*)"], "the same list"),
        (["seed=shuffle(1,2)"], "the same list"),
        (["seed=1,1"], "the value 1 is there twice"),
        (["seed=range(0,1000000000)"], f"may have {MOST_COMBINATIONS}"),
        (["seed=range(0,40)", "a=range(0,40)"], f"may have {MOST_COMBINATIONS}"),
        (["seed"], "key=value"),
        (["seed=[1"], "cannot be read"),
    ],
)
def test_what_is_no_sweep(overrides, message) -> None:
    with pytest.raises(ConfigError, match=message):
        combinations(overrides)
    assert len(combinations(["seed=1,2"])) == len(combinations(["seed=choice(1,2)"])) == 2
    assert len(combinations(["seed=range(1,4)"])) == 3
