"""The command `wxml`: finds its subcommands without importing them, and turns errors into sentences and exit codes.

Exit codes: 0 done, 1 a fault of wxml, 2 a mistake of the user's, 3 a broken plugin, 4 some forecasts were left out (as
`--on-error skip` asks for), 5 a score that `--require` asks for is not reached, 130 interrupted.
"""

__all__ = ["group", "main"]

import errno
import faulthandler
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

import wxml
from wxml.errors import WxmlError, nearest
from wxml.terminal import mask_streams

if TYPE_CHECKING:
    from wxml.plugins.catalog import PluginRecord

VERBOSE = "wxml.verbose"

BUILT_IN = {
    "check-plugin": "Check that a plugin does what its interface promises.",
    "checkpoint": "Bring a checkpoint to the installed versions of its plugins.",
    "config": "Show, explain or check the configuration of an experiment.",
    "demo": "Train, forecast and verify a tiny world, from nothing to a report.",
    "doctor": "Say what is wrong with this environment, and what to install.",
    "forecast": "Make forecasts with a trained model.",
    "inspect": "Say what a file is and what it was made from.",
    "list-plugins": "List every plugin that is installed, and what is wrong with it.",
    "show-plugin": "Show a plugin, its options and how to write it in a config.",
    "train": "Train a model.",
    "verify": "Score forecasts against the truth.",
}
"""The commands of core, each the attribute `command` of a module here; the help is given so that none is imported."""

SILENT = ("list-plugins",)
"""Commands that log nothing, and so need not wait for `logging` to be imported."""


class WxmlGroup(click.Group):
    """A click group of core's commands and of those in the entry-point group `wxml.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted({*BUILT_IN, *_contributed()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in SILENT:
            _log_to_stderr()
        command: click.Command | None = None
        if cmd_name in BUILT_IN:
            command = importlib.import_module(f"wxml.cli.{cmd_name.replace('-', '_')}").command
        elif record := _contributed_command(cmd_name):
            from wxml.errors import BrokenPluginError
            from wxml.plugins.load import import_object

            command = import_object(record)
            if not isinstance(command, click.Command):
                raise BrokenPluginError(
                    f"plugin {record.provider} (command {record.name!r}) is not a click command: `{record.value}`",
                    fix=f"tell the authors of {record.distribution}   other plugins are unaffected",
                )
        return command and _accepting_verbose(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for; an unknown one is answered with the nearest."""
        known = not args or args[0].startswith("-") or args[0] in BUILT_IN or _contributed_command(args[0])
        if not known:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"No such command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and what they do, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(BUILT_IN.items()))
        from wxml.plugins.summary import summary
        from wxml.terminal import printable

        contributed = [(printable(name), printable(summary(record))) for name, record in _contributed().items()]
        if contributed:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(contributed)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever it raises becomes a message on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _told(error) from None
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001  # the last stop before the user
            _report(error, ctx)


def _log_to_stderr() -> None:
    """Write the log and warnings to stderr as plain lines; results go to stdout."""
    import logging
    import warnings

    from wxml.terminal import MaskedFormatter, MaskedRecord, masked_warning

    warnings.formatwarning = masked_warning
    logging.setLogRecordFactory(MaskedRecord)
    logger = logging.getLogger("wxml")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(MaskedFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def _told(error: click.ClickException) -> click.ClickException:
    """The mistake in a command line; it quotes what the user wrote without secrets and control characters."""
    from wxml.masking import masked
    from wxml.terminal import printable

    text = "\n".join(map(printable, masked(error.message).split("\n")))
    error.message = text  # type: ignore[misc]  # click writes what this says
    return error


def _report(error: Exception, ctx: click.Context) -> None:
    """Print the message and the fix of an error without secrets and control characters, and exit."""
    from wxml.masking import masked
    from wxml.terminal import say

    if ctx.meta.get(VERBOSE, False):
        import traceback

        say(masked("".join(traceback.format_exception(error))).rstrip("\n"), err=True)
    message, fix, code = _explained(error, ctx)
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    advice = [f"  {line}" for line in masked(fix).split("\n") if fix]
    say("\n".join([masked(message), *advice]), err=True)
    ctx.exit(code)


def _explained(error: Exception, ctx: click.Context) -> tuple[str, str, int]:
    """The message, the fix and the exit code of an error; what a plugin's command did not expect is the plugin's."""
    from wxml.memory import is_out_of_memory

    if isinstance(error, WxmlError):
        return error.message, error.fix, error.exit_code
    notes = getattr(error, "__notes__", [])
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {error.filename or error}", "make room, or write to another disk", 2
    if is_out_of_memory(error):
        advice = "reduce batch sizes, channels, layers, members or steps, or take a larger machine"
        return f"not enough memory: {str(error).partition(chr(10))[0]}", "\n".join([*notes, advice]), 2
    hint = "" if ctx.meta.get(VERBOSE, False) else "; run again with -v to see where"
    command = ctx.invoked_subcommand or ""
    if command not in BUILT_IN and (record := _contributed_command(command)):
        from wxml.plugins.load import command_failed

        failed = command_failed(record, error)
        return f"{failed.message}{hint}", failed.fix, failed.exit_code
    return f"unexpected {type(error).__name__}: {error}{hint}", "\n".join(notes), 1


# Commands of plugins


def _contributed() -> "dict[str, PluginRecord]":
    """The commands of plugins that can be used, by name; by full name if two packages have the same.

    A plugin cannot replace a command of core.
    """
    from wxml.plugins.catalog import installed

    records = [record for record in installed().select("command") if record.name not in BUILT_IN]
    usable = [record for record in records if record.status in ("ok", "conflict")]
    return {record.name if record.status == "ok" else record.full_name: record for record in usable}


def _contributed_command(name: str) -> "PluginRecord | None":
    """The command of a plugin, by its bare or its full name, or None if no package declares one of that name.

    Raises:
        WxmlError: it cannot be used, or it is a command of the release whose package is not installed.
    """
    from wxml.environment.names import canonical_name
    from wxml.environment.release_index import released_names
    from wxml.plugins.catalog import installed
    from wxml.plugins.declared_since import declared_since
    from wxml.plugins.resolve import resolve

    known = {*(record.name for record in installed().select("command")), *released_names("command")}
    is_known = canonical_name(name.rpartition(":")[2]) in known or declared_since("command", name)
    return resolve("command", name, installed()) if is_known else None


# The option --verbose, before or after the command


def _set_verbose(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[VERBOSE] = value or ctx.meta.get(VERBOSE, False)


def _accepting_verbose(command: click.Command) -> click.Command:
    """Let the command take `-v` as well: a user who is told to add it adds it at the end."""
    if not any({"-v", "--verbose"} & set(parameter.opts) for parameter in command.params):
        command.params.append(_verbose_option())
    for child in getattr(command, "commands", {}).values():
        _accepting_verbose(child)
    return command


def _verbose_option() -> click.Option:
    text = "Show a traceback when something goes wrong."
    return click.Option(["-v", "--verbose"], is_flag=True, expose_value=False, callback=_set_verbose, help=text)


group = WxmlGroup(
    "wxml",
    params=[_verbose_option()],
    help="Machine-learned weather forecasting from plugins.\n\nStart with `wxml demo`.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
group = click.version_option(wxml.__version__, prog_name="wxml", message="%(prog)s %(version)s")(group)


def _open_streams() -> None:
    """Send what is written to a closed standard stream nowhere, as in a daemon.

    Else the next file that is opened would get its number, and every message of a C library would land in that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115  # for good


def _obey_profile() -> None:
    """Forbid the network if the profile of this machine does."""
    from wxml.plugins.policy import Policy

    if Policy.from_environment().is_operations:
        from wxml.cli.network import forbid_network

        forbid_network()


def main() -> None:
    """The console script."""
    _open_streams()
    if sys.stderr is not None:
        faulthandler.enable()  # a plugin that crashes the interpreter is named by the last lines that it ran
    mask_streams()
    _obey_profile()
    # threads that spin while they wait take twice as long beside a busy neighbour; OpenMP reads this when it is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    group.main(prog_name="wxml")
