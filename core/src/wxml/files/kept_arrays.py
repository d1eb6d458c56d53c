"""Arrays that are kept for the next run: read only if they are whole and were made of what they should be."""

__all__ = ["keep_arrays", "kept_arrays", "kept_name"]

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, sealed, unsealed
from wxml.files.staging import staged

logger = logging.getLogger("wxml")


def kept_name(kind: str, made_of: Mapping[str, Any]) -> str:
    """The name of the file: the kind of the contents, and a hash of the JSON values that say what they are made of."""
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    return f"{kind}-{key}.safetensors"


def kept_arrays(path: Path, made_of: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read arrays with their checksums.

    Raises:
        ArtefactError: a part is not what was written, or the arrays were made of something else.
        OSError, SafetensorError, ValueError: the file cannot be read.
    """
    with safe_open(path, framework="np") as file:
        header = unsealed((file.metadata() or {}).get("wxml"), str(path))
    if {name: header.get(name) for name in made_of} != json.loads(json.dumps(made_of)):
        raise ArtefactError(f"it was made of other {', '.join(sorted(made_of))}", fix="")
    arrays: dict[str, NDArray[Any]] = load_file(path)
    check_tensors(header, arrays, str(path))
    return arrays


def keep_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], made_of: Mapping[str, Any], what: str) -> None:
    """Write arrays, beside and then renamed; a full disk or a folder that refuses only give a warning about `what`."""
    try:
        with staged(path, overwrite=True) as temporary:
            save_file(dict(arrays), temporary, {"wxml": sealed(made_of, arrays)})
    except (OSError, SafetensorError, ArtefactError) as error:
        logger.warning("could not keep %s in %s, so the next run makes them again: %s", what, path.parent, error)
