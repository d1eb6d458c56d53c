"""A server of files on this machine, for tests and benchmarks of remote data: slow, counted, and faulty on request.

It speaks HTTP with ranges, HEAD and ETags, lists folders as HTML, and answers enough of S3 and of the JSON interface of
Google's storage to be read as a bucket: the first part of a path is the bucket.
"""

__all__ = ["Answer", "FileServer", "Request"]

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    """Decoded, without the query, such as `/era5.zarr/t/0.0`."""
    headers: Mapping[str, str]
    query: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does in place of sending the file."""

    status: int = 0
    """The status to answer; 0 for the one of the file."""
    seconds: float = 0.0
    """How long to wait first."""
    sent: int | None = None
    """So many bytes of the file are sent before the connection ends; None for all."""
    body: bytes = b""
    """What to send with `status`."""


@dataclass(eq=False)
class FileServer:
    """Serves the files of a folder while the context lasts: `with FileServer(folder) as server: server.url`."""

    folder: Path
    latency: float = 0.0
    """Seconds before each answer."""
    answer: Callable[[Request], Answer | None] = lambda request: None
    """What happens to a request in place of the usual; None for the usual. May be changed at any time."""
    lists: bool = True
    """Whether folders are listed."""
    ranges: bool = True
    """Whether `Range` is honoured; else the whole file is sent."""
    tells_versions: bool = True
    """Whether answers have an ETag and a date."""
    requests: list[Request] = field(default_factory=list)
    """All that were made."""
    most_at_once: int = 0
    """The most requests that were being answered at one time."""

    def __post_init__(self) -> None:
        self._lock, self._now = threading.Lock(), 0
        handler = type("Handler", (_Handler,), {"files": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "FileServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more, and end the connections that are open."""
        self._server.shutdown()
        self._server.end()
        self._thread.join()

    def begin(self, request: Request) -> None:
        """Count a request that is being answered."""
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)

    def end(self) -> None:
        """Count a request that was answered."""
        with self._lock:
            self._now -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Close the socket and all connections."""
        self.server_close()
        for request in list(self._open):
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    files: FileServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the base class
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._counted()

    def do_GET(self) -> None:
        self._counted()

    def _counted(self) -> None:
        parts = urlsplit(self.path)
        request = Request(self.command, unquote(parts.path), dict(self.headers), parts.query)
        self.files.begin(request)
        try:
            chosen = self.files.answer(request) or Answer()
            time.sleep(self.files.latency + chosen.seconds)
            self._answer(request, chosen)
        finally:
            self.files.end()

    def _answer(self, request: Request, chosen: Answer) -> None:
        if chosen.status:
            self._send(chosen.status, chosen.body, {})
        elif "list-type=2" in request.query:
            self._send(200, _listed_as_s3(self.files.folder, request).encode(), {"Content-Type": "application/xml"})
        elif request.path.startswith(("/storage/v1/", "/download/storage/v1/")):
            self._answer_as_google(request)
        else:
            self._send_path(self.files.folder / request.path.lstrip("/"), chosen)

    def _answer_as_google(self, request: Request) -> None:
        path = request.path.partition("/b/")[2].replace("/o/", "/", 1)
        file = self.files.folder / path
        if request.path.startswith("/download") or "alt=media" in request.query:
            self._send_path(file, Answer())
        elif path.endswith("/o"):
            found = _listed_as_google(self.files.folder, path.removesuffix("/o"), request)
            self._send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        elif file.is_file():
            self._send(200, json.dumps(_google_item(self.files.folder, file)).encode(), {})
        else:
            self._send(404, b'{"error": {"code": 404, "message": "no such object"}}', {})

    def _send_path(self, path: Path, chosen: Answer) -> None:
        if path.is_dir() and self.files.lists:
            links = "".join(f'<a href="{p.name}{"/" * p.is_dir()}">{p.name}</a>\n' for p in sorted(path.iterdir()))
            self._send(200, links.encode(), {"Content-Type": "text/html"})
        elif not path.is_file():
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        else:
            self._send_file(path, chosen)

    def _send_file(self, path: Path, chosen: Answer) -> None:
        data, status, headers = path.read_bytes(), os.stat(path), {"Accept-Ranges": "bytes"}
        if self.files.tells_versions:
            headers["ETag"] = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
            headers["Last-Modified"] = self.date_time_string(int(status.st_mtime))
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted is None or not self.files.ranges:
            self._send(200, data, headers, chosen.sent)
            return
        first, last = wanted.groups()
        start = int(first) if first else max(len(data) - int(last), 0)
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        if start >= len(data):
            self._send(416, b"", headers | {"Content-Range": f"bytes */{len(data)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        self._send(206, data[start:end], headers, chosen.sent)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
        self.close_connection = self.close_connection or sent is not None


def _keys(folder: Path, bucket: str, request: Request) -> tuple[list[Path], list[str]]:
    """The files of a bucket below the wanted prefix, and the folders there if they are wanted apart."""
    query = parse_qs(request.query)
    prefix, is_flat = query.get("prefix", [""])[0], "delimiter" not in query
    files, folders = [], set()
    for path in sorted((folder / bucket).rglob("*")):
        key = path.relative_to(folder / bucket).as_posix()
        if path.is_file() and key.startswith(prefix):
            below, mark, _ = key.removeprefix(prefix).partition("/")
            if is_flat or not mark:
                files.append(path)
            else:
                folders.add(f"{prefix}{below}/")
    return files, sorted(folders)


def _listed_as_s3(folder: Path, request: Request) -> str:
    bucket = request.path.strip("/")
    files, folders = _keys(folder, bucket, request)
    entries = "".join(
        f"<Contents><Key>{escape(path.relative_to(folder / bucket).as_posix())}</Key><Size>{path.stat().st_size}</Size>"
        f'<ETag>"{path.stat().st_mtime_ns:x}"</ETag><LastModified>2020-01-01T00:00:00.000Z</LastModified></Contents>'
        for path in files
    )
    entries += "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>false</IsTruncated><KeyCount>{len(files) + len(folders)}</KeyCount>{entries}</ListBucketResult>"
    )


def _listed_as_google(folder: Path, bucket: str, request: Request) -> dict[str, Any]:
    files, folders = _keys(folder, bucket, request)
    return {"kind": "storage#objects", "items": [_google_item(folder, path) for path in files], "prefixes": folders}


def _google_item(folder: Path, path: Path) -> dict[str, Any]:
    bucket, _, key = path.relative_to(folder).as_posix().partition("/")
    status = path.stat()
    said = {"size": str(status.st_size), "etag": f"{status.st_mtime_ns:x}", "updated": "2020-01-01T00:00:00.000Z"}
    return {"kind": "storage#object", "name": key, "bucket": bucket, "timeCreated": said["updated"], **said}
