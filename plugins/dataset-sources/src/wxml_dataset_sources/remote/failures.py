"""Failed requests: which ones may pass if they are made again, and what they say to the user."""

__all__ = ["is_absent", "is_passing", "request_error"]

from collections.abc import Iterator

from wxml.errors import DataError
from wxml.masking import masked

from wxml_dataset_sources.remote.address import Remote

PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
TIMEOUTS = ("TimeoutError", "ReadTimeoutError", "ConnectTimeoutError")
PASSING_ERRORS = (
    "ClientPayloadError",
    "ClientConnectionError",
    "EndpointConnectionError",
    "HTTPClientError",
    *TIMEOUTS,
)
"""The errors of aiohttp and botocore, which need not be installed, for connections that break."""
LASTING_ERRORS = ("ClientSSLError", "ClientConnectorCertificateError", "InvalidURL", "NonHttpUrlClientError")
ABSENT = (404, 410)
NO_ACCESS = (401, 402, 403, 407)
OUT_OF_RANGE = 416
FORBIDDEN = "Forbidden: "
"""The beginning of the OSError that gcsfs makes of 403; it has no status."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The status of the answer, as aiohttp, gcsfs and botocore say it."""
    for cause in _causes(error):
        if "HttpProcessingError" in {kind.__name__ for kind in type(cause).__mro__}:
            continue  # of aiohttp, for an answer that breaks off: its code is of its own
        response = getattr(cause, "response", None)
        said = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        named = getattr(cause, "status", None) or (None if hasattr(cause, "status") else getattr(cause, "code", None))
        for value in (named, said):
            if isinstance(value, int) and 100 <= value < 600:
                return value
            if isinstance(value, str) and value.isdigit():
                return int(value)
    return None


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}


def is_absent(error: BaseException) -> bool:
    """Whether the server says that the file is not there: 403, 5xx and silence say no such thing.

    fsspec raises FileNotFoundError for any failure of some requests, with the true error as its cause.
    """
    status = _status(error)
    is_silent = not _kinds(error).isdisjoint((*PASSING_ERRORS, *LASTING_ERRORS))
    return isinstance(error, FileNotFoundError) and (status in ABSENT or (status is None and not is_silent))


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    kinds, status = _kinds(error), _status(error)
    if not kinds.isdisjoint(LASTING_ERRORS):
        return False
    if status is not None:
        return status in PASSING_STATUS
    return not kinds.isdisjoint(PASSING_ERRORS)


def request_error(remote: Remote, address: str, error: BaseException, attempts: int) -> DataError:
    """The sentence for a request that failed for good.

    Args:
        remote: the place that was asked.
        address: the file of it that was asked for.
        error: the error of the library.
        attempts: how often it was made.
    """
    shown, status = masked(address), _status(error)
    often = f" in {attempts} attempts" if attempts > 1 else ""
    if isinstance(error, PermissionError) or status in NO_ACCESS or str(error).startswith(FORBIDDEN):
        return DataError(
            f"`{shown}` may not be read: the server answers {status or 403}",
            fix="put credentials into the environment, or write `storage_options: {anonymous: true}` if the bucket is "
            "public; some servers answer so if the file is not there",
        )
    if status == OUT_OF_RANGE:
        return DataError(
            f"`{shown}` ends before the bytes that were asked for",
            fix="make the references to it again, or copy the file again from where it was made",
        )
    if not _kinds(error).isdisjoint(TIMEOUTS):
        seconds = f"{remote.options.timeout:g} s"
        return DataError(
            f"`{shown}` sent nothing for {seconds}{often}",
            fix="try again later, or give `timeout` in `storage_options` more seconds",
        )
    if status is not None:
        return DataError(f"`{shown}` cannot be read: the server answers {status}{often}", fix="try again later")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if is_passing(error) or not _kinds(error).isdisjoint(LASTING_ERRORS):
        return DataError(
            f"`{shown}` cannot be fetched{often}: {reason}",
            fix="check the address, the network and the server, or try again later",
        )
    return DataError(f"`{shown}` cannot be fetched: {reason}", fix="check the address and `storage_options`")
