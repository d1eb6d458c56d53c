"""The tokens of MLflow servers: `mlflow-tokens.json` in the user's config folder, which its owner alone may read.

A token is kept for the address of one server and sent to no other. No config, record, log or checkpoint has it.
"""

__all__ = ["forget_token", "keep_token", "kept_servers", "kept_token", "server_of"]

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from wxml.errors import ArtefactError
from wxml.files.folders import user_folder
from wxml.files.lock import locked
from wxml.files.staging import staged
from wxml.masking import learn, masked

NAME = "mlflow-tokens.json"
PORTS = {"http": 80, "https": 443}
CONTENT = TypeAdapter(dict[str, str])
TURN = 10.0
"""Seconds to wait for another process that changes the file."""


def server_of(address: str) -> str:
    """The address of a server as its token is kept under it: without the usual port and a slash at the end.

    >>> server_of("HTTPS://MLflow.example:443/team/"), server_of("http://localhost:5000")
    ('https://mlflow.example/team', 'http://localhost:5000')

    Raises:
        ArtefactError: it is no address of a server, or there is a password or a query in it.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if not host or parts.scheme not in PORTS or parts.query or parts.fragment or "@" in parts.netloc:
        raise ArtefactError(
            f"a server of MLflow has an address like https://mlflow.example, got {masked(address)!r}",
            fix="write one without a user, a password and a query; its token is asked for",
        )
    shown = f"[{host}]" if ":" in host else host
    return (
        f"{parts.scheme}://{shown}{'' if port in (None, PORTS[parts.scheme]) else f':{port}'}{parts.path.rstrip('/')}"
    )


def kept_token(address: str) -> str | None:
    """The token of a server, which is masked in all texts from now on; None if none is kept, or it is no server.

    Raises:
        ArtefactError: the file is damaged, or others may read it.
    """
    try:
        server = server_of(address)
    except ArtefactError:
        return None
    token = _read().get(server)
    learn(token, "token")
    return token


def kept_servers() -> list[str]:
    """The servers that have a token."""
    return sorted(_read())


def keep_token(address: str, token: str) -> Path:
    """Keep the token of a server, in place of an earlier one; return the path of the file."""
    learn(token, "token")
    with _changing() as tokens:
        tokens[server_of(address)] = token
    return _file()


def forget_token(address: str) -> None:
    """Remove the token of a server.

    Raises:
        ArtefactError: none is kept.
    """
    server = server_of(address)
    with _changing() as tokens:
        if tokens.pop(server, None) is None:
            there = ", ".join(sorted(tokens)) or "none"
            raise ArtefactError(f"no token of {server} is kept; servers that have one: {there}", fix="name one of them")


def _file() -> Path:
    return Path(user_folder()) / NAME


def _read() -> dict[str, str]:
    path = _file()
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ArtefactError(f"others may read the tokens in `{path}`", fix=f"chmod 600 {path}")
        return CONTENT.validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValidationError:
        fix = "remove it, and log in again: wxml track login ADDRESS"
        raise ArtefactError(f"`{path}` is damaged", fix=fix) from None  # the cause quotes what the file holds


@contextmanager
def _changing() -> Iterator[dict[str, str]]:
    """The tokens, which are written back at the end of the context; the file goes with the last of them."""
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtefactError(
            f"there is no folder for tokens: {error}", fix="set XDG_CONFIG_HOME to a folder, or MLFLOW_TRACKING_TOKEN"
        ) from error
    with locked(path.with_name(f".{NAME}.tokens.lock"), seconds=TURN, target=path):
        tokens = _read()
        yield tokens
        _write(path, tokens)


def _write(path: Path, tokens: Mapping[str, str]) -> None:
    if not tokens:
        path.unlink(missing_ok=True)
        return
    with staged(path, overwrite=True, private=True) as temporary:
        temporary.write_text(json.dumps(dict(sorted(tokens.items())), indent=1) + "\n", encoding="utf-8")
