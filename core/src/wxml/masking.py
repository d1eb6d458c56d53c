"""Masks secrets in every text that leaves wxml: records, log lines, messages.

A secret is the password in an address, the value of a key such as `token`, or a value that came from the environment.
"""

__all__ = ["MASK", "has_mask", "masked", "masked_values", "remember"]

import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "***"
"""Stands for a secret."""
SHORTEST = 6
"""The length from which a value of the environment is looked for in texts; a shorter one may be part of any word."""
NAMES = (
    r"[\w.-]*(?:token|passw(?:or)?d|passphrase|secret|signature|credentials?|api[-_]?key|access[-_]?key[-_]?(?:id)?)"
    r"|pwd|pass|sig|key|auth|authorization"
)
KEY = re.compile(NAMES, re.IGNORECASE)
QUERY = re.compile(rf"([?&;#](?:{NAMES})=)[^&;#\s'\"]+", re.IGNORECASE)
PASSWORD = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^\s/?#:@\[\]]*):(?!\d+(?:[/?#\s'\"]|$))(\S*)@", re.IGNORECASE)
USER = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^\s/?#:@\[\]]+)@", re.IGNORECASE)
WITH_USER = ("ssh", "sftp", "scp")
"""Schemes whose user is no secret: it says which account to log in to."""

_known: dict[str, str] = {}


def remember(name: str, value: str) -> None:
    """Mask a value of the environment from now on: `masked` writes the variable's name in its place.

    Args:
        name: the variable.
        value: its value; one shorter than `SHORTEST` is not looked for.
    """
    from urllib.parse import quote, unquote, urlsplit

    try:
        password = urlsplit(value).password or ""
    except ValueError:  # no address
        password = ""
    for secret, shown in ((value, f"${{oc.env:{name}}}"), (password, MASK), (unquote(password), MASK)):
        for spelling in (secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1]):
            if len(spelling) >= SHORTEST:
                _known.setdefault(spelling, shown)


def masked(text: str) -> str:
    """A text without the secrets in it.

    >>> masked("no answer from http://user:pass@host/x?token=abc&page=2")
    'no answer from http://***@host/x?token=***&page=2'
    >>> masked("ssh://git:pass@host/x and https://host:8080/a@b")
    'ssh://git:***@host/x and https://host:8080/a@b'
    """
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _known[secret])
    if "://" in text:
        text = USER.sub(_without_user, PASSWORD.sub(_without_password, text))
    return QUERY.sub(rf"\1{MASK}", text) if "=" in text else text


def masked_values(value: Any, key: str = "") -> Any:
    """JSON values without secrets: every text is masked, and a text under a key such as `password` is hidden whole.

    Args:
        value: any JSON value.
        key: the key that holds it; empty for none.
    """
    if isinstance(value, Mapping):
        return {name: masked_values(below, str(name)) for name, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked_values(below, key) for below in value]
    if not isinstance(value, str):
        return value
    is_name = "${oc.env:" in value or not value
    return MASK if KEY.fullmatch(key) and not is_name else masked(value)


def has_mask(text: str) -> bool:
    """Whether a secret was masked in this text, so that it cannot be used any more."""
    return text == MASK or f"{MASK}@" in text or f"={MASK}" in text


def _without_password(match: re.Match[str]) -> str:
    scheme, user, secret = match.groups()
    if _shows(secret):
        return match[0]
    return f"{scheme}://{user}:{MASK}@" if _keeps_user(scheme) else f"{scheme}://{MASK}@"


def _without_user(match: re.Match[str]) -> str:
    scheme, user = match.groups()
    return match[0] if _keeps_user(scheme) or _shows(user) else f"{scheme}://{MASK}@"


def _keeps_user(scheme: str) -> bool:
    return scheme.lower().rpartition("+")[2] in WITH_USER


def _shows(part: str) -> bool:
    """Whether a part of an address is the name of a variable, and nothing else."""
    return re.fullmatch(r"\$\{oc\.env:\w+\}", part) is not None
