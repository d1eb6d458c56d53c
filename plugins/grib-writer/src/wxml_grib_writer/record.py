"""What wxml knows of a forecast and GRIB has no key for: names, units, the announced times, the boundary."""

__all__ = ["Announced", "announced", "file_record"]

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import ForecastHeader, Variable
from wxml.data.units import Line
from wxml.errors import DataError
from wxml.forecasting.layout import provenance_text

from wxml_grib_writer.templates import Template, whole_signature


@dataclass(frozen=True, slots=True, eq=False)
class Announced:
    """The part of a header that the record of a file holds."""

    variables: dict[tuple[int, ...], tuple[Variable, Line]]
    """By the signature of their messages, in the order of the header; the line makes the messages' values of theirs."""
    initial_times: NDArray[np.datetime64]
    lead_times: NDArray[np.timedelta64]
    numbers: tuple[int, ...]
    """Those of the members."""
    boundary: NDArray[np.bool_] | None


def file_record(header: ForecastHeader, templates: Sequence[Template]) -> dict[str, Any]:
    """The record of a forecast, as JSON values; `templates` are those of its variables."""
    boundary = header.boundary
    return {
        "provenance": provenance_text(header.provenance),
        "variables": [
            {"signature": list(one.signature), "line": list(one.line), **asdict(one.variable)} for one in templates
        ],
        "initial_times": header.initial_times.astype("datetime64[s]").astype(np.int64).tolist(),
        "lead_times": header.lead_times.astype("timedelta64[s]").astype(np.int64).tolist(),
        "members": header.members,
        "numbers": list(header.numbers),
        "boundary": None if boundary is None else base64.b64encode(np.packbits(boundary).tobytes()).decode(),
    }


def announced(record: dict[str, Any], nodes: int, target: str) -> Announced:
    """Read a record.

    Args:
        record: what `file_record` made.
        nodes: how many nodes the grid has.
        target: the name of the file in messages.

    Raises:
        DataError: it is damaged.
    """
    try:
        variables = {
            whole_signature(one.pop("signature")): (Line(*map(float, one.pop("line"))), Variable(**one))[::-1]
            for one in record["variables"]
        }
        text = record["boundary"]
        packed = None if text is None else np.frombuffer(base64.b64decode(text), np.uint8)
        return Announced(
            variables,
            np.array(record["initial_times"], "datetime64[s]"),
            np.array(record["lead_times"], "timedelta64[s]"),
            tuple(map(int, record.get("numbers", range(int(record["members"]))))),
            None if packed is None else np.unpackbits(packed, count=nodes).astype(bool),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the record of wxml in `{target}` is damaged: {error}", fix="copy the file again, or write it again"
        ) from error
