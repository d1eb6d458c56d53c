"""`wxml check-plugin`: checks an installed plugin against the contract of its interface."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from wxml.cli.check_place import Place

if TYPE_CHECKING:
    from wxml.plugins.catalog import PluginRecord
    from wxml.testing.conformance import CheckResult

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""
BROKEN = 3
"""The exit code if a check failed, as for any broken plugin."""
HEADINGS = ("check", "result", "seconds")
WIDTHS = (50, 7, 7)
"""The least widths of the columns: checks are printed one by one."""
COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}
Checked = tuple["PluginRecord", "list[CheckResult]"]


@click.command("check-plugin")
@click.argument("names", nargs=-1, required=True, metavar="[KIND] NAME")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the plugin, as in a config."
)
@click.option("--graph", "builder", metavar="BUILDER", help="Check a processor or mapper on a graph of this builder.")
@click.option("--graph-option", "graph_options", multiple=True, metavar="KEY=VALUE", help="An option of that builder.")
@click.option("--grid", metavar="LATxLON", help="The numbers of latitudes and longitudes of the grid, such as 32x64.")
@click.option(
    "--strict", is_flag=True, help="A check that is skipped counts as failed, unless the plugin claims nothing."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: {'schema': 1, 'plugins': [...]}.")
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    options: tuple[str, ...],
    builder: str | None,
    graph_options: tuple[str, ...],
    grid: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check that the plugin NAME does what its interface promises.

    Without a KIND, all plugins of that name are checked. Values of options are YAML. A processor or mapper that refuses
    the tiny graphs of the checks is checked on the graph that --graph builds, on a tiny grid or on that of --grid.

    Exits with 0 if no check failed, 3 if one did or the plugin is broken, 2 if the plugin or an option that it needs is
    missing, or if the plugin was never made and used.

    \b
    Examples:
      wxml check-plugin gnn
      wxml check-plugin processor acme-wxml:window-attention --option window=4
      wxml check-plugin processor acme-wxml:afno --graph acme-wxml:rows --graph-option rows=8 --grid 16x32
      wxml check-plugin data-source xarray --option path=era5.nc --json
      wxml check-plugin migration acme-wxml --option checkpoints=[1.0.safetensors]
    """
    from wxml.masking import learn
    from wxml.terminal import say_json

    given = _options(options)
    records = _records(names)
    learn(given)
    place = Place(builder, _options(graph_options, "--graph-option"), grid)
    contracts = [(record, _contract(record, given, place)) for record in records]
    checked = []
    for record, contract in contracts:
        results = _checked(contract)
        checked.append((record, list(results if as_json else _shown(record, given, results))))
    if as_json:
        say_json(_report(checked, given))
    code = _exit_code(checked, strict)
    if code:
        ctx.exit(code)


def _exit_code(checked: Sequence[Checked], strict: bool) -> int:
    """0 if each plugin was made and used, and no check failed; `strict` counts those that were skipped as failed."""
    from wxml.errors import WxmlError
    from wxml.terminal import say
    from wxml.testing.conformance import REHEARSAL

    unused = []
    for record, results in checked:
        failed = [result for result in results if result.result == "failed"]
        skipped = [result for result in results if result.result == "skipped" and result.claimed]
        if failed or (strict and skipped):
            return BROKEN
        unused += [record.full_name for result in skipped if result.name == REHEARSAL]
    if unused:
        say(f"{', '.join(unused)} was never made and used: nothing but its options was checked", err=True)
    return WxmlError.exit_code if unused else 0


def _options(written: Sequence[str], by: str = "--option") -> dict[str, Any]:
    """The options that the command-line option `by` gives: a dotted key belongs to a group, values are YAML."""
    from wxml.config.overrides import parse_assignments, value_layer
    from wxml.errors import ConfigError
    from wxml.files.yaml_loader import Node

    try:
        values = parse_assignments(written)
    except ConfigError as error:
        problems = "\n".join(f"{by} {fault.key!r} is wrong: {fault.message}" for fault in error.faults)
        raise click.UsageError(f"{problems}\n{error.fix}") from error
    options: dict[str, Any] = value_layer(values, Node({})).plain()
    return options


def _records(names: Sequence[str]) -> "list[PluginRecord]":
    """The plugins that the user means: one if a kind is given, else one of each kind that has the name.

    A plugin that may not be used counts only if there is no other one of that name.
    """
    from wxml.environment.names import canonical_name
    from wxml.errors import UnknownPluginError, nearest
    from wxml.plugins.catalog import KINDS_WITHOUT_CHOICE, installed
    from wxml.plugins.resolve import resolve

    if len(names) > 2:
        raise click.UsageError(f"name a kind and a plugin, or a plugin alone, got {' '.join(names)}")
    if len(names) == 2:
        return [resolve(names[0], names[1])]
    bare = canonical_name(names[0].rpartition(":")[2])
    choosable = [record for record in installed().records if record.kind not in KINDS_WITHOUT_CHOICE]
    named = [record for record in choosable if record.name == bare]
    if not named:
        hint = nearest(bare, {record.name for record in choosable})
        raise UnknownPluginError(f"no plugin of any kind is called {names[0]!r}", fix=hint)
    allowed = [record for record in named if record.status != "disabled"] or named
    return [resolve(kind, names[0]) for kind in dict.fromkeys(record.kind for record in allowed)]


def _contract(record: "PluginRecord", options: Mapping[str, Any], place: Place) -> Any:
    """The contract with the plugin, its options and its graph in place.

    Raises:
        WxmlError: whatever the constructor says about the options.
        ConfigError: an option is wrong, or one that the plugin needs is missing.
        BrokenPluginError: the plugin cannot be imported, or does not fit the interface of its kind.
    """
    if record.kind == "migration":
        place.refuse_unless(False)
        return _migration_contract(record, options)
    import unittest

    from wxml.errors import ConfigError, WxmlError
    from wxml.plugins.create import parse_options
    from wxml.plugins.load import load
    from wxml.testing.conformance import contract_of

    plugin = load(record)
    try:
        parse_options(plugin, options)
    except ConfigError as error:
        words = f"{record.kind} {record.name}"
        fix = f"say it with --option KEY=VALUE; all options: wxml show-plugin {words}"
        raise ConfigError(error.faults, fix=fix) from error
    base = contract_of(record.kind)
    contract: Any = type("Checked", (base,), {"plugin": plugin, "options": options, **place.attributes(base)})
    try:
        contract().sample()
    except (Exception, SystemExit, unittest.SkipTest) as error:
        if isinstance(error, WxmlError):  # about the options, such as a file that does not exist
            raise
    return contract  # the checks report every other error


def _migration_contract(record: "PluginRecord", options: Mapping[str, Any]) -> Any:
    """The contract of the migrations of one entry point; their one option is a list of checkpoints to try."""
    import sys

    from wxml.plugins.migrations import declared
    from wxml.testing import MigrationContract

    given = options.get("checkpoints", [])
    files = given if isinstance(given, list) else [given]
    if options.keys() - {"checkpoints"} or not all(isinstance(file, str) for file in files):
        raise click.UsageError("migrations have one option: --option checkpoints=[FILE, ...]")
    found = declared(record)
    module = sys.modules[record.value.partition(":")[0]]
    of = {"plugin": module, "distribution": record.distribution, "migrations": found, "checkpoints": files}
    return type("Checked", (MigrationContract,), of)


def _checked(contract: Any) -> "Iterator[CheckResult]":
    """The results one by one; the output of a plugin goes to stderr."""
    import contextlib
    import sys

    from wxml.testing.conformance import run_checks

    results = run_checks(contract)
    while True:
        with contextlib.redirect_stdout(sys.stderr):
            result = next(results, None)
        if result is None:
            return
        yield result


def _shown(
    record: "PluginRecord", options: Mapping[str, Any], results: "Iterable[CheckResult]"
) -> "Iterator[CheckResult]":
    """The results, each written as a line of a table as soon as it is there."""
    import json

    from wxml.masking import masked_values
    from wxml.terminal import columns, say

    said = f", options {json.dumps(masked_values(options), default=str)}" if options else ""
    say(f"{record.kind} {record.full_name} {record.version}{said}\n")
    say(columns([HEADINGS], widths=WIDTHS, right={2})[0])
    counts = dict.fromkeys(COLOURS, 0)
    for result in results:
        counts[result.result] += 1
        (line,) = columns([(result.name, result.result, f"{result.seconds:.2f}")], widths=WIDTHS, right={2})
        word = line.rindex(result.result)
        end = word + len(result.result)
        click.echo(line[:word] + click.style(result.result, fg=COLOURS[result.result]) + line[end:])
        expected = [result.description] if result.result == "failed" else []
        for sentence in filter(None, (*expected, *result.message.splitlines())):
            say(f"    {sentence}")
        yield result
    click.echo("\n" + ", ".join(f"{count} {word}" for word, count in counts.items() if count) + "\n")


def _report(checked: Sequence[Checked], options: Mapping[str, Any]) -> dict[str, Any]:
    """The results as JSON values; `docs/plugins-on-the-command-line.md` describes them."""
    from dataclasses import asdict

    plugins = [
        {
            **{key: getattr(record, key) for key in ("kind", "name", "distribution", "version", "full_name")},
            "options": options,
            **{word: sum(result.result == word for result in results) for word in COLOURS},
            "checks": [asdict(result) for result in results],
        }
        for record, results in checked
    ]
    return {"schema": SCHEMA, "plugins": plugins}
