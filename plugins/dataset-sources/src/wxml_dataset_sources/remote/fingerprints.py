"""Whether a remote store is still the same, by what its server says of its files; none of them is read."""

__all__ = ["references_fingerprint", "store_fingerprint"]

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from wxml.data.fingerprint import fingerprint_of

from wxml_dataset_sources.remote.address import Remote, is_address
from wxml_dataset_sources.remote.documents import Documents
from wxml_dataset_sources.remote.records import sampled_chunks
from wxml_dataset_sources.remote.references import ReferencesAt, references_of
from wxml_dataset_sources.remote.requests import Requests, requests_to

ASKED_FOR = 256
"""The most chunks of a store that the server is asked for, at equal distances; what writes another usually writes the
metadata again, too."""


def store_fingerprint(remote: Remote, documents: Documents) -> str | None:
    """A hash of the metadata, and of ETag, date, version and size of their files and of up to 256 chunks.

    Returns:
        None if the server tells neither an ETag nor a date or version of a file.

    Raises:
        DataError: a request failed.
    """
    requests = requests_to(remote)
    addresses = [*documents.fetched, *map(remote.below, sampled_chunks(documents, ASKED_FOR))]
    said = _said(requests.run(_infos([(requests, address) for address in addresses])))
    return None if said is None else fingerprint_of(remote.shown, documents.version, said)


def references_fingerprint(at: ReferencesAt) -> str | None:
    """A hash of the bytes of the references, and of what is said of up to 256 of the files that they name.

    Returns:
        None if a server tells nothing that changes with a file.

    Raises:
        DataError: a request failed, or the references cannot be read.
    """
    references = references_of(at)
    targets = references.targets()
    own = [[name, digest.hex()] for name, digest in references.digests()]
    chosen = targets[:: -(-len(targets) // ASKED_FOR) or 1]
    here = [_status(target) for target in chosen if not is_address(target)]
    there = [(references.requests_of(target), target) for target in chosen if is_address(target)]
    said = _said(there[0][0].run(_infos(there))) if there else []
    return None if said is None else fingerprint_of(at.shown, own, chosen, here, said)


def _said(found: Sequence[Mapping[str, Any] | None]) -> list[Any] | None:
    """Size and version of each file, None for one that is not there; None if a file has no version."""
    if any(info is not None and not info["version"] for info in found):
        return None
    return [info and [info["size"], info["version"]] for info in found]


def _status(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


async def _infos(files: Sequence[tuple[Requests, str]]) -> list[Mapping[str, Any] | None]:
    return list(await asyncio.gather(*(requests.info(address) for requests, address in files)))
