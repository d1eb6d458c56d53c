"""Serves the files of a folder after a wait, at little cost; `cheap_server.py FOLDER SECONDS` prints its address.

One thread, one event loop; files stay in memory once they were asked for. It knows GET and HEAD, and sends whole files.
It ends when its standard input is closed.
"""

import asyncio
import sys
import threading
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

HEAD = (
    'HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: "{tag}"\r\nContent-Type: application/octet-stream\r\n\r\n'
)


class Answers(asyncio.Protocol):
    """One connection: each request is answered after a wait, in the order of the requests."""

    def __init__(self, folder: Path, wait: float) -> None:
        self._folder, self._wait = folder, wait
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole, later."""
        *whole, self._begun = (self._begun + data).split(b"\r\n\r\n")
        for request in whole:
            asyncio.get_running_loop().call_later(self._wait, self._answer, request)

    def _answer(self, request: bytes) -> None:
        method, address = request.split(b" ", 2)[:2]
        head, body = answer(self._folder, address)
        if isinstance(self._transport, asyncio.WriteTransport) and not self._transport.is_closing():
            self._transport.writelines([head] if method == b"HEAD" else [head, body])


@lru_cache(maxsize=100_000)
def answer(folder: Path, address: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to a request; only files below the folder are there."""
    path = (folder / unquote(address.decode()).lstrip("/")).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return HEAD.format(status="404 Not Found", length=0, tag="").encode(), b""
    body = path.read_bytes()
    return HEAD.format(status="200 OK", length=len(body), tag=path.stat().st_mtime_ns).encode(), body


async def serve(folder: Path, wait: float) -> None:
    """Answer until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(folder, wait), "127.0.0.1", 0)
    ended = asyncio.Event()
    waiting = threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True)
    waiting.start()
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
