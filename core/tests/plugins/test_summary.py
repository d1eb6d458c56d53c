import json

import pytest
from wxml.plugins.catalog import installed, scan
from wxml.plugins.summary import summary

LONG = """a = 'class It:'
class Item:
    'Another.'
class It(
    Item,
):
    '''The first line.

    More.
    '''
"""


def listed(site, files: dict[str, str], value: str = "acme_x:It", group: str = "trainers") -> str:
    """The summary of the one plugin of a distribution that says `about acme` of itself."""
    site.add("acme", f"[wxml.{group}]\nit = {value}\n", files)
    (record,) = (record for record in scan().records if record.distribution == "acme")
    return summary(record)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('class It:\n    """One line."""\n', "One line."),
        (LONG, "The first line."),
        ("class It:\n    'Quoted once.'\n    x = 1\n", "Quoted once."),
        ('import nowhere\nclass It:\n    """Not imported."""\n\nraise RuntimeError\n', "Not imported."),
        ('\ufeff# -*- coding: utf-8 -*-\nclass It:\n    """Größe."""\n', "Größe."),
        ('def It():\n    """A function."""\n', "A function."),
        ('if True:\n    class It:\n        """Not at the top level."""\n', "about acme"),
        ('class It:\n    x = "no docstring"\n    y = ""\n    z = ""\n    w = ""\n', "about acme"),
        ("class It:\n    pass\n", "about acme"),
        ('class It(:\n    """Not Python."""\n', "about acme"),
        ("", "about acme"),
    ],
)
def test_the_summary_is_the_first_line_of_the_docstring_or_that_of_the_distribution(site, code, expected) -> None:
    assert listed(site, {"acme_x.py": code}) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('@click.command()\ndef It():\n    """One line.\n\n    More."""\n', "One line."),
        ('@click.command(help="Of the help.")\ndef It():\n    """Other."""\n', "Of the help."),
        ('@click.command("it", short_help="Short", help="Long.")\ndef It():\n    """Other."""\n', "Short"),
        (
            '@click.command\n@click.option("--x", help="No.")\ndef It(x):\n    """Over\n    two lines. More."""\n',
            "Over two lines.",
        ),
        (
            '@click.option("--x", help="No.")\n@main.group(\n    help="Of "\n    "a group."\n)\ndef It(x): ...\n',
            "Of a group.",
        ),
        ('@click.option("--x", help="No.")\ndef It(x): ...\n', "about acme"),
        ('@click.command(help=TEXT)\ndef It():\n    """Its own."""\n', "Its own."),
        ('It = click.Group("it", help="Of a value.", commands={})\n', "Of a value."),
        ('It: click.Command = AcmeCommand("it", short_help="Of a value")\n', "Of a value"),
        ('It = click.command(help="Of a call.")(function)\n', "Of a call."),
        ('It = click.Option(["-x"], help="No.")\n', "about acme"),
        ('@click.command(help="""\\b\n   Bare\n   text\n\n   More""")\ndef It(): ...\n', "Bare text"),
        ('@click.command(help="Seen\\fnot seen.")\ndef It(): ...\n', "Seen"),
    ],
)
def test_of_a_command_it_is_the_line_that_click_shows(site, code, expected) -> None:
    assert listed(site, {"acme_x.py": code}, group="commands") == expected


@pytest.mark.parametrize(
    "made",
    [
        '@click.command()\ndef It():\n    """Over\n    two lines. More."""\n',
        '@click.command(help="A text. And more.")\ndef It():\n    """Other."""\n',
        '@click.command(short_help="Short. Really", help="Long.")\ndef It(): ...\n',
        '@click.group(help="""\\b\n   Bare\n   text\n\n   More""")\ndef It(): ...\n',
    ],
)
def test_click_shows_the_same_line(site, made) -> None:
    code = f"import click\n{made}"
    names: dict[str, object] = {"__name__": "acme_x"}
    exec(code, names)  # noqa: S102  # the code of this test
    command = names["It"]
    assert listed(site, {"acme_x.py": code}, group="commands") == command.get_short_help_str(200)  # type: ignore[attr-defined]


PART = {"acme_x/part.py": 'class Own:\n    """From its module."""\n'}


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("from .part import Own as It\n", "From its module."),
        ("from acme_x.part import Own as It\n", "From its module."),
        ("from json import JSONDecoder as It\n", "about acme"),
        ("from .missing import It\n", "about acme"),
        ("from .. import It\n", "about acme"),
        ("from . import It\n", "about acme"),
    ],
)
def test_one_re_export_of_the_same_package_is_followed(site, package, expected) -> None:
    assert listed(site, {**PART, "acme_x/__init__.py": package}) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# A small model.\n# More.\nchannels: 8\n", "A small model."),
        ("channels: 8\n# late\n", "about acme"),
        ("", "about acme"),
        ("\udcff", "about acme"),
    ],
)
def test_a_preset_is_described_by_its_comment(site, content, expected) -> None:
    site.add(
        "acme", "[wxml.presets]\nit = acme_x.presets\n", {"acme_x/__init__.py": "", "acme_x/presets/model/a.yaml": ""}
    )
    (site.folder / "acme_x/presets/model/a.yaml").write_bytes(content.encode(errors="surrogateescape"))
    (record,) = (one for one in scan().select("preset") if one.distribution == "acme")
    assert summary(record) == expected


def test_hooks_are_modules(site) -> None:
    assert listed(site, {"acme_x.py": '"""Sends fields on.\n\nAnd more."""\n'}, "acme_x", "hooks") == "Sends fields on."


def test_a_package_that_cannot_be_found_is_described_by_its_distribution(site) -> None:
    assert listed(site, {}, "nowhere_x.part:It") == "about acme"


def test_the_plugins_of_this_environment_each_have_a_summary_of_their_own() -> None:
    """Editable installs too: this environment is one."""
    chosen = [record for record in installed().records if record.kind in installed().kinds]
    summaries = {record.full_name: summary(record) for record in chosen if record.distribution.startswith("wxml-")}
    assert len(summaries) > 5
    assert all(text and text not in {record.summary for record in chosen} for text in summaries.values())


def test_list_and_show_say_the_same(site) -> None:
    site.trainer("acme", "acme_x")
    plugins = json.loads(site.run("list-plugins", "--json").stdout)["plugins"]
    assert next(plugin["summary"] for plugin in plugins if plugin["full_name"] == "acme:it") == "Trains nothing."
    shown = site.run("show-plugin", "trainer", "acme:it").stdout
    assert shown.splitlines()[0] == "trainer it: Trains nothing."
