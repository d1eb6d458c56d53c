"""Icechunk repositories on this machine and in buckets, and the snapshots that branches and tags mean now."""

__all__ = ["IcechunkAt", "is_repository", "is_repository_at", "opened_repository", "snapshot_at"]

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wxml.errors import DataError, nearest

from wxml_dataset_sources.icechunk_reading.library import library, library_error
from wxml_dataset_sources.icechunk_reading.version import IcechunkVersion
from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.requests import requests_to

if TYPE_CHECKING:
    from icechunk import Repository, Storage

MAIN: Final = "refs/branch.main/ref.json"
"""Each repository of format 1 has the branch `main`."""
REPOSITORY: Final = "repo"
"""The file of a repository of format 2 that has its branches."""
BUCKETS: Final = ("s3", "gs")
"""The protocols that the library reads, and wxml has options for."""
LISTED: Final = 5
"""So many snapshots of a branch are proposed."""


@dataclass(frozen=True, slots=True)
class IcechunkAt:
    """A snapshot of a repository; safe to pickle."""

    shown: str
    """The repository in messages: its folder, or its address without credentials."""
    snapshot: str
    """The id of the snapshot, which never changes."""
    remote: Remote | None = None
    """Where it is, if it is not on this machine."""


def is_repository(path: str) -> bool:
    """Whether a folder of this machine holds a repository."""
    return os.path.isdir(os.path.join(path, "snapshots")) and any(
        os.path.isfile(os.path.join(path, name)) for name in (MAIN, REPOSITORY)
    )


def is_repository_at(remote: Remote) -> bool:
    """Whether a repository is at an address; raise a DataError if the server does not say."""
    requests = requests_to(remote)
    found = requests.run(requests.get(remote.below(MAIN)))
    return found is not None and b'"snapshot"' in found


def snapshot_at(shown: str, remote: Remote | None, version: IcechunkVersion) -> IcechunkAt:
    """The snapshot that a version means now.

    Args:
        shown: the folder, or the address without credentials.
        remote: the address, if it is one.
        version: a branch, a tag or a snapshot.

    Raises:
        DataError: there is no such repository or version, it cannot be read, or the library is not installed.
    """
    repository = opened_repository(shown, remote)
    kind, name = next(iter(version.given.items()), ("branch", "main"))
    if kind == "snapshot":
        return IcechunkAt(shown, _known_snapshot(shown, repository, name), remote)
    is_tag = kind == "tag"
    find, names = (
        (repository.lookup_tag, repository.list_tags)
        if is_tag
        else (repository.lookup_branch, repository.list_branches)
    )
    return IcechunkAt(shown, _tip(shown, kind, name, find, names), remote)


def opened_repository(shown: str, remote: Remote | None) -> "Repository":
    """Open a repository; chunks in files outside of it are not read, as none of their places is authorised.

    Raises:
        DataError: there is none, it cannot be read, or the library is not installed.
    """
    icechunk = library(shown)
    storage = _storage(icechunk, shown, remote)
    try:
        repository: Repository = icechunk.Repository.open(storage, _config(icechunk, remote))
    except (icechunk.IcechunkError, ValueError) as error:
        if "repository doesn't exist" not in str(error):
            raise library_error(shown, "", error) from error
        raise DataError(
            f"`{shown}` is no Icechunk repository",
            fix="name the folder or the address with `refs` and `snapshots` in it, or leave `engine` out",
        ) from error
    return repository


def _storage(icechunk: Any, shown: str, remote: Remote | None) -> "Storage":
    if remote is None:
        if not os.path.isdir(shown):  # the library would make the folder
            raise DataError(f"`{shown}` is a file, where a repository is a folder", fix="leave `engine` out")
        folder: Storage = icechunk.local_filesystem_storage(os.path.abspath(shown))
        return folder
    parts, options = urlsplit(remote.address), remote.options
    place = {"bucket": parts.netloc, "prefix": parts.path.strip("/")}
    access = {"anonymous": True} if options.anonymous else {"from_env": True}
    if remote.protocol == "s3":
        endpoint = options.endpoint or ""
        bucket: Storage = icechunk.s3_storage(
            **place,
            **access,
            region=options.region,
            endpoint_url=endpoint or None,
            allow_http=endpoint.startswith("http://"),
            force_path_style=bool(endpoint),
            network_stream_timeout_seconds=max(1, round(options.timeout)),
            requester_pays=options.requester_pays,
        )
        return bucket
    if remote.protocol == "gs":
        config = {"google_base_url": options.endpoint} if options.endpoint else None
        google: Storage = icechunk.gcs_storage(**place, **access, config=config)
        return google
    raise DataError(
        f"`{shown}` is an Icechunk repository, which icechunk does not read at {remote.protocol}://",
        fix=f"copy it to this machine, or read it at {' or '.join(f'{name}://' for name in BUCKETS)}",
    )


def _config(icechunk: Any, remote: Remote | None) -> Any:
    """The settings of the library, beside those that the repository keeps: how often a request is made."""
    if remote is None:
        return None
    retries = icechunk.StorageRetriesSettings(
        max_tries=remote.options.attempts, initial_backoff_ms=250, max_backoff_ms=8000
    )
    return icechunk.RepositoryConfig(storage=icechunk.StorageSettings(retries=retries))


def _tip(shown: str, kind: str, name: str, find: Callable[[str], str], names: Callable[[], set[str]]) -> str:
    """The snapshot of a branch or tag; raise a DataError that lists those there are if there is no such one."""
    icechunk = library(shown)
    try:
        return find(name)
    except (icechunk.IcechunkError, ValueError) as error:
        if "ref not found" not in str(error) and "invalid ref" not in str(error):
            raise library_error(shown, f"the {kind} {name!r}", error) from error
        try:
            known = names()
        except icechunk.IcechunkError as refused:
            raise library_error(shown, f"the list of names ({kind} {name!r} is not there)", refused) from refused
        raise DataError(
            f"`icechunk.{kind}` names {name!r}, which `{shown}` does not have", fix=nearest(name, known)
        ) from error


def _known_snapshot(shown: str, repository: "Repository", name: str) -> str:
    """The id of a snapshot that is there; raise a DataError that lists the newest ones of `main` if it is not."""
    icechunk = library(shown)
    try:
        found: str = repository.lookup_snapshot(name).id
    except (icechunk.IcechunkError, ValueError) as error:
        if "not found" not in str(error) and "invalid snapshot id" not in str(error):
            raise library_error(shown, f"the snapshot {name!r}", error) from error
        newest = [each.id for each in itertools.islice(repository.ancestry(branch="main"), LISTED)]
        raise DataError(
            f"`icechunk.snapshot` names {name!r}, which `{shown}` does not have",
            fix=f"name one that is there; the newest of `main`: {', '.join(newest)}",
        ) from error
    return found
