"""Several forecasts in one `wxml verify`: each is scored into a folder of its own, and the first beside the others."""

__all__ = ["scored_each", "split_forecasts"]

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from wxml.cli.verified_forecast import Named, checked, compared, scored
from wxml.errors import WxmlError
from wxml.files.staging import check_absent
from wxml.verification.requirements import Outcome, Requirement, outcomes, outcomes_as_json
from wxml.verification.score_table import score_table, scores_as_json
from wxml.verification.verifier import Scores

COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class ScoredEach:
    """What came of several forecasts."""

    scores: dict[str, Scores]
    """Name → the scores."""
    comparison: str
    """For a terminal."""

    def as_text(self, metric: str | None) -> str:
        """The table of each forecast below its name, then the comparison."""
        tables = [f"{name}\n{score_table(one, metric)}" for name, one in self.scores.items()]
        return "\n\n".join([*tables, self.comparison] if self.comparison else tables)

    def outcomes(self, requirements: Sequence[Requirement]) -> list[Outcome]:
        """What became of the requirements, of each forecast."""
        return [
            replace(one, requirement=replace(one.requirement, text=f"{name}: {one.requirement.text}"))
            for name, scores in self.scores.items()
            for one in outcomes(scores, requirements)
        ]

    def as_json(self, found: Sequence[Outcome]) -> str:
        """{"schema": 1, "forecasts": name → as of one forecast}, and what became of requirements."""
        forecasts = {name: json.loads(scores_as_json(one)) for name, one in self.scores.items()}
        required = {"required": outcomes_as_json(found)} if found else {}
        return json.dumps({"schema": 1, "forecasts": forecasts} | required, indent=1)


def split_forecasts(arguments: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Further forecasts, and changes of the config.

    >>> split_forecasts(["b.zarr", "verification.maps=0"])[1]
    ('verification.maps=0',)
    """
    changes = tuple(one for one in arguments if "=" in one or one.startswith("~"))
    return tuple(Path(one) for one in arguments if one not in changes), changes


def scored_each(
    first: Named,
    others: Sequence[Path],
    output: Path,
    *,
    metric: str | None,
    requirements: Sequence[Requirement],
    overwrite: bool,
) -> ScoredEach:
    """Score each forecast into `output/NAME`, and compare the first with the others in `output/comparison`.

    Args:
        first: the first forecast, and what is chosen for all.
        others: the other forecasts.
        output: a new folder; with `overwrite`, folders of scores in it are replaced.
        metric: a metric that the scores must have; None: any.
        requirements: what is asked of all scores; here, only the names in them are looked at.
        overwrite: replace what wxml wrote.

    All of them are opened, and held against the truth and what is asked, before a case of the first one is read.

    Raises:
        WxmlError: names what is wrong and the fix; what is scored by then stays.
    """
    check_absent(output, overwrite=overwrite)
    every = [first, *(replace(first, forecast=path) for path in others)]
    for one in every:
        checked(one, metric=metric, requirements=requirements)
    found: dict[str, Scores] = {}
    with _filled(output):
        for name, one in zip(_names([one.forecast for one in every]), every, strict=True):
            folder = output / name
            found[name], _ = scored(one, folder, metric=metric, requirements=requirements, overwrite=overwrite)
        folders = [output / name for name in found]
        return ScoredEach(found, compared(first, folders, output / COMPARISON, overwrite=overwrite))


@contextmanager
def _filled(output: Path) -> Iterator[None]:
    """Make a folder; after a failure it is named if anything is in it, and gone if not."""
    is_new = not output.exists()
    output.mkdir(exist_ok=True)
    try:
        yield
    except WxmlError:
        if any(output.iterdir()):
            click.echo(f"scored by now: {output}", err=True)
        elif is_new:
            output.rmdir()
        raise


def _names(paths: Sequence[Path]) -> list[str]:
    """A name of its own for each forecast: that of its file, with a number where it is taken."""
    names: list[str] = []
    for path in paths:
        candidates = [path.stem, *(f"{path.stem}-{number}" for number in range(2, len(paths) + 2))]
        names.append(next(name for name in candidates if name not in (COMPARISON, *names)))
    return names
