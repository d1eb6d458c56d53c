"""Refuses connections to other machines, for the profile `operations`."""

__all__ = ["NetworkError", "forbid_network", "refuse"]

import ipaddress
import socket
import sys
from typing import Any

from wxml.errors import WxmlError

CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname")


class NetworkError(WxmlError, OSError):
    """A connection to another machine that the profile forbids; libraries take it for one that failed."""


def forbid_network() -> None:
    """Refuse every connection of this process to another machine from now on, and every look-up of its name.

    Python reports its own connections alone: a C library that opens one by itself is not seen.
    """
    sys.addaudithook(refuse)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise a NetworkError if an event of Python's is about another machine."""
    if event in CONNECTING:
        opened, address = arguments[0], arguments[1]
        is_internet = getattr(opened, "family", None) in (socket.AF_INET, socket.AF_INET6)
        host = address[0] if is_internet and isinstance(address, tuple) else ""
    elif event in LOOKUPS:
        host = arguments[0] or ""
    else:
        return
    host = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if host and not _is_this_machine(host):
        raise NetworkError(
            f"a connection to `{host}` is refused: the profile `operations` allows no network",
            fix="copy what is needed to this machine before, and name the copy",
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("localhost", socket.gethostname())
