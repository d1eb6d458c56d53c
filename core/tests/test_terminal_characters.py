"""Texts of packages, data and artefacts never steer the terminal: control characters are shown as escapes."""

import json
import logging
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.files.yaml_loader import load_yaml, yaml_text
from wxml.masking import masked
from wxml.terminal import MaskedRecord, columns, printable

CONTROLS = [chr(code) for code in chain(range(0x20), range(0x7F, 0xA0))]
DIRECTIONS = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
SEPARATORS = ["\u2028", "\u2029", "\ufeff", "\u200b"]


@pytest.mark.parametrize("one", [*CONTROLS, *DIRECTIONS, *SEPARATORS], ids=ascii)
def test_each_is_shown_as_an_escape(one: str) -> None:
    assert printable(f"a{one}b") == f"a{ascii(one)[1:-1]}b"
    assert columns([(f"a{one}b", "c")]) == [f"a{ascii(one)[1:-1]}b  c"]


@pytest.mark.parametrize("one", [*CONTROLS, *DIRECTIONS, *SEPARATORS], ids=ascii)
def test_yaml_writes_each_as_an_escape_and_reads_it_again(one: str) -> None:
    values = {"é": [f"a{one}b"], f"k{one}k": "°"}
    for flow in (True, False, None):
        text = yaml_text(values, flow=flow)
        assert text.replace("\n", "").isprintable()
        assert load_yaml(text, "test").plain() == values


@given(st.text())
def test_nothing_else_changes(text: str) -> None:
    shown = printable(text)
    assert all(one.isprintable() or one == "\xa0" for one in shown)
    assert shown == masked(text) or not text.isprintable()


@pytest.mark.parametrize(
    "one", ["\x1b[2J", "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;title\x07", "\x9b2J", "\u202e", "\x08"], ids=ascii
)
@pytest.mark.parametrize("command", [("list-plugins",), ("list-plugins", "--problems"), ("doctor",), ("--help",)])
def test_metadata_do_not_reach_the_terminal(site, one: str, command: tuple[str, ...]) -> None:
    points = "[wxml.trainers]\nit = acme_x.part:Plugin\n[wxml.commands]\nacme = acme_x.part:command\n"
    metadata = f"Requires-Dist: absent{one} >=1\n"
    info = site.add("acme", points, {"acme_x/part.py": f'"""About {one}."""\n'}, metadata=metadata)
    text = (info / "METADATA").read_text(encoding="utf-8")
    (info / "METADATA").write_text(text.replace("about acme", f"about {one} acme"), encoding="utf-8")
    done = site.run(*command, PYTHONIOENCODING="utf-8")
    assert one not in done.stdout + done.stderr
    assert all(shown.isprintable() for shown in (done.stdout + done.stderr).split("\n"))


@pytest.mark.parametrize("one", ["\x1b[2J", "\x9b2J", "\u202e", "\r"], ids=ascii)
@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_messages_of_plugins_do_not_reach_the_terminal(site, one: str, verbose: tuple[str, ...]) -> None:
    code = f"import logging\nlogging.getLogger('wxml').warning({'log ' + one!r})\nraise ValueError({'boom ' + one!r})\n"
    site.trainer("acme", "acme_x", code)
    done = site.run("show-plugin", "trainer", "it", *verbose, PYTHONIOENCODING="utf-8")
    assert done.returncode == 3
    assert f"log {ascii(one)[1:-1]}" in done.stderr
    assert f"boom {ascii(one)[1:-1]}" in done.stderr
    assert all(shown.isprintable() for shown in done.stderr.split("\n"))


def test_json_keeps_the_text_and_escapes_it(site) -> None:
    site.trainer("acme", "acme_x", 'class Plugin:\n    """About \x1b[2J it."""\n')
    done = site.run("list-plugins", "--kind", "trainer", "--json")
    assert "\x1b" not in done.stdout
    assert "About \x1b[2J it." in [plugin["summary"] for plugin in json.loads(done.stdout)["plugins"]]


@pytest.mark.parametrize("name", ["wxml", "wxml.plugins.load", "another.library"])
def test_a_quoted_text_begins_no_line_of_the_log(name: str) -> None:
    record = MaskedRecord(name, logging.WARNING, "file.py", 1, "`%s` has\n%d values", ("x\nerror: gone", 3), None)
    lines = ["`x\\nerror: gone` has", "3 values"] if name.startswith("wxml") else ["`x", "error: gone` has", "3 values"]
    assert record.getMessage() == "\n".join(lines)
    assert record.getMessage() == "\n".join(lines)  # however many handlers ask
