"""What became of each variable and of each weight of a checkpoint that a training begins with."""

__all__ = ["Report", "VariableRow", "part_of", "report_lines"]

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wxml.config.fork import PartName
from wxml.terminal import columns

PARTS: dict[str, PartName] = {
    "grid_features": "features",
    "mesh_features": "features",
    "encoder": "encoder",
    "processor": "processor",
    "decoder": "decoder",
    "noise": "noise",
}
"""The part that each child of the model belongs to."""
SHOWN = 6


def part_of(weight: str) -> PartName:
    """The part of the model that a weight belongs to.

    >>> part_of("grid_features.nodes.trainable")
    'features'
    """
    return PARTS[weight.partition(".")[0]]


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A variable of the new model, or one of the checkpoint that is dropped."""

    name: str
    role: str
    how: str
    """`as it was`, or what differs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was loaded, changed and made fresh."""

    checkpoint: str
    """The name of the file."""
    digest: str
    """The SHA-256 of its header, which holds those of its tensors."""
    variables: tuple[VariableRow, ...]
    loaded: tuple[str, ...]
    """The weights that are as they were in the checkpoint."""
    changed: tuple[str, ...]
    """Those that were made to read or to forecast other variables or other units."""
    fresh: Mapping[str, str]
    """Those that the checkpoint does not give → why."""
    unused: tuple[str, ...]
    """The weights of the checkpoint that the model does not take."""
    frozen: tuple[str, ...]
    adapted: tuple[str, ...]
    """The weights with low-rank adapters."""
    differences: tuple[str, ...]
    """What makes the forecasts of both models differ, before any step."""

    def to_dict(self) -> dict[str, Any]:
        """The report for a provenance record, as JSON values; weights that were loaded are only counted."""
        return {
            "checkpoint": self.checkpoint,
            "sha256": self.digest,
            "variables": {row.name: [row.role, row.how] for row in self.variables},
            "loaded": dict(Counter(map(part_of, self.loaded))),
            "changed": list(self.changed),
            "fresh": dict(self.fresh),
            "unused": list(self.unused),
            "frozen": list(self.frozen),
            "adapted": list(self.adapted),
            "differences": list(self.differences),
        }


def report_lines(report: Report) -> list[str]:
    """The report as two tables and sentences, for people."""
    lines = [f"the training begins with the weights of `{report.checkpoint}`"]
    lines += _indented([("variable", "role", "weights"), *((one.name, one.role, one.how) for one in report.variables)])
    counts = [Counter(map(part_of, names)) for names in (report.loaded, report.changed, report.fresh, report.frozen)]
    parts = [part for part in dict.fromkeys(PARTS.values()) if any(count[part] for count in counts)]
    rows = [(part, *(str(count[part]) for count in counts)) for part in parts]
    lines += _indented([("part", "loaded", "changed", "fresh", "frozen"), *rows], right={1, 2, 3, 4})
    lines += [f"  fresh: {name}: {why}" for name, why in list(report.fresh.items())[:SHOWN]]
    if len(report.fresh) > SHOWN:
        lines.append(f"  … and {len(report.fresh) - SHOWN} more; see `wxml inspect --json`")
    if report.unused:
        lines.append(f"  not taken: {', '.join(report.unused[:SHOWN])}{' …' if len(report.unused) > SHOWN else ''}")
    if report.adapted:
        lines.append(f"  low-rank adapters: {len(report.adapted)} weights")
    return lines


def _indented(rows: list[tuple[str, ...]], right: set[int] = frozenset()) -> list[str]:  # type: ignore[assignment]
    return [f"  {line}" for line in columns(rows, right=right)]
