"""Zarr stores that are open for reading: those on this machine, and remote ones; their metadata have been checked."""

__all__ = ["zarr_store"]

from wxml.files.zarr_metadata import check_zarr_store
from zarr.abc.store import Store
from zarr.storage import LocalStore

from wxml_dataset_sources.remote.documents import StoreAt, documents_of
from wxml_dataset_sources.remote.references import ReferencesAt, references_of
from wxml_dataset_sources.remote.store import ChunkFiles, RemoteStore, raise_concurrency
from wxml_dataset_sources.zarr_reading.whole_chunks import WholeChunks


def zarr_store(path: str, at: StoreAt | ReferencesAt | None = None) -> Store:
    """Open a store; nothing in its metadata names code, and chunks that were cut short raise a ValueError.

    Args:
        path: the folder.
        at: the remote store or the references, if it is one; then `path` does not count.

    Raises:
        DataError: the metadata are refused, or a remote store was written again or does not answer.
    """
    if at is None:
        check_zarr_store(path)
        return WholeChunks(LocalStore(path, read_only=True))  # zarr takes a name with :: in it for an address
    if isinstance(at, ReferencesAt):
        raise_concurrency(at.options.concurrency)
        references = references_of(at)
        return WholeChunks(RemoteStore(references.documents, references))
    raise_concurrency(at.remote.options.concurrency)
    return WholeChunks(RemoteStore(documents_of(at), ChunkFiles(at.remote)))
