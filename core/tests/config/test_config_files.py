"""YAML files that cannot be used, each answered with the line."""

import os
from pathlib import Path

import pytest
from wxml.config.layers import read_document
from wxml.config.tree import node_at
from wxml.errors import ConfigError


def faults(path):
    with pytest.raises(ConfigError) as caught:
        read_document(path).choices()
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nb: [1, 2\nc: 3\n",
            "not valid YAML at x.yaml:3: expected ',' or ']', but got ':', while parsing a flow sequence",
        ),
        (
            "a: 1\n\tb: 2\n",
            (
                "not valid YAML at x.yaml:2: found character '\\t' that cannot start any token, "
                "while scanning for the next token"
            ),
        ),
        ("- a\n- b\n", "a config must be a mapping of `key: value`, got something else at x.yaml:1"),
        ("# why\njust words\n", "a config must be a mapping of `key: value`, got something else at x.yaml:2"),
        ("a: {b: 1,\n  b: 2}\n", "`b` is written twice, in lines 1 and 2: keep one of the two (x.yaml:2, a.b)"),
        ("a: &a [*a]\n", "an alias refers to itself (x.yaml:1, a.0)"),
        (
            "a: !!python/name:os.system\n",
            "the tag '!!python/name:os.system' is refused: write plain YAML (x.yaml:1, a)",
        ),
        ("? [1, 2]\n: 3\n", "a key must be plain text (x.yaml:1, top level)"),
        ("defaults: [base]\n", "an entry must choose a preset of a group, like `{model: gnn}` (x.yaml:1, defaults)"),
        ("a: 1\ndefaults: gnn\n", "an entry must choose a preset of a group, like `{model: gnn}` (x.yaml:2, defaults)"),
        ("defaults: [{}]\n", "an entry must choose a preset of a group, like `{model: gnn}` (x.yaml:1, defaults)"),
        (
            "a: 1\n---\nb: 2\n",
            "not valid YAML at x.yaml:2: but found another document, expected a single document in the stream",
        ),
    ],
)
def test_bad_yaml(machine, text, expected):
    assert faults(machine.experiment(text, "x.yaml")) == [expected]


def test_every_fault_of_a_file_is_reported(machine):
    text = "a: 1\na: 2\nb: {c: 1, c: 2}\nd: !x 1\n"
    assert len(faults(machine.experiment(text))) == 3


def test_files_that_cannot_be_read(machine):
    assert faults(Path("nope.yaml")) == ["config file 'nope.yaml' does not exist"]
    assert faults(machine.here) == [f"config file {str(machine.here)!r} is a folder"]
    Path("latin.yaml").write_bytes(b"name: M\xfcnchen\n")
    assert faults(Path("latin.yaml")) == ["config file 'latin.yaml' is not UTF-8 text"]


def test_a_file_that_may_never_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        assert faults(path) == [f"config file '{path}' is a pipe, a socket or a device"]
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(2**40)
    assert faults(tmp_path / "huge.yaml") == [
        f"config file '{tmp_path}/huge.yaml' has 1099511627776 bytes, and may have 16777216"
    ]


def test_an_empty_file_says_nothing(machine):
    document = read_document(machine.experiment("# nothing yet\n"))
    assert (document.tree.plain(), document.choices()) == ({}, {})


def test_merge_keys_and_aliases_are_understood(machine):
    tree = read_document(machine.experiment("a: &a\n  x: 1\n  y: 2\nb:\n  <<: *a\n  y: 3\n")).tree
    assert tree.plain()["b"] == {"x": 1, "y": 3}
    assert str(node_at(tree, ("b", "y")).origin) == "experiment.yaml:6"
    assert str(node_at(tree, ("b", "x")).origin) == "experiment.yaml:2"


def test_the_choices_of_a_file(machine):
    choices = read_document(machine.experiment("defaults:\n- {model: gnn}\n- training: [a, b]\n- /x: null\n")).choices()
    assert {group: (choice.names, choice.origin) for group, choice in choices.items()} == {
        "model": (("gnn",), "experiment.yaml:2"),
        "training": (("a", "b"), "experiment.yaml:3"),
        "x": ((), "experiment.yaml:4"),
    }
