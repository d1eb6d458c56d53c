"""Asks for the token of a server of MLflow, and keeps it if the server takes it."""

__all__ = ["ask", "log_in"]

import sys
from pathlib import Path

import click
from wxml.errors import ArtefactError
from wxml.masking import learn, masked

from wxml_trainer_lightning.tracking.mlflow_records import MlflowRecords
from wxml_trainer_lightning.tracking.tokens import keep_token
from wxml_trainer_lightning.tracking.trackers import quiet_libraries


def ask(server: str) -> str:
    """The token that the user types, which is not shown, or the first line of stdin.

    Raises:
        ArtefactError: it is no token.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        token = click.prompt(f"token of {server}", hide_input=True, err=True)
    else:
        token = sys.stdin.readline() if sys.stdin is not None else ""
    token = token.strip()
    learn(token, "token")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ArtefactError(
            "a token is a word of printable ASCII characters, and this is none",
            fix="type or paste it where it is asked for, or give it as the first line of stdin",
        )
    return token


def log_in(server: str, token: str) -> Path:
    """Keep a token that the server takes; return the path of the file.

    Raises:
        ArtefactError: the server refuses the token, or does not answer; nothing is kept, and an earlier one stays.
    """
    try:
        with quiet_libraries():
            MlflowRecords(server, token=token).check()
    except Exception as error:
        raise ArtefactError(
            f"{server} did not take the token: {masked(str(error))}",
            fix="check the address, and make a new token where the server gives them; nothing was kept",
        ) from error
    return keep_token(server, token)
