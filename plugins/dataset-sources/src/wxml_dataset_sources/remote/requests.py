"""Requests to a remote place through fsspec: with retries, a deadline, and as many at once as wanted."""

__all__ = ["Requests", "requests_to"]

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wxml.errors import DataError

from wxml_dataset_sources.remote.address import WEB, Remote
from wxml_dataset_sources.remote.failures import is_absent, is_passing, request_error

T = TypeVar("T")
FIRST_PAUSE = 0.25
"""Seconds before the second attempt; each further pause is twice as long."""
LONGEST_PAUSE = 8.0
DEADLINE = 10
"""An answer may take so many times the `timeout` in all, if it goes on coming."""
VALIDATORS = ("ETag", "etag", "md5Hash", "Content-MD5", "Last-Modified", "LastModified", "updated", "generation")
"""What servers say of a file that changes with it."""
EXTRAS = {"http": "aiohttp", "https": "aiohttp", "s3": "s3fs", "gs": "gcsfs"}
"""The library that speaks each protocol."""


class Requests:
    """Requests to the server of one place; one for each process."""

    def __init__(self, remote: Remote) -> None:
        """Make no request yet; raise a DataError if the library of the protocol is not installed."""
        self.remote = remote
        self._files = _file_system(remote)
        self._free: asyncio.Semaphore | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that makes requests, from code that is none."""
        from fsspec.asyn import sync

        found: T = sync(self._files.loop, lambda: work)
        return found

    async def elsewhere(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of such a coroutine, from the event loop of another library."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._files.loop))

    async def get(self, address: str, start: int | None = None, end: int | None = None) -> bytes | None:
        """The bytes of a file, or some of them; None if the server says that there is no such file.

        Args:
            address: the file.
            start: the first byte; a negative one counts from the end.
            end: the byte after the last one.

        Raises:
            DataError: the request failed in any other way.
        """
        path = self._path(address)
        if start is not None and start < 0 and self.remote.protocol in WEB:
            return await self._attempted(
                address, lambda: self._files._cat_file(path, headers={"Range": f"bytes={start}"})
            )
        return await self._attempted(address, lambda: self._files._cat_file(path, start=start, end=end))

    async def get_all(self, addresses: Sequence[str]) -> list[bytes | None]:
        """The bytes of several files, asked for at once; see `get`."""
        return list(await asyncio.gather(*(self.get(address) for address in addresses)))

    async def info(self, address: str) -> Mapping[str, Any] | None:
        """The size of a file in bytes (`size`, None if the server hides it), and what changes with it (`version`).

        None if there is no such file.
        """
        path = self._path(address)
        found = await self._attempted(address, lambda: self._files._info(path))
        if found is None:
            return None
        said = [str(found[key]) for key in VALIDATORS if found.get(key)]
        return {"size": found.get("size"), "type": found.get("type", "file"), "version": " ".join(said)}

    async def names_in(self, address: str) -> list[str] | None:
        """The names in a folder, sorted; None if there is no such folder, or the server lists none."""
        path = self._path(address)
        try:
            found = await self._attempted(address, lambda: self._files._ls(path, detail=False))
        except DataError:
            return None  # a server that serves files need not list them
        return None if found is None else sorted({name.rstrip("/").rpartition("/")[2] for name in found})

    async def matching(self, pattern: str) -> list[str]:
        """The addresses that a pattern fits, sorted."""
        path = self._path(pattern)
        found = await self._attempted(pattern, lambda: self._files._glob(path))
        return sorted(self._files.unstrip_protocol(name) for name in found or ())

    async def _attempted(self, address: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """What `call` returns, in as many attempts as allowed; None for a file that is not there."""
        options, pause = self.remote.options, FIRST_PAUSE
        for attempt in range(1, options.attempts + 1):
            try:
                async with self._slot(), asyncio.timeout(DEADLINE * options.timeout):
                    return await call()
            except Exception as error:
                if is_absent(error):
                    return None
                if attempt == options.attempts or not is_passing(error):
                    raise request_error(self.remote, address, error, attempt) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError("attempts is at least 1")

    def _slot(self) -> asyncio.Semaphore:
        if self._free is None:
            self._free = asyncio.Semaphore(self.remote.options.concurrency)
        return self._free

    def _path(self, address: str) -> str:
        path: str = self._files._strip_protocol(address)
        return path


@lru_cache(maxsize=64)
def _requests(remote: Remote, process: int) -> Requests:
    return Requests(remote)


def requests_to(remote: Remote) -> Requests:
    """The requests to a place, kept for the life of the process; a child process makes its own.

    Raises:
        DataError: the library of the protocol is not installed.
    """
    return _requests(remote, os.getpid())


def _file_system(remote: Remote) -> Any:
    import fsspec

    try:
        if remote.protocol == "gs":  # the plain one: that of fsspec's registry asks each bucket for its kind by gRPC
            from gcsfs.core import GCSFileSystem

            return GCSFileSystem(**_options(remote))
        found = fsspec.filesystem(remote.protocol, **_options(remote))
    except ImportError as error:
        library = EXTRAS.get(remote.protocol, remote.protocol)
        raise DataError(
            f"`{remote.shown}` needs the library `{library}`, which is not installed", fix=f"pip install {library}"
        ) from error
    except (ValueError, TypeError, OSError) as error:
        raise request_error(remote, remote.address, error, 1) from error
    if found.async_impl:
        return found
    from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

    return AsyncFileSystemWrapper(found, asynchronous=False)


def _options(remote: Remote) -> dict[str, Any]:
    """What the file system of the protocol takes; what another protocol has no use for is left out."""
    options = remote.options
    fresh = {"use_listings_cache": False, "skip_instance_cache": True}
    if remote.protocol in WEB:
        return fresh | _web_options(remote)
    if remote.protocol == "s3":
        waits = {"connect_timeout": options.timeout, "read_timeout": options.timeout}
        return fresh | {
            "anon": options.anonymous,
            "max_concurrency": 1,  # for one file: with more, s3fs asks for the size of each file first
            "endpoint_url": options.endpoint,
            "requester_pays": options.requester_pays,
            "client_kwargs": {} if options.region is None else {"region_name": options.region},
            "config_kwargs": {**waits, "max_pool_connections": options.concurrency, "retries": {"max_attempts": 1}},
        }
    if remote.protocol == "gs":
        found = {"token": "anon" if options.anonymous else None, "endpoint_url": options.endpoint}
        return {**fresh, **found, "requester_pays": options.requester_pays, "timeout": options.timeout}
    return {}


def _web_options(remote: Remote) -> dict[str, Any]:
    try:
        from aiohttp import ClientTimeout
    except ImportError:
        return {}  # fsspec says the same, when it makes the file system
    options = remote.options
    waits = ClientTimeout(total=None, sock_connect=options.timeout, sock_read=options.timeout)
    token = os.environ.get(options.token_variable or "", "")
    is_named = urlsplit(remote.address).username is not None  # the address has credentials of its own
    headers = {"Authorization": f"Bearer {token}"} if token and not is_named else {}
    return {
        "get_client": _client,
        "client_kwargs": {"timeout": waits, "headers": headers, "trust_env": _knows_proxies()},
    }


def _knows_proxies() -> bool:
    """Whether the environment names proxies or has a netrc file; aiohttp looks for both anew at every request."""
    from urllib.request import getproxies

    return bool(getproxies()) or os.path.exists(os.environ.get("NETRC") or os.path.expanduser("~/.netrc"))


async def _client(loop: asyncio.AbstractEventLoop, **options: Any) -> Any:
    """A session of aiohttp that leaves the number of connections to `Requests`."""
    from aiohttp import ClientSession, TCPConnector

    return ClientSession(loop=loop, connector=TCPConnector(limit=0, loop=loop), **options)
