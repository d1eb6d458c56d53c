"""`wxml doctor`: lists the problems of this environment and the command that installs the missing packages."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wxml.cli.diagnosis import Diagnosis

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""


@click.command(short_help="Say what is wrong with this environment.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Compare with the versions of a release manifest.")
@click.option("--for", "artefact", type=click.Path(path_type=Path), help="Compare with what an artefact was made with.")
@click.option("--json", "as_json", is_flag=True, help="For programs: {'schema': 1, 'healthy': …, 'checks': [...], …}.")
@click.pass_context
def command(ctx: click.Context, manifest: Path | None, artefact: Path | None, as_json: bool) -> None:
    """Say what is wrong with this environment, and print the command that installs what is wanted.

    \b
    Examples:
      wxml doctor
      wxml doctor --manifest release-manifest.toml
      wxml doctor --for checkpoint.safetensors

    Exit code 0: all in order; 1: not; 2: there is no such file.
    """
    from wxml.cli.diagnosis import against_artefact, against_release, general_health
    from wxml.terminal import say, say_json

    if manifest and artefact:
        raise click.UsageError("use either --manifest or --for")
    if manifest:
        diagnosis = against_release(manifest)
    elif artefact:
        diagnosis = against_artefact(artefact)
    else:
        diagnosis = general_health()
    if as_json:
        from dataclasses import asdict

        checks = [asdict(check) for check in diagnosis.checks]
        made = {"schema": SCHEMA, "healthy": diagnosis.is_healthy, "checks": checks, "command": diagnosis.command}
        say_json(made)
    else:
        say("\n".join(_lines(diagnosis)))
    ctx.exit(0 if diagnosis.is_healthy else 1)


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
