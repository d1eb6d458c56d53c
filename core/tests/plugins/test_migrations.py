"""Which migrations a plugin of an earlier version needs, and what they do to its options and weights."""

import sys

import pytest
from wxml import BrokenPluginError, ContractError, Migration
from wxml.plugins.catalog import scan
from wxml.plugins.comparison import compare
from wxml.plugins.migrations import Chain, chain_of
from wxml.plugins.probe.parent import probe
from wxml.plugins.resolve import resolve

POINTS = "[wxml.trainers]\nit = acme_x.part:Plugin\n[wxml.migrations]\nacme = acme_migrations:MIGRATIONS\n"
CHAIN = """
from wxml import Migration

def change(version, plugin, **changes):
    return Migration(version=version, kind="trainer", plugin=plugin, **changes)

MIGRATIONS = [
    change("3.0", "Fitting", renamed="it", new_options=lambda options: {"order": [*options.pop("order", []), 3]}),
    change("2.0", "first", renamed="fitting", options={"a": "b", "b": "a"}),
    change("2.5", "fitting", options={"a": "order"}),
    change("2.5", "other", renamed="it"),
]
"""


def install(site, code: str = CHAIN, version: str = "3.0") -> None:
    site.add("acme", POINTS, {"acme_migrations.py": code}, version=version)


def chain(version: str, name: str = "first") -> Chain:
    return chain_of("trainer", f"acme:{name}", version, scan())


def test_the_chain_follows_the_names_through_the_versions(site) -> None:
    install(site)
    found = chain("1.4")
    assert [step.version for step in found.steps] == ["2.0", "2.5", "3.0"]
    assert found.full_name == "acme:it"
    assert found.apply({"b": [1]}) == ({"order": [1, 3]}, {})


@pytest.mark.parametrize(
    ("version", "name", "applied"),
    [
        ("1.0", "first", ["2.0", "2.5", "3.0"]),
        ("2.0", "fitting", ["2.5", "3.0"]),
        ("2.0.dev3", "first", ["2.0", "2.5", "3.0"]),
        ("2.5", "fitting", ["3.0"]),
        ("2.4", "other", ["2.5"]),
        ("2.6", "other", []),
        ("1.0", "nobody", []),
        ("3.0", "fitting", []),
        ("3.1", "fitting", []),
        ("unknown", "first", []),
    ],
)
def test_the_version_that_made_it_decides(site, version: str, name: str, applied: list[str]) -> None:
    install(site)
    assert [step.version for step in chain(version, name).steps] == applied


def test_what_is_not_of_an_earlier_version_imports_nothing(site) -> None:
    install(site)
    chain("3.0")
    assert "acme_migrations" not in sys.modules
    chain("2.9")
    assert "acme_migrations" in sys.modules


def test_options_are_renamed_before_they_are_changed() -> None:
    def double(options):
        options["depth"] *= 2
        return options

    step = Migration(version="2", kind="processor", plugin="x", options={"layers": "depth"}, new_options=double)
    options = {"layers": 3, "width": 1}
    assert Chain("processor", "acme", "x", "1", (step,)).apply(options) == ({"depth": 6, "width": 1}, {})
    assert options == {"layers": 3, "width": 1}


def test_two_options_may_exchange_their_names() -> None:
    step = Migration(version="2", kind="processor", plugin="x", options={"a": "b", "b": "a"})
    assert Chain("processor", "acme", "x", "1", (step,)).apply({"a": 1, "b": 2})[0] == {"b": 1, "a": 2}


def test_two_plugins_may_exchange_their_names(site) -> None:
    code = 'from wxml import Migration\nMIGRATIONS = tuple(Migration(version="2", kind="trainer", plugin=a, renamed=b)'
    install(site, code + ' for a, b in (("it", "that"), ("that", "it")))')
    assert (chain("1", "it").name, chain("1", "that").name) == ("that", "it")


def test_weights_see_the_options_as_they_are_from_then_on() -> None:
    seen = []

    def weights(tensors, options):
        seen.append(dict(options))
        return {f"{name}x": tensor for name, tensor in tensors.items()}

    steps = (
        Migration(version="2", kind="processor", plugin="x", options={"a": "b"}, new_weights=weights),
        Migration(version="3", kind="processor", plugin="x", options={"b": "c"}, new_weights=weights),
    )
    found = Chain("processor", "acme", "x", "1", steps).apply({"a": 1}, {"w": 0.5})
    assert found == ({"c": 1}, {"wxx": 0.5})
    assert seen == [{"b": 1}, {"c": 1}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"new_options": lambda options: options["width"]}, "KeyError: 'width'"),
        ({"new_options": lambda options: None}, "it must return a dict with text as keys, got NoneType"),
        ({"new_options": lambda options: {1: 2}}, "it must return a dict with text as keys"),
        ({"options": {"b": "a"}}, "two options are called the same afterwards: a"),
        ({"new_weights": lambda weights, options: {"w": "text"}}, "`new_weights` returned values that are no tensors"),
    ],
)
def test_a_migration_that_fails_is_the_fault_of_its_package(changes, said: str) -> None:
    step = Migration(version="2.0", kind="processor", plugin="x", **changes)
    with pytest.raises(BrokenPluginError) as caught:
        Chain("processor", "acme", "x", "1.5", (step,)).apply({"a": 1, "b": 2}, {"w": 0.5})
    assert caught.value.message.startswith(f"the migration of processor 'x' to acme 2.0 failed: {said}")
    assert "tell the authors of acme" in caught.value.fix
    assert "'acme==1.5'" in caught.value.fix


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('gone')", "plugin acme 3.0 (migration 'acme') failed to import: gone"),
        ("MIGRATIONS = 3", "`acme_migrations:MIGRATIONS` must be a tuple of wxml.Migration, got 3"),
        ("MIGRATIONS = ('2.0',)", "must be a tuple of wxml.Migration, got ('2.0',)"),
        (CHAIN + "MIGRATIONS += [change('2', 'first')]", "has two migrations of trainer 'first' to 2"),
    ],
)
def test_what_is_no_migration_is_broken(site, code: str, said: str) -> None:
    install(site, code)
    with pytest.raises(BrokenPluginError) as caught:
        chain("1.0")
    assert said in caught.value.message
    (record,) = probe(theirs(), 60)
    assert record.status == "broken"
    assert compare([entry("1.0")], scan())[0].migrations.startswith("its migrations cannot be used: ")


def theirs() -> list:
    """The migrations of the packages that a test has made."""
    return [record for record in scan().select("migration") if record.distribution in ("acme", "other")]


def entry(version: str) -> dict:
    return {"kind": "trainer", "plugin": "acme:first", "version": version, "code": "", "origin": {}}


def test_a_renamed_plugin_is_not_missing(site) -> None:
    install(site)
    (found,) = compare([entry("2.0")], scan())
    assert (found.outcome, found.migrations) == ("missing", "")
    (found,) = compare([entry("1.0")], scan())
    assert (found.outcome, found.found) == ("version", "3.0")
    assert found.migrations == "it is migrated to acme:it when it is read"


def test_the_list_has_migrations_and_two_packages_may_call_them_the_same(site) -> None:
    install(site)
    site.add("other", "[wxml.migrations]\nacme = other_migrations:MIGRATIONS\nbare = other_migrations\n")
    found = {record.full_name: record.status for record in theirs()}
    assert found == {"acme:acme": "ok", "other:acme": "ok", "other:bare": "broken"}
    assert resolve("migration", "acme:acme", scan()).value == "acme_migrations:MIGRATIONS"


def test_nobody_migrates_the_plugins_of_others(site) -> None:
    install(site, "MIGRATIONS = ()")
    site.add(
        "other", POINTS.replace("acme_migrations", "other_migrations"), {"other_migrations.py": CHAIN}, version="9"
    )
    assert chain("1.0").steps == ()
    assert "other_migrations" not in sys.modules


def test_a_denied_package_is_not_imported(site, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site)
    monkeypatch.setenv("WXML_PLUGINS", "-acme")
    (found,) = compare([entry("1.0")], scan())
    assert (found.outcome, found.migrations) == ("missing", "")
    assert "acme_migrations" not in sys.modules


@pytest.mark.carries_out("write it like '2.0'")
def test_a_version_is_one_that_can_be_compared() -> None:
    with pytest.raises(ContractError, match=r"`version` of a migration must be a version, got 'next'") as caught:
        Migration(version="next", kind="trainer", plugin="x")
    assert Migration(version=caught.value.fix.split("'")[1], kind="trainer", plugin="x").version == "2.0"
