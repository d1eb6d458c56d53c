"""`wxml compare`: says whether one forecast is better than another, from the statistics of their cases."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wxml_verification.comparison import Significance
    from wxml_verification.groups import Grouping


@click.command("compare", short_help="Say whether a forecast is better than others, and how sure that is.")
@click.argument("scores", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCORES OTHER...")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default="comparison", show_default=True, help="A new folder."
)
@click.option(
    "--significance",
    type=click.Choice(["geer", "hac", "bootstrap"]),
    default="hac",
    show_default=True,
    help="The method behind confidence intervals.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="The probability with which an interval holds the true difference.",
)
@click.option(
    "--group",
    "groupings",
    multiple=True,
    type=click.Choice(["season", "month", "initial-hour"]),
    default=["season", "month", "initial-hour"],
    show_default=True,
    help="How cases are grouped: the files have the differences of each group, too; may be given several times.",
)
@click.option("--metric", help="The score that the table shows, such as bias.  [default: the first]")
@click.option("--overwrite", is_flag=True, help="Replace the output if it is a folder that this command wrote.")
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON.")
def command(
    scores: tuple[Path, ...],
    output: Path,
    significance: "Significance",
    confidence: float,
    groupings: "tuple[Grouping, ...]",
    metric: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare the first forecast with each of the others, score by score.

    SCORES and OTHER are folders that `wxml verify` wrote against the same truth. Only cases (initial time and lead
    time) that both have count; what one of them lacks is told. Writes comparison.csv and comparison.nc into the output
    folder and prints a table.

    \b
    Examples:
      wxml compare scores-new scores-old
      wxml compare scores-new scores-old scores-older --metric acc -o comparison-acc
    """
    from wxml.terminal import say

    from wxml_verification.compare_job import compare
    from wxml_verification.comparison_table import comparison_as_json, comparison_table

    found = compare(
        scores,
        output,
        significance=significance,
        confidence=confidence,
        groupings=groupings,
        overwrite=overwrite,
    )
    say(comparison_as_json(found) if as_json else comparison_table(found, metric))
    click.echo(f"comparison: {output}", err=as_json)
