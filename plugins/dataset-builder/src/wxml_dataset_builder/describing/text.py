"""What a dataset is, as lines for a terminal."""

__all__ = ["as_text", "bytes_text", "facts_of"]

import json
from collections.abc import Iterator
from typing import Any, Final

from wxml.terminal import columns

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
SHOWN: Final = 5
"""So many missing dates and gaps are listed."""
Facts = dict[str, Any]


def as_text(facts: Facts) -> str:
    """The facts of `describe` in lines."""
    rows = [(name, value) for name, value in facts_of(facts).items() if value]
    return "\n".join([*columns(rows), "", *_variables(facts)])


def facts_of(facts: Facts) -> dict[str, str]:
    """What is told of the whole, by its name."""
    return {
        "path": facts["path"],
        "grid": grid_text(facts["grid"]),
        "resolution": _resolution(facts.get("resolution")),
        "dates": _dates_text(facts),
        "missing dates": _listed(facts.get("missing_dates", []), len(facts.get("missing_dates", []))),
        "gaps": _gaps_text(facts),
        "members": str(facts["members"]) if facts["members"] > 1 else "",
        **(_storage(facts["store"]) if "store" in facts else {}),
        "statistics of": " to ".join(map(str, facts.get("statistics_period", []))),
        "changes over": ", ".join(facts.get("tendencies", {})),
        **{key: str(facts.get(key) or "") for key in ("description", "licence", "attribution", "uuid")},
        "history": "; ".join(map(_entry, facts.get("history", []))),
        "made from": _provenance(facts.get("provenance")),
    }


def grid_text(grid: Facts) -> str:
    """The grid in a line, such as `regular, 32 × 64 = 2048 nodes, global`."""
    shape = f"{' × '.join(map(str, grid['shape']))} = " if len(grid["shape"]) > 1 else ""
    north, south = (_compass(grid[side], "N", "S") for side in ("north", "south"))
    west, east = (_compass((grid[side] + 180) % 360 - 180, "E", "W") for side in ("west", "east"))
    extent = "global" if grid["is_global"] else f"{west} to {east}"
    return f"{grid['kind']}, {shape}{grid['nodes']} nodes, {extent}, {south} to {north}"


def _resolution(value: object) -> str:
    """The name of the grid, or its step."""
    return f"{value:g}°" if isinstance(value, int | float) else str(value or "")


def _compass(degrees: float, positive: str, negative: str) -> str:
    return f"{abs(degrees):.6g}°{positive if degrees >= 0 else negative}"


def _dates_text(facts: Facts) -> str:
    """The dates on the axis of a dataset, or those of a source."""
    dates = facts["axis"] if "axis" in facts else facts["dates"]
    step = facts.get("frequency", facts["dates"]["step"])
    every = f" every {step}" if step else ""
    return f"{dates['count']} from {dates['first']} to {dates['last']}{every}"


def _gaps_text(facts: Facts) -> str:
    """The gaps of a source; those of a dataset are its missing dates."""
    if "store" in facts:
        return ""
    dates = facts["dates"]
    return _listed([f"{gap['after']} to {gap['before']}" for gap in dates["gaps"]], dates["number_of_gaps"])


def _listed(texts: list[str], count: int) -> str:
    return f"{count}: {', '.join(texts[:SHOWN])}{' …' if count > SHOWN else ''}" if count else ""


def _storage(store: Facts) -> dict[str, str]:
    shards = f", files of {' × '.join(map(str, store['shards']))}" if store["shards"] else ""
    ratio = store["bytes_of_values"] / max(store["bytes"], 1)
    checksums = ", with checksums" if store["has_checksums"] else ", without checksums"
    return {
        "store": f"{store['format']}, {store['type']}, {store['compression']}{checksums}",
        "data": " × ".join(map(str, store["shape"])) + f", chunks of {' × '.join(map(str, store['chunks']))}{shards}",
        "size": f"{bytes_text(store['bytes'])} in {store['files']} files; the values are "
        f"{bytes_text(store['bytes_of_values'])}, {ratio:.2f} times that",
    }


def bytes_text(count: float) -> str:
    """A number of bytes for people, such as `1.5 GiB`."""
    power = 0
    while count >= 1024 and power < len(UNITS) - 1:
        count, power = count / 1024, power + 1
    return f"{count:.4g} {UNITS[power]}"


def _entry(entry: Any) -> str:
    """An entry of the history, such as `build (dates 24, variables 8)`."""
    if not isinstance(entry, dict):
        return str(entry)
    rest = ", ".join(f"{key} {value}" for key, value in entry.items() if key != "action")
    return f"{entry.get('action', '?')} ({rest})"


def _provenance(record: Any) -> str:
    """The source and its files, in a line."""
    if not isinstance(record, dict):
        return ""
    files = [str(one.get("name", one)) for one in record.get("files", []) if isinstance(one, dict)]
    named = f": {_listed(files, len(files))}" if files else ""
    return f"{record.get('source', '')}{named}" or json.dumps(record)[:200]


def _variables(facts: Facts) -> list[str]:
    """The table of the variables."""
    statistics = facts.get("statistics", {})
    names = list(next(iter(statistics.values()), {}))
    head = ("variable", "level", "units", "of", *names)
    rows = [(*variable_row(one), *_numbers(statistics.get(one["name"], {}), names)) for one in facts["variables"]]
    return columns([head, *rows], right=set(range(4, 4 + len(names))))


def variable_row(variable: Facts) -> tuple[str, str, str, str]:
    """Name, level, units, and the instants or periods that the values are of."""
    level = variable["level"]
    told = "" if level is None else f"{level:g} {variable['level_units']}".strip()
    kind = " ".join(part for part in (variable["step_type"], variable["period"]) if part)
    return variable["name"], told or variable["height"], variable["units"] or "?", kind or "–"


def _numbers(statistics: dict[str, float], names: list[str]) -> Iterator[str]:
    yield from (f"{statistics[name]:.6g}" if name in statistics else "–" for name in names)
