"""`wxml inspect`: shows the inputs and the plugins that an artefact was made from."""

import logging
from pathlib import Path

import click

logger = logging.getLogger("wxml")


@click.command(short_help="Show what an artefact was made of.")
@click.argument("artefact", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
@click.option("--check", "checked", is_flag=True, help="Read all of a checkpoint and compare it with its checksums.")
def command(artefact: Path, as_json: bool, checked: bool) -> None:
    """Show the chain behind a checkpoint, a run, a forecast or a folder of scores.

    For a checkpoint, also what to feed it with: variables with their roles, levels and units, the grid, the times, and
    the scores of its last validation. Neither its data nor its plugins are needed.

    \b
    Examples:
      wxml inspect runs/demo/checkpoint.safetensors
      wxml inspect forecast.zarr --json
      wxml inspect runs/demo/checkpoint.safetensors --check
    """
    from wxml.artefacts.formats import read_provenance
    from wxml.artefacts.lineage import lineage
    from wxml.artefacts.requirements import requirement_lines, requirements
    from wxml.artefacts.run_folder import checkpoint_in, is_run, kept_checkpoints
    from wxml.files.leftovers import unfinished_target
    from wxml.terminal import say, say_json

    kept = kept_checkpoints(artefact) if is_run(artefact) else []
    if is_run(artefact):
        artefact = checkpoint_in(artefact)
    record = read_provenance(artefact)
    whole = unfinished_target(artefact)
    if whole is not None:
        logger.warning("`%s` is not whole: its command is at work, or `--resume` goes on to `%s`", artefact, whole.name)
    if checked:
        _tell_checksums(artefact, record.artefact)
    needed = requirements(artefact) if record.artefact == "checkpoint" else None
    if as_json:
        say_json(record.to_dict() | ({"requirements": needed.to_dict()} if needed else {}))
    else:
        say(lineage(record, str(artefact)))
        for line in requirement_lines(needed) if needed else ():
            say(f"  {line}")
        for one in kept:
            metrics = "".join(f", {name} {value:.5g}" for name, value in one.metrics.items())
            say(f"  kept      step {one.step}{metrics}{', the best' if one.best else ''}")


def _tell_checksums(path: Path, kind: str) -> None:
    """Log that a checkpoint is as it was written; raise an ArtefactError if it is not, or has no checksums."""
    from wxml.artefacts.checkpoint import check_checkpoint
    from wxml.errors import ArtefactError

    if kind != "checkpoint":
        raise ArtefactError(f"`{path}` is a {kind}, and only a checkpoint has checksums", fix="leave `--check` out")
    count = check_checkpoint(path)
    if count is None:
        fix = "leave `--check` out; a checkpoint of wxml 0.2 has checksums"
        raise ArtefactError(
            f"`{path}` was written by wxml 0.1, without checksums: nobody can say if it is whole", fix=fix
        )
    logger.info("the header and the %d tensors of `%s` are as they were written", count, path)
