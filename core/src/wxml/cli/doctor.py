"""`wxml doctor`: lists the problems of this environment and the command that installs the missing packages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wxml.cli.checks import Diagnosis

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""


@click.command(short_help="Say what is wrong with this environment.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Compare with the versions of a release manifest.")
@click.option(
    "--for",
    "artefacts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Compare with what an artefact was made with, or all artefacts beneath a folder. May be given several times.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs: {'schema': 1, 'healthy': …, 'checks': [...], …}.")
@click.pass_context
def command(
    ctx: click.Context, manifest: Path | None, artefacts: tuple[Path, ...], more: tuple[Path, ...], as_json: bool
) -> None:
    """Say what is wrong with this environment, and print the command that installs what is wanted.

    MORE are further artefacts or folders for --for, so that a pattern of the shell can stand behind it.

    \b
    Examples:
      wxml doctor
      wxml doctor --manifest release-manifest.toml
      wxml doctor --for checkpoint.safetensors
      wxml doctor --for operations/ --for archive/*.safetensors

    Exit code 0: all in order; 1: not; 2: there is no such file.
    """
    from wxml.artefacts.formats import is_artefact_folder
    from wxml.cli.diagnosis import against_release, general_health

    if manifest and artefacts:
        raise click.UsageError("use either --manifest or --for")
    if more and not artefacts:
        raise click.UsageError(f"got {str(more[0])!r}; artefacts stand behind --for")
    paths = (*artefacts, *more)
    if len(paths) > 1 or any(path.is_dir() and not is_artefact_folder(path) for path in paths):
        is_healthy = _compare_several(paths, as_json=as_json)
    elif artefacts:
        from wxml.cli.artefact_diagnosis import against_artefact

        is_healthy = _tell(against_artefact(artefacts[0]), as_json=as_json)
    else:
        is_healthy = _tell(against_release(manifest) if manifest else general_health(), as_json=as_json)
    ctx.exit(0 if is_healthy else 1)


def _tell(diagnosis: "Diagnosis", *, as_json: bool) -> bool:
    """Print the results, and return whether all is in order."""
    from wxml.terminal import say, say_json

    if as_json:
        say_json({"schema": SCHEMA, **_values(diagnosis)})
    else:
        say("\n".join(_lines(diagnosis)))
    return diagnosis.is_healthy


def _compare_several(paths: tuple[Path, ...], *, as_json: bool) -> bool:
    """Print one line for each artefact, and return whether all is in order."""
    import shlex

    from wxml.cli.artefact_diagnosis import against_artefacts, overview
    from wxml.terminal import columns, say, say_json

    found = against_artefacts(paths)
    rows = overview(found)
    if as_json:
        each = [{"artefact": one.artefact, **_values(one.diagnosis)} for one in found]
        say_json({"schema": SCHEMA, **_values(rows), "artefacts": each})
        return rows.is_healthy
    table = [(check.subject, check.found, check.status, check.advice) for check in rows.checks]
    say("\n".join([*columns([("artefact", "made as", "status", ""), *table]), ""]))
    wrong = [one for one in found if not one.diagnosis.is_healthy]
    if wrong:
        say(f"{len(wrong)} of {len(found)} artefacts not in order; what installs the plugins of one:")
        say(f"  wxml doctor --for {shlex.quote(wrong[0].artefact)}")
    else:
        say(f"all {len(found)} artefacts in order")
    return not wrong


def _values(diagnosis: "Diagnosis") -> dict[str, Any]:
    """The results as JSON values."""
    from dataclasses import asdict

    checks = [asdict(check) for check in diagnosis.checks]
    return {"healthy": diagnosis.is_healthy, "checks": checks, "command": diagnosis.command}


def _lines(diagnosis: "Diagnosis") -> list[str]:
    from wxml.terminal import columns

    compared = any(check.wanted for check in diagnosis.checks)
    rows = [
        (check.subject, *([check.wanted] if compared else []), check.found, check.status, check.advice)
        for check in diagnosis.checks
    ]
    lines = columns([("", *(["wanted"] if compared else []), "found", "status", ""), *rows])
    if diagnosis.is_healthy:
        return [*lines, "", "all in order"]
    if diagnosis.command:
        return [*lines, "", "to install what is wanted:", f"  {diagnosis.command}"]
    return [*lines, "", "not all in order"]
