"""The provenance record in a file: JSON text in one global attribute."""

__all__ = ["DAMAGE", "FIX", "PROVENANCE", "provenance_from_text", "provenance_text"]

import json
from typing import Any

from wxml.errors import ArtefactError, DataError

PROVENANCE = "wxml_provenance"
# What netCDF4 and zarr raise where the bytes of a file are not what they should be.
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
FIX = "name a file that `wxml forecast` or `wxml verify` wrote, or write it again"


def provenance_text(record: dict[str, Any]) -> str:
    """The text for the attribute.

    Raises:
        DataError: the record holds something else than JSON values.
    """
    try:
        return json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`provenance` must hold JSON values only: {error}", fix="turn other values into text"
        ) from error


def provenance_from_text(target: str, text: Any) -> dict[str, Any]:
    """The record in the attribute of a file; None stands for a file without the attribute.

    Raises:
        ArtefactError: there is no record, or it is damaged.
    """
    if text is None:
        raise ArtefactError(f"`{target}` carries no `{PROVENANCE}`, so wxml did not write it", fix=FIX)
    try:
        record = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: {error}", fix=FIX) from error
    if not isinstance(record, dict):
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: it is no JSON object", fix=FIX)
    return record
