import json

import pytest
from click.testing import CliRunner
from wxml.cli import group
from wxml.environment.installer import install_command
from wxml.environment.origin import caution
from wxml.environment.release_index import ReleasedPlugin, compatible_range, released_names, released_plugins
from wxml.plugins.catalog import installed


@pytest.fixture
def run(site):
    """Run `wxml list-plugins` in this process; what is installed is read afresh."""

    def run(*arguments: str):
        installed.cache_clear()
        return CliRunner().invoke(group, ["list-plugins", *arguments])

    return run


def test_strict_is_content_with_what_is_disabled_and_not_with_a_conflict(run, site, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    monkeypatch.setenv("WXML_PLUGINS", "-other")
    site.trainer("other", "other_x")
    assert run("--strict").exit_code == 0
    monkeypatch.delenv("WXML_PLUGINS")
    result = run("--strict")
    assert result.exit_code == 1
    assert "2 not ok: wxml list-plugins --problems" in result.stdout
    assert run("--strict", "--kind", "processor").exit_code == 0
    assert run().exit_code == 0


def test_strict_is_content_with_an_extra_that_is_not_installed(run, site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme:It [fast]\n", metadata="Requires-Dist: nowhere; extra == 'fast'\n")
    result = run("--strict", "--problems")
    assert result.exit_code == 0
    assert "trainer acme:it 1.0: needs-extra: needs nowhere (not installed)" in result.stdout.splitlines()


def test_problems_are_counted_and_listed_in_json(run, site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: nowhere\n")
    found = json.loads(run("--json", "--problems").stdout)
    assert set(found) == {"schema", "problems", "site_problem", "plugins", "aliases"}
    assert [plugin["full_name"] for plugin in found["plugins"]] == ["acme:it"]
    assert (found["schema"], found["problems"], found["site_problem"], found["aliases"]) == (1, 1, "", [])


def test_aliases_are_shown_with_what_they_stand_for(run, site, tmp_path, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    (tmp_path / "plugins.yaml").write_text("aliases: {trainer: {our-best: acme:it, lost: nobody:it}}\n")
    monkeypatch.setenv("WXML_SITE_CONFIG", str(tmp_path))
    rows = [line.split() for line in run("--kind", "trainer").stdout.splitlines()]
    assert ["trainer", "our-best", "acme", "alias", "stands", "for", "acme:it"] in rows
    assert ["trainer", "lost", "nobody", "broken", "stands", "for", "nobody:it"] in rows
    found = json.loads(run("--json").stdout)
    assert [(a["kind"], a["name"], a["target"], a["problem"]) for a in found["aliases"]] == [
        ("trainer", "lost", "nobody:it", "unknown trainer 'nobody:it'"),
        ("trainer", "our-best", "acme:it", ""),
    ]
    assert "trainer lost: broken: unknown trainer 'nobody:it'   installed: acme:it" in run("--problems").stdout
    assert run("--strict").exit_code == 1
    assert json.loads(run("--json", "--kind", "processor").stdout)["aliases"] == []


def test_no_output_of_the_list_is_spoilt_by_a_plugin_that_prints(site) -> None:
    site.trainer("acme", "acme_x", "print('hello')\n")
    for arguments in (("--json",), ("--json", "--probe", "--kind", "trainer")):
        json.loads(site.run("list-plugins", *arguments, WXML_PLUGINS="-wxml-trainer-lightning").stdout)


@pytest.mark.parametrize("timeout", ["0", "-1", "soon"])
def test_a_time_out_is_a_positive_number(run, timeout) -> None:
    assert run("--probe", "--timeout", timeout).exit_code == 2


@pytest.fixture
def unreleased(monkeypatch):
    """A release with one package that is not installed."""
    made = ReleasedPlugin("processor", "made-up", "wxml-made-up", "0.3.2", "about it")
    monkeypatch.setattr("wxml.cli.list_plugins.released_plugins", lambda: (*released_plugins(), made))
    return made


def test_what_could_be_installed_comes_with_the_command(run, unreleased) -> None:
    lines = run("--available").stdout.splitlines()
    assert lines[1].split() == ["processor", "made-up", "wxml-made-up", "0.3.2", "about", "it"]
    assert lines[-1] == install_command("wxml-made-up>=0.3,<0.4")
    assert run("--available", "--kind", "trainer").stdout == "every plugin of the catalogue is installed\n"


def test_what_could_be_installed_for_programs(run, unreleased) -> None:
    found = json.loads(run("--available", "--json").stdout)
    (row,) = (row for row in found["available"] if row["name"] == "made-up")
    assert found["schema"] == 1
    assert row == {
        "kind": "processor",
        "name": "made-up",
        "distribution": "wxml-made-up",
        "version": "0.3.2",
        "summary": "about it",
        "where": "index",
        "requirement": "wxml-made-up>=0.3,<0.4",
        "install": install_command("wxml-made-up>=0.3,<0.4"),
    }


def test_packages_of_others_come_from_where_their_recipe_says(run, monkeypatch) -> None:
    others = [
        ReleasedPlugin("processor", "afno", "acme-weather", "", "Of an institute", "https://git.acme.example/weather"),
        ReleasedPlugin("processor", "sfno", "oslo-weather", "", "Of another"),
    ]
    monkeypatch.setattr("wxml.cli.list_plugins.released_plugins", lambda: others)
    lines = run("--available").stdout.splitlines()
    assert lines[1].split() == ["processor", "afno", "acme-weather", "Of", "an", "institute"]
    assert lines[-2] == install_command("acme-weather @ git+https://git.acme.example/weather")
    assert lines[-1] == install_command("oslo-weather")


def test_a_name_that_two_packages_have_means_that_of_the_release(monkeypatch) -> None:
    both = (ReleasedPlugin("processor", "x", "wxml-x", "1.0", ""), ReleasedPlugin("processor", "x", "acme", "", ""))
    for order in (both, both[::-1]):
        monkeypatch.setattr("wxml.environment.release_index.released_plugins", lambda order=order: order)
        assert released_names("processor") == {"x": "wxml-x"}


def test_a_recipe_does_not_make_a_bare_name_safe(monkeypatch) -> None:
    """Only the packages of the release are known to be at the public index, whoever else is in the catalogue."""
    both = (ReleasedPlugin("processor", "x", "wxml-x", "1.0", ""), ReleasedPlugin("processor", "y", "acme", "", ""))
    monkeypatch.setattr("wxml.environment.origin.released_plugins", lambda: both)
    assert caution("wxml-x", {}) == ""
    assert "no installer writes down the index" in caution("acme", {})


@pytest.mark.parametrize(
    ("version", "expected"), [("0.1.0", ">=0.1,<0.2"), ("0.10.3", ">=0.10,<0.11"), ("2.4.1", ">=2.4,<3")]
)
def test_a_release_and_what_keeps_its_promises(version, expected) -> None:
    assert compatible_range(version) == expected
