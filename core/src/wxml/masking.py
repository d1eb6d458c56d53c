"""Masks secrets in every text that leaves wxml: records, log lines, messages.

A secret is the password in an address, the value of a key such as `token`, or a value that came from the environment.
"""

__all__ = [
    "MASK",
    "forget",
    "has_mask",
    "keeps_user",
    "learn",
    "masked",
    "masked_values",
    "remember",
    "take_over",
    "told",
]

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "***"
"""Stands for a secret."""
SHORTEST = 6
"""The length from which a value of the environment is looked for in texts; a shorter one may be part of any word."""
NAME = (
    r"(?:token|passw(?:or)?d|passphrase|secret|signature|credentials?|cookie|authorization"
    r"|(?:api|access|secret|private|account|client|shared|signing|subscription)[-_]?key(?:[-_]?id)?)"
)
"""How the name of a key ends that holds a secret wherever it stands."""
SHORT_NAME = r"(?:pwd|pass|sig|key|auth)"
"""The whole name of a key that holds a secret in an address and in a record, and that is an ordinary word elsewhere."""
SECRET_KEY = re.compile(rf"[\w.-]*{NAME}", re.IGNORECASE)
KEY = re.compile(rf"[\w.-]*{NAME}s?|{SHORT_NAME}", re.IGNORECASE)
QUERY = re.compile(rf"([?&;#](?:[\w.-]*{NAME}|{SHORT_NAME})=)[^&;#\s'\"]+", re.IGNORECASE)
QUOTED = re.compile(rf"({NAME}(?:\\*['\"])?\s*[=:]\s*b?(\\*['\"]))(?!\$\{{oc\.env:)(?:(?!\2)(?:\\.|.))+", re.IGNORECASE)
ASSIGNED = re.compile(rf"({NAME}=)(?!\$\{{oc\.env:)[^\s&;,#'\"\\]+", re.IGNORECASE)
LINE = re.compile(
    rf"^([ \t]*[\w.-]*{NAME}:[ \t]+)(?!\$\{{oc\.env:|null[ \t]*$)[^\s'\"].*$", re.IGNORECASE | re.MULTILINE
)
BARE = re.compile(r"\b((?:basic|bearer)\s+)(?=[^\s'\"]*[\d=_/+])[\w.~+/=-]{8,}", re.IGNORECASE)
HEADER = re.compile(r"(authorization:\s*(?:basic|bearer|digest|negotiate|token)\s+)[^\s'\"]+", re.IGNORECASE)
WORD = re.compile(r"\S+")
BEGIN = r"\b([a-z][a-z0-9+.-]{1,30}):((?:\\{0,4}/){1,2})"  # JSON may have `\/`, and `pathlib` makes one slash of two
PASSWORD = re.compile(rf"{BEGIN}([^\s/?#:@\[\]]*):(?!\d+(?:[/?#'\"]|$))(.*)@", re.IGNORECASE)
USER = re.compile(rf"{BEGIN}([^\s/?#:@\[\]]+)@", re.IGNORECASE)
QUOTED_ADDRESS = re.compile(r"(%(?:25)*3A(?:%(?:25)*2F){2})[^\s&'\"/]{1,300}?(%(?:25)*40)", re.IGNORECASE)
WITH_USER = ("ssh", "sftp", "scp")
"""Schemes whose user is no secret: it says which account to log in to."""
ORDINARY = re.compile(r"[\w.-]+")
"""A text that may be the name of something else, too."""

_known: dict[str, str] = {}
_ordinary: set[str] = set()


def remember(name: str, value: str) -> None:
    """Mask a value of the environment from now on: `masked` writes the variable's name in its place.

    Args:
        name: the variable.
        value: its value; one shorter than `SHORTEST` is not looked for.
    """
    shown = f"${{oc.env:{name}}}"
    is_ordinary = ORDINARY.fullmatch(value) and not KEY.fullmatch(name)
    for spelling in _spellings(value):
        if spelling not in _known and is_ordinary:
            _ordinary.add(spelling)
        _known.setdefault(spelling, shown)
    learn(value)


def forget() -> None:
    """Forget all that `remember` and `learn` were told, as in a process that begins."""
    _known.clear()
    _ordinary.clear()


def told() -> tuple[dict[str, str], set[str]]:
    """All that `remember` and `learn` were told, for `take_over` in another process."""
    return dict(_known), set(_ordinary)


def take_over(secrets: tuple[dict[str, str], set[str]]) -> None:
    """Mask what another process was told, as well."""
    known, ordinary = secrets
    _known.update(known)
    _ordinary.update(ordinary)


def learn(value: Any, key: str = "") -> None:
    """Mask the secrets that an option holds from now on, in whatever form a library quotes them.

    They are the passwords of addresses and the texts under keys such as `password`.

    Args:
        value: any JSON value.
        key: the key that holds it; empty for none.
    """
    if isinstance(value, Mapping):
        for name, below in value.items():
            learn(below, str(name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for below in value:
            learn(below, key)
    elif isinstance(value, str) and not has_mask(value) and "${" not in value:
        for secret in (value,) if SECRET_KEY.fullmatch(key) else _passwords(value):
            for spelling in _spellings(secret):
                _known.setdefault(spelling, MASK)
                _ordinary.discard(spelling)


def masked(text: str) -> str:
    """A text without the secrets in it.

    >>> masked("no answer from http://user:pass@host/x?token=abc&page=2")
    'no answer from http://***@host/x?token=***&page=2'
    >>> masked("ssh://git:pass@host/x and https://host:8080/a@b")
    'ssh://git:***@host/x and https://host:8080/a@b'
    >>> masked("refused: {'password': 'abc', 'user': 'me'}")
    "refused: {'password': '***', 'user': 'me'}"
    """
    return _without_pairs(_without_known(text, _known))


def masked_values(value: Any, key: str = "") -> Any:
    """JSON values without secrets: every text is masked, and what is under a key such as `password` is hidden whole.

    A text that is equal to an ordinary word of the environment stays: it may be the name of something else, and the
    value of the environment stands in a record by the name of its variable.

    Args:
        value: any JSON value.
        key: the key that holds it; empty for none.
    """
    if isinstance(value, Mapping):
        is_secret = SECRET_KEY.fullmatch(key)
        return {name: masked_values(below, key if is_secret else str(name)) for name, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked_values(below, key) for below in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MASK if SECRET_KEY.fullmatch(key) else value
    if not isinstance(value, str):
        return value
    is_name = "${oc.env:" in value or not value
    known = {secret: shown for secret, shown in _known.items() if secret not in _ordinary}
    return MASK if KEY.fullmatch(key) and not is_name else _without_pairs(_without_known(value, known))


def has_mask(text: str) -> bool:
    """Whether a secret was masked in this text, so that it cannot be used any more."""
    return text == MASK or f"{MASK}@" in text or f"={MASK}" in text


def keeps_user(scheme: str) -> bool:
    """Whether the user in an address of this scheme is no secret, as in `git+ssh://git@host`."""
    return scheme.lower().rpartition("+")[2] in WITH_USER


# Values that are known


def _without_known(text: str, known: Mapping[str, str]) -> str:
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, known[secret])
    return text


def _passwords(text: str) -> Iterator[str]:
    """The password of an address, as it is written and decoded."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(text)
    except ValueError:  # no address
        return
    if parts.password:
        yield parts.password
        yield unquote(parts.password)


def _spellings(secret: str) -> set[str]:
    """The forms in which libraries quote a text: percent-encoded, with escapes, as part of base64."""
    import html
    import json
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote, quote_plus

    if len(secret) < SHORTEST:
        return set()
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub("%..", lambda match: match[0].lower(), text) for text in quoted}
    data, encoded = secret.encode(errors="surrogatepass"), set()
    escaped = {repr(secret)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1]}
    for is_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        escaped |= {once, json.dumps(once, ensure_ascii=is_ascii)[1:-1]}
    for before in range(3):  # as in `user:password`: the bytes before it shift its characters
        first, end = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        encoded |= {encode(bytes(before) + data)[first:end].decode() for encode in (b64encode, urlsafe_b64encode)}
    return {secret, *quoted, *lower, *escaped, html.escape(secret), *encoded}


# Addresses, and keys with their values


def _without_pairs(text: str) -> str:
    """The text without the passwords of addresses and the values beside the names of secrets."""
    if "@" in text:
        text = WORD.sub(_without_credentials, text)
    if "%" in text:
        text = QUOTED_ADDRESS.sub(rf"\1{MASK}\2", text)
    if "=" in text or ":" in text:
        text = LINE.sub(rf"\1{MASK}", QUOTED.sub(rf"\1{MASK}", text))
        text = ASSIGNED.sub(rf"\1{MASK}", QUERY.sub(rf"\1{MASK}", text))
    return BARE.sub(rf"\1{MASK}", HEADER.sub(rf"\1{MASK}", text))


def _without_credentials(match: re.Match[str]) -> str:
    """A word without the passwords of the addresses in it; its length decides how long this takes, and no pattern."""
    word = match[0]
    end = word.rfind("@") + 1
    return USER.sub(_without_user, PASSWORD.sub(_without_password, word[:end])) + word[end:]


def _without_password(match: re.Match[str]) -> str:
    scheme, slashes, user, secret = match.groups()
    if _shows(secret):
        return match[0]
    return f"{scheme}:{slashes}{user}:{MASK}@" if keeps_user(scheme) else f"{scheme}:{slashes}{MASK}@"


def _without_user(match: re.Match[str]) -> str:
    scheme, slashes, user = match.groups()
    return match[0] if keeps_user(scheme) or _shows(user) else f"{scheme}:{slashes}{MASK}@"


def _shows(part: str) -> bool:
    """Whether a part of an address is the name of a variable, and nothing else."""
    return re.fullmatch(r"\$\{oc\.env:\w+\}", part) is not None
