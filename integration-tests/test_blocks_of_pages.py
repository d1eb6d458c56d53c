"""Each code block of each page is at least what it looks like, where no other test runs it.

A config fits the schema, with a base for what it leaves out; a command exists and has these options; Python compiles.
`RUN` names the pages whose blocks are run, and by which test; what names `acme-…` is run with the examples.
"""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from wxml.cli import group
from wxml.config.load import load_config
from wxml.config.schema import ExperimentConfig
from wxml.files.yaml_loader import load_yaml

ROOT = Path(__file__).resolve().parents[1]
RUN = {
    "docs/write-a-plugin.md": "test_author_guide.py",
    "docs/install-from-a-clone.md": "test_install_from_a_clone.py",
    "docs/data-cookbook.md": "test_data_cookbook.py",
    "docs/real-data.md": "test_real_data_page.py",
    "docs/statistics.md": "test_statistics_page.py",
    "docs/index.md": "test_first_pages.py",
    **{f"docs/extend/{path.name}": "test_extension_pages.py" for path in (ROOT / "docs" / "extend").glob("*.md")},
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SET_IN = re.compile(r"(?<=\n\n)((?: {4,}.*\n)+)", re.MULTILINE)
BASE = """
defaults: [{model: gnn}]
data:
  source: {plugin: simulated-atmosphere}
  split: {training: [2000-01-01, 2000-01-08], validation: [2000-01-09, 2000-01-10], test: [2000-01-11, 2000-01-12]}
graph: {plugin: icosahedral}
training: {plugin: lightning, max_steps: 1}
"""
SECTIONS = set(ExperimentConfig.model_fields) | {"defaults"}


class Block(NamedTuple):
    """A block of code, and where it is."""

    page: str
    language: str
    text: str


def blocks() -> list[Block]:
    """The blocks of all pages that nobody else runs."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return []
    names = [name for name in listed.stdout.splitlines() if "/reference/" not in name and "/catalogue/" not in name]
    return [block for name in names if name not in RUN for block in blocks_of(name, (ROOT / name).read_text())]


def blocks_of(name: str, page: str) -> Iterator[Block]:
    yield from (Block(name, language, text) for language, text in BLOCK.findall(page))
    yield from (Block(name, "", text) for text in SET_IN.findall(BLOCK.sub("", page)))


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of wxml in a block, as lists of arguments."""
    if block.language not in ("", "console", "sh", "bash"):
        return
    joined = block.text.replace("\\\n", " ")
    for line in (line.strip().removeprefix("$ ") for line in joined.splitlines()):
        if re.match(r"(\w+=\S+ )*wxml ", line):
            words = shlex.split(line.partition("wxml ")[2], comments=True)
            ends = [n for n, word in enumerate(words) if word in ("&&", "|", ">", ";", "2>&1", "||", "\\", "&")]
            yield words[: min(ends, default=len(words))]


def fault_of_command(words: list[str]) -> str:
    """What is wrong with a command: empty if it exists, and has these options."""
    found: click.Command = group
    context = click.Context(group)
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        known = found.get_command(context, name)
        if known is None:
            return f"there is no command {name}"
        found, context = known, click.Context(known, parent=context)
    try:
        found.make_parser(context).parse_args(args=list(words))
    except click.UsageError as error:
        return error.format_message() if "issing" not in error.format_message() else ""
    return ""


def fault_of_config(text: str, path: Path) -> str:
    """What the schema says to a config, in which a base fills what it leaves out."""
    if not set(re.findall(r"^(\w+):", text, re.MULTILINE)) <= SECTIONS:
        return ""  # a part of a section
    whole = merged(load_yaml(BASE, "the base").plain(), load_yaml(text, "the page").plain())
    path.write_text(json.dumps(whole))
    try:
        load_config(path, ())
    except Exception as error:  # noqa: BLE001  # what it is, is the answer
        return str(error)
    return ""


def merged(base: Any, given: Any) -> Any:
    """A mapping over another one; a section that names another plugin replaces the whole."""
    if not isinstance(base, dict) or not isinstance(given, dict) or "plugin" in given:
        return given
    return base | {key: merged(base.get(key), value) for key, value in given.items()}


def test_every_command_of_the_pages_exists() -> None:
    found = [(block.page, words) for block in blocks() for words in commands(block)]
    found = [(page, words) for page, words in found if not words[0].startswith("acme-")]  # of examples
    faults = [f"{page}: wxml {' '.join(words)}: {fault}" for page, words in found if (fault := fault_of_command(words))]
    assert len(found) > 120
    assert faults == []


def test_every_config_of_the_pages_fits_the_schema(tmp_path: Path) -> None:
    found = [block for block in blocks() if block.language == "yaml" and "acme-" not in block.text]
    said = [(block, fault_of_config(block.text, tmp_path / "config.yaml")) for block in found]
    faults = [f"{block.page}: {fault}\n{block.text}" for block, fault in said if fault]
    assert len(found) > 20
    assert faults == [], "\n\n".join(faults)


def test_all_python_of_the_pages_compiles() -> None:
    found = [block for block in blocks() if block.language == "python" and ">>>" not in block.text]
    assert found
    for block in found:
        ast.parse(block.text, block.page)


def test_pages_that_are_run_name_their_test() -> None:
    for page, test in RUN.items():
        assert (ROOT / page).is_file()
        assert (ROOT / "integration-tests" / test).is_file()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("trian x.yaml", "there is no command trian"),
        ("forecast run --leadtime 1d", "No such option '--leadtime'"),
        ("forecast run --lead-time 1d -o a.nc", ""),
        ("config show x.yaml --origin", ""),
    ],
)
def test_a_wrong_command_is_seen(words: str, fault: str) -> None:
    assert fault_of_command(words.split()).startswith(fault)
    assert bool(fault) == bool(fault_of_command(words.split()))
