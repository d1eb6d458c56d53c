"""Writes the table of `docs/graphs.md` from the folder that `nox -s graphs` fills: `make_table_of_graphs.py FOLDER`."""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "graphs.md"
BEGIN, END = "<!-- the table of nox -s graphs -->\n", "<!-- the end of the table -->\n"
ORDER = ("global", "limited-area", "stretched", "healpix", "levels", "two-grids")
LEADS = ("6h", "12h", "18h", "24h")
HEAD = (
    "| graph | mesh nodes | steps | seconds | temperature, 6 h | 12 h | 18 h | 24 h | better than persistence |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)

Rows = list[dict[str, Any]]


def rmse(rows: Rows, forecast: str) -> dict[tuple[str, str], float]:
    """By variable and lead time."""
    chosen = (row for row in rows if (row["metric"], row["forecast"]) == ("rmse", forecast))
    return {(row["variable"], row["lead_time"]): row["value"] for row in chosen if row["value"] is not None}


def cells(rows: Rows) -> list[str]:
    """The RMSE of forecast and persistence at each lead time, and in how many pairs the forecast is better."""
    own, other = rmse(rows, "forecast"), rmse(rows, "persistence")
    name = "air" if ("air", LEADS[0]) in own else "t"
    shown = [f"{own[name, lead]:.3g} / {other[name, lead]:.3g} K" for lead in LEADS]
    return [*shown, f"{sum(own[key] < other[key] for key in own)} of {len(own)}"]


def line(name: str, facts: dict[str, Any]) -> str:
    """The row of a graph, and one of each of several grids."""
    first = [
        f"[{name}](experiments/graphs/{name}.yaml)",
        *(str(facts[key]) for key in ("mesh_nodes", "steps", "seconds")),
    ]
    rows = [[*first, *cells(facts["scores"])]]
    rows += [[f"– {part} alone", "", "", "", *cells(scores)] for part, scores in facts.get("parts", {}).items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main(folder: Path) -> None:
    """Put the table in the place of the one before; a graph that was not trained keeps its old row."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = []
    for name in ORDER:
        file = folder / f"{name}.json"
        kept = [row + "\n" for row in old.splitlines() if row.startswith(f"| [{name}]")]
        lines += [line(name, json.loads(file.read_text()))] if file.exists() else kept
    PAGE.write_text(f"{before}{BEGIN}{HEAD}{''.join(lines)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
