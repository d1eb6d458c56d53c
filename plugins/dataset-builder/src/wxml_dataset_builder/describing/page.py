"""The page of a dataset: one HTML file that needs no other file and no network."""

__all__ = ["render_page", "write_page"]

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from wxml import DataSource
from wxml.files.staging import check_absent, staged
from wxml.terminal import printable

from wxml_dataset_builder.describing.pictures import draw
from wxml_dataset_builder.describing.summary import Summary, summarise
from wxml_dataset_builder.describing.text import facts_of, variable_row

Facts = dict[str, Any]


def write_page(source: DataSource, facts: Facts, target: Path, *, overwrite: bool = False) -> None:
    """Write the page of a source.

    Args:
        source: the values.
        facts: what `describe` tells of it.
        target: the file.
        overwrite: replace a file that is there.

    Raises:
        ArtefactError: the file may not be written.
        DataError: the values cannot be read.
    """
    check_absent(target, overwrite=overwrite)
    text = render_page(source, facts, summarise(source))
    with staged(target, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render_page(source: DataSource, facts: Facts, summary: Summary) -> str:
    """Fill the template, which escapes every text; control characters become visible."""
    header, statistics = source.header, facts.get("statistics", {})
    variables = [
        {
            "row": [printable(one) for one in variable_row(said)],
            "statistics": list(statistics.get(said["name"], {}).values()),
            "picture": draw(header.grid, variable, number, summary),
        }
        for number, (variable, said) in enumerate(zip(header.variables, facts["variables"], strict=True))
    ]
    told = {name: printable(value) for name, value in facts_of(facts).items() if value and name != "path"}
    return (
        _environment()
        .get_template("dataset.html.jinja")
        .render(
            title=printable(Path(facts["path"]).name),
            facts=told,
            names=list(next(iter(statistics.values()), {})),
            variables=variables,
            shown=len(summary.dates),
            total=facts["dates"]["count"],
            records={key: _lines(facts[key]) for key in ("recipe", "provenance", "history") if facts.get(key)},
        )
    )


def _lines(record: Any) -> str:
    return "\n".join(map(printable, json.dumps(record, indent=2, default=str).split("\n")))


def _number(value: float) -> str:
    return f"{value:.5g}".replace("-", "−") if np.isfinite(value) else "–"


@cache
def _environment() -> Environment:
    """The templates of this package; every text is escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=PackageLoader("wxml_dataset_builder.describing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number)
    return environment
