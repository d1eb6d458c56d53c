"""`wxml import-anemoi`: from the weights of an Anemoi model to a checkpoint."""

from pathlib import Path

import click


@click.command("import-anemoi", short_help="Make a checkpoint from the weights of an Anemoi model.")
@click.argument("export", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, required=True, metavar="EXPERIMENT.yaml [KEY=VALUE]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The checkpoint to write.")
@click.option("--overwrite", is_flag=True, help="Replace a checkpoint that is there.")
def command(export: Path, arguments: tuple[str, ...], output: Path, overwrite: bool) -> None:
    """Make a checkpoint from EXPORT, the weights, graph and variables of an Anemoi model.

    EXPORT is a .safetensors file that a short script writes where Anemoi is installed; the script and the options of
    Anemoi in the terms of wxml are in docs/weights-from-anemoi.md. EXPERIMENT.yaml describes the same model and its
    data. All weights are taken over or, with the reasons, none.

    \b
    Examples:
      wxml import-anemoi anemoi.safetensors experiment.yaml -o checkpoint.safetensors
      wxml import-anemoi anemoi.safetensors experiment.yaml model.channels=512 -o checkpoint.safetensors
    """
    from wxml import split_arguments

    from wxml_anemoi.job import import_anemoi

    experiment, overrides = split_arguments(arguments)
    if experiment is None:
        raise click.UsageError("name the experiment, a .yaml file with the options of the Anemoi model")
    import_anemoi(export, experiment, overrides, output, overwrite=overwrite)
    click.echo(output)
