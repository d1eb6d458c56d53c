"""The addresses that are read: which ones they are, and how they are shown."""

__all__ = ["PROTOCOLS", "Remote", "is_address", "is_pattern", "remote_of"]

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from wxml.errors import DataError
from wxml.masking import learn, masked, remember

from wxml_dataset_sources.remote.options import StorageOptions

PROTOCOLS = ("http", "https", "s3", "gs", "memory")
"""The protocols whose files are read; `memory` is the memory of this process."""
WEB = ("http", "https")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file or folder on another machine."""

    address: str
    """With its credentials; messages and records have `shown`."""
    options: StorageOptions

    @property
    def protocol(self) -> str:
        """The name before `://`."""
        return self.address.partition("://")[0].lower()

    @property
    def shown(self) -> str:
        """The address without its credentials."""
        return masked(self.address)

    @property
    def name(self) -> str:
        """The last part of its path, such as `era5.zarr`."""
        return PurePosixPath(urlsplit(self.address).path if self.protocol in WEB else self.address).name

    def below(self, key: str) -> str:
        """The address of a file in this folder; a query stays behind the path."""
        path, mark, query = self.address.partition("?") if self.protocol in WEB else (self.address, "", "")
        return f"{path.rstrip('/')}/{key}{mark}{query}"

    def at(self, address: str) -> "Remote":
        """Another place that is reached in the same way."""
        return Remote(address, self.options)


def is_address(path: str) -> bool:
    """Whether a path names a place by a protocol; a drive or a name with a colon does not."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.:-]*://", path) is not None


def is_pattern(address: str) -> bool:
    """Whether an address holds `*` or `[`; a `?` begins a query."""
    return any(mark in address.partition("?")[0] for mark in "*[") if "://" in address else False


def remote_of(address: str, options: StorageOptions) -> Remote:
    """The place at an address; its credentials are masked in every message from now on.

    Raises:
        DataError: its protocol is not read, or is a chain of several; the variable of the token is not set.
    """
    learn(address)
    protocol = address.partition("://")[0].lower()
    if protocol not in PROTOCOLS or "::" in address:
        raise DataError(
            f"`{masked(address)}` names the protocol {protocol!r}, which is not read",
            fix=f"write one of {', '.join(f'{name}://' for name in PROTOCOLS)}, or fetch the data first",
        )
    if options.token_variable is not None:
        token = os.environ.get(options.token_variable)
        if not token:
            raise DataError(
                f"`storage_options.token_variable` names {options.token_variable!r}, which is not set",
                fix=f"set the environment variable {options.token_variable} to the token",
            )
        remember(options.token_variable, token)
    return Remote(address, options)
