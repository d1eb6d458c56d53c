"""Zarr stores that are open for reading: those on this machine, and remote ones; their metadata have been checked."""

__all__ = ["zarr_store"]

from functools import partial

from wxml.files.zarr_metadata import check_zarr_store
from zarr.storage import LocalStore

from wxml_dataset_sources.icechunk_reading.repository import IcechunkAt
from wxml_dataset_sources.icechunk_reading.snapshot import snapshot_of
from wxml_dataset_sources.remote.documents import StoreAt, documents_of
from wxml_dataset_sources.remote.references import ReferencesAt, references_of
from wxml_dataset_sources.remote.store import ChunkFiles, RemoteStore, raise_concurrency
from wxml_dataset_sources.zarr_reading.local_store import check_chunk
from wxml_dataset_sources.zarr_reading.whole_chunks import WholeChunks


def zarr_store(path: str, at: StoreAt | ReferencesAt | IcechunkAt | None = None, found: int = 0) -> WholeChunks:
    """Open a store; nothing in its metadata names code, and chunks that were cut short raise a ValueError.

    Args:
        path: the folder.
        at: the remote store, the references or the snapshot of Icechunk, if it is one; then `path` does not count.
        found: when the folder was found, in nanoseconds: chunks that were written later are refused; 0: none are.

    Raises:
        DataError: the metadata are refused, or a remote store was written again or does not answer.
    """
    if at is None:
        check_zarr_store(path)
        local = LocalStore(path, read_only=True)  # zarr takes a name with :: in it for an address
        return WholeChunks(local, partial(check_chunk, path, found=found) if found else None)
    if isinstance(at, IcechunkAt):
        if at.remote is not None:
            raise_concurrency(at.remote.options.concurrency)
        snapshot = snapshot_of(at)
        return WholeChunks(RemoteStore(snapshot.documents, snapshot))
    if isinstance(at, ReferencesAt):
        raise_concurrency(at.options.concurrency)
        references = references_of(at)
        return WholeChunks(RemoteStore(references.documents, references))
    raise_concurrency(at.remote.options.concurrency)
    return WholeChunks(RemoteStore(documents_of(at), ChunkFiles(at.remote)))
