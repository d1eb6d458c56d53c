"""What a config file is told that uses former names of plugins and options."""

import sys

import pytest
from wxml.plugins.create import choice_faults
from wxml.plugins.former_names import todays_choice
from wxml.plugins.options.choices import PlacedPlugin

TRAINER = """
from wxml.training.trainer import Trainer

class Plugin(Trainer):
    '''Trains nothing.'''
    def __init__(self, *, order: int = 1, epochs: int = 1): ...
    def fit(self, experiment, run_dir, *, resume=False): ...
"""
MIGRATIONS = """
from wxml import Migration

def change(version, plugin, **changes):
    return Migration(version=version, kind="trainer", plugin=plugin, **changes)

MIGRATIONS = [
    change("2.0", "first", renamed="second", options={"rank": "degree"}),
    change("3.0", "second", renamed="it", options={"degree": "order"}),
    change("3.0", "gone", renamed="nowhere"),
    change("3.5", "it", options={"epochs": "rounds"}),
    change("3.6", "it", options={"rounds": "epochs"}),
]
"""
POINTS = "[wxml.trainers]\nit = acme_x.part:Plugin\n[wxml.migrations]\nacme = acme_migrations:MIGRATIONS\n"


@pytest.fixture
def acme(site):
    site.add("acme", POINTS, {"acme_x/part.py": TRAINER, "acme_migrations.py": MIGRATIONS}, version="4.0")
    return site


def faults(**written: object) -> dict[str, str]:
    place = PlacedPlugin(("training",), "trainer", written)
    return {fault.key: fault.message for fault in choice_faults(place)}


@pytest.mark.parametrize("name", ["first", "second", "acme:first", "First"])
def test_a_former_name_of_a_plugin_is_told(acme, name: str) -> None:
    assert faults(plugin=name) == {"training.plugin": f"`plugin: {name}` is now written `plugin: it`"}


def test_former_names_of_options_are_told_with_it(acme) -> None:
    said = {
        "training.rank": "`rank` is now written `order`",
        "training.degree": "`degree` is now written `order`",
    }
    assert faults(plugin="it", rank=2, degree=3) == said
    assert faults(plugin="first", rank=2, degree=3) == {
        **said,
        "training.plugin": "`plugin: first` is now written `plugin: it`",
    }


def test_what_is_an_option_today_is_none_of_them(acme) -> None:
    assert faults(plugin="it", epochs=3) == {}
    assert faults(plugin="it", rounds=3) == {"training.rounds": "`rounds` is now written `epochs`"}


def test_another_name_is_as_unknown_as_ever(acme) -> None:
    assert faults(plugin="gone")["training.plugin"].startswith("unknown trainer 'gone': ")
    assert faults(plugin="it", orders=1)["training.orders"].startswith("unknown key `orders`: did you mean 'order'?")


def test_the_full_name_is_told_where_the_bare_one_is_taken_twice(acme) -> None:
    acme.trainer("other", "other_x")
    assert faults(plugin="first")["training.plugin"] == "`plugin: first` is now written `plugin: acme:it`"


def test_a_former_name_that_two_packages_claim_is_unknown(acme) -> None:
    points = POINTS.replace("acme", "other")
    acme.add("other", points, {"other_x/part.py": TRAINER, "other_migrations.py": MIGRATIONS}, version="4.0")
    assert faults(plugin="first")["training.plugin"].startswith("unknown trainer 'first'")
    assert "is now written `plugin: other:it`" in faults(plugin="other:first")["training.plugin"]


def test_migrations_that_cannot_be_used_are_left_out(acme) -> None:
    acme.add("bad", "[wxml.migrations]\nbad = nowhere:MIGRATIONS\n")
    assert "is now written" in faults(plugin="first")["training.plugin"]


def test_a_denied_package_tells_nothing(acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_PLUGINS", "-acme")
    assert faults(plugin="first")["training.plugin"].startswith("unknown trainer 'first'")
    assert "acme_migrations" not in sys.modules


def test_a_choice_of_unknown_version_gets_names_that_nobody_has_today(acme) -> None:
    assert todays_choice("trainer", {"plugin": "first", "rank": 2, "epochs": 3, "other": 4}) == {
        "plugin": "acme:it",
        "order": 2,
        "epochs": 3,
        "other": 4,
    }
    assert todays_choice("trainer", {"plugin": "it", "order": 2}) == {"plugin": "it", "order": 2}
    assert todays_choice("trainer", {"plugin": "unheard-of", "rank": 2}) == {"plugin": "unheard-of", "rank": 2}
