"""The provenance record as the text of an attribute."""

__all__ = ["provenance_from_text", "provenance_text"]

import json
from typing import Any

from wxml.errors import ArtefactError, DataError
from wxml.files.json_loader import load_json
from wxml.files.record_file import PROVENANCE


def provenance_text(record: dict[str, Any]) -> str:
    """The text of the attribute `wxml_provenance`.

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
    """The record in the attribute `wxml_provenance` of the file `target`; `text` is None where it has none.

    Raises:
        ArtefactError: there is no record, or it is damaged.
    """
    fix = "name a file that `wxml forecast` or `wxml verify` wrote, or write it again"
    if text is None:
        raise ArtefactError(f"`{target}` carries no `{PROVENANCE}`, so wxml did not write it", fix=fix)
    try:
        record = load_json(text)
    except ValueError as error:
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: {error}", fix=fix) from error
    if not isinstance(record, dict):
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: it is no JSON object", fix=fix)
    found: dict[str, Any] = record
    return found
