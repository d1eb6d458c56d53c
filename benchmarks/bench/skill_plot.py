"""The plot of `time_to_skill.py`: errors against the processor time that a training took."""

__all__ = ["draw"]

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

mpl.use("Agg")

STYLES = {
    "gnn": {"color": "#0072b2", "marker": "o"},
    "graph-transformer": {"color": "#d55e00", "marker": "s"},
    "transformer": {"color": "#009e73", "marker": "^"},
}
"""Colours that are told apart without red and green (Okabe and Ito)."""
PEER = {"color": "#555555", "marker": "x", "linestyle": "none", "markersize": 9, "markeredgewidth": 2}


def draw(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], peer: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One panel for each of `keys`; filled marks are test scores, thin lines the way there on the validation period.

    Args:
        rows: the trainings, with `family`, `cpu_s`, `test` and the `way`.
        keys: names of scores, such as `air 6 h`.
        peer: `cpu_s` and `test` of others.
        path: the PNG.
    """
    figure, panels = plt.subplots(1, len(keys), figsize=(5 * len(keys), 4.2), layout="constrained", squeeze=False)
    for axes, key in zip(panels[0], keys, strict=True):
        _panel(axes, key, rows, peer)
    figure.suptitle("marks: test months, open where the peer is reached; thin lines: validation months", fontsize=10)
    panels[0][0].legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def _panel(axes: Axes, key: str, rows: Sequence[Mapping[str, Any]], peer: Sequence[Mapping[str, Any]]) -> None:
    """One score."""
    named = set[str]()
    for row in rows:
        style, family = STYLES[row["family"]], row["family"]
        way = [(one["cpu_s"], one["validation"][key]) for one in row["way"]]
        axes.plot(*zip(*way, strict=True), color=style["color"], linewidth=0.8, alpha=0.6)
        label = None if family in named else family
        axes.plot(row["cpu_s"], row["test"][key], label=label, linestyle="none", markersize=7, **style)  # type: ignore[arg-type]
        if first := row.get("reached"):
            open_mark = style | {"markerfacecolor": "white"}
            axes.plot(first["cpu_s"], first["test"][key], linestyle="none", markersize=7, **open_mark)  # type: ignore[arg-type]
        named.add(family)
    for number, one in enumerate(peer):
        axes.plot(one["cpu_s"], one["test"][key], label=None if number else "anemoi", **PEER)  # type: ignore[arg-type]
        if not number:
            axes.axhline(one["test"][key], color=PEER["color"], linewidth=0.8, linestyle="--")
    axes.set(xscale="log", xlabel="processor time in s", ylabel=f"RMSE of {key}")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
