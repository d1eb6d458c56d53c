"""Secrets in texts and in records are masked, whatever the address."""

import base64
import html
import io
import json
import string
import sys
import time
import urllib.parse
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from wxml.cli import group
from wxml.errors import ConfigError, DataError, Fault
from wxml.masking import MASK, forget, has_mask, learn, masked, masked_values, remember
from wxml.terminal import MaskedStream, masked_warning, say_json, say_path

SCHEMES = ("http", "https", "postgresql", "mysql+pymysql", "s3", "ftp", "HTTPS")
AROUND = ("{}", "no answer from {}", "({})", "'{}': refused", "a\n{} b", '{{"uri": "{}"}}')
SAFE = string.ascii_letters + string.digits + "-._~!$*+%/?#:@,'\""
secrets = st.text(SAFE, min_size=3, max_size=12).map(lambda text: f"Zq{text}qZ")
hosts = st.sampled_from(["host", "127.0.0.1:9", "[::1]:5000", "a.b.example"])


@given(st.sampled_from(SCHEMES), secrets, hosts, st.sampled_from(AROUND))
def test_no_password_of_an_address_is_left(scheme: str, secret: str, host: str, around: str) -> None:
    text = masked(around.format(f"{scheme}://user:{secret}@{host}/x"))
    assert secret not in text
    assert f"{scheme}://{MASK}@{host}/x" in text
    assert has_mask(text)


@given(st.sampled_from(["ssh", "git+ssh", "sftp"]), secrets, hosts)
def test_the_user_of_a_login_stays(scheme: str, secret: str, host: str) -> None:
    assert masked(f"{scheme}://git:{secret}@{host}/x") == f"{scheme}://git:{MASK}@{host}/x"
    assert masked(f"{scheme}://git@{host}/x") == f"{scheme}://git@{host}/x"


KEYS = ("token", "password", "sig", "X-Amz-Signature", "X-Amz-Credential", "access_token", "api_key", "key", "PASSWD")


@given(st.sampled_from(KEYS), st.text(string.ascii_letters + string.digits + "%-._", min_size=3), st.sampled_from("?&"))
def test_no_secret_of_a_query_is_left(key: str, value: str, sign: str) -> None:
    assert masked(f"https://h/x{sign}{key}={value}&page=2") == f"https://h/x{sign}{key}={MASK}&page=2"


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@b",
        "http://[::1]:5000/a@b",
        "s3://bucket/key@2",
        "/data/a@b:c.nc",
        "h?sigma=1&author=me&page=2",
        "http://user:${oc.env:PASSWORD}@host",
        "http://h/x and mail to a@b",
        "  token: null\n  experiment: wxml",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@given(secrets, st.sampled_from(KEYS))
def test_a_record_holds_no_secret_wherever_it_stands(secret: str, key: str) -> None:
    record = {"a": [{"b": f"https://u:{secret}@h"}, 1, None], key: secret, "n": {"x": [f"h?token={MASK}"]}}
    assert secret not in json.dumps(masked_values(record), ensure_ascii=False)
    assert masked_values({key: "${oc.env:NAME}", "n": 2.0}) == {key: "${oc.env:NAME}", "n": 2.0}


def test_a_remembered_value_is_written_by_name() -> None:
    remember("TRACK", "http://u:p%40ssword@h")
    remember("WORD", "abc")
    assert masked("cannot reach http://u:p%40ssword@h: p@ssword") == f"cannot reach ${{oc.env:TRACK}}: {MASK}"
    assert masked("abc") == "abc", "a value this short may be part of any word"


def test_errors_are_masked() -> None:
    address = "http://u:password@h"
    assert "password" not in f"{DataError(address, fix=address)} {ConfigError([Fault('a', address)])}"


def test_a_warning_is_masked_and_else_as_python_writes_it() -> None:
    shown = masked_warning("no answer from http://u:S3CRET@h", UserWarning, "file.py", 3, "read()")
    assert shown == warnings.formatwarning(f"no answer from http://{MASK}@h", UserWarning, "file.py", 3, "read()")
    assert "\x1b" not in masked_warning("\x1b[2J", UserWarning, "file.py", 3)


@pytest.mark.parametrize(
    "arguments",
    [
        ("http://u:S3CRET@h",),
        ("inspect", "f.nc", "http://u:S3CRET@h"),
        ("forecast", "c.safetensors", "--members", "http://u:S3CRET@h"),
        ("check-plugin", "a", "b", "http://u:S3CRET@h"),
    ],
)
def test_a_wrong_argument_is_quoted_without_secrets(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == 2
    assert "S3CRET" not in done.output
    assert f"http://{MASK}@h" in done.output


def test_a_stream_masks_what_any_library_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stdout", MaskedStream(plain))
    print("at http://u:S3CRET@h")
    sys.stdout.writelines(["to http://u:S3CRET@h\n"])
    say_json({"password": "S3CRET", "at": "http://u:S3CRET@h", "n": {"x": tmp_path}})
    say_path(Path("runs/a&token=1"))
    shown = plain.getvalue()
    assert "S3CRET" not in shown
    assert shown.startswith(f"at http://{MASK}@h\nto http://{MASK}@h\n")
    assert shown.endswith("\nruns/a&token=1\n")
    assert not sys.stdout.isatty()


SPELLINGS: list[Callable[[str], str]] = [
    str,
    repr,
    ascii,
    json.dumps,
    lambda text: repr(text.encode()),
    lambda text: json.dumps(json.dumps({"x": text})),
    urllib.parse.quote,
    urllib.parse.quote_plus,
    lambda text: urllib.parse.quote(text, safe="").lower() if text.islower() else urllib.parse.quote(text, safe=""),
    html.escape,
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    lambda text: base64.b64encode(f"me:{text}".encode()).decode(),
    lambda text: base64.urlsafe_b64encode(f"user:{text}:".encode()).decode(),
]
words = st.text(string.ascii_letters + string.digits + "/+&=%\"'<é \\", min_size=8, max_size=20).map(
    lambda text: f"x{text}Z"
)


@pytest.mark.parametrize("spelt", SPELLINGS)
@given(secret=words)
def test_a_known_secret_is_masked_in_whatever_form(spelt: Callable[[str], str], secret: str) -> None:
    forget()
    learn({"a": [{"password": secret}]})
    form = spelt(secret)
    shown = masked(f"refused {form}.")
    assert shown.startswith("refused ")
    assert not any(part in shown for part in (secret, form))
    assert MASK in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("got {'password': 'S3CRET', 'user': 'me'}", "got {'password': '***', 'user': 'me'}"),
        ("got {'a_token': b'S3\\'CRET'}", "got {'a_token': b'***'}"),
        ('got "{\\"secret\\": \\"S3CRET\\", \\"n\\": 1}"', 'got "{\\"secret\\": \\"***\\", \\"n\\": 1}"'),
        ("f(token='S3CRET', n=1)", "f(token='***', n=1)"),
        ("password=S3CRET host=h", "password=*** host=h"),
        ("AccountKey=S3CRET;Endpoint=x", "AccountKey=***;Endpoint=x"),
        ("  api_key: S3CRET three\nb: c", "  api_key: ***\nb: c"),
        ("got {'password': 'S3CRE...", "got {'password': '***"),
        ("sent Authorization: Basic UzNDUkVU", "sent Authorization: Basic ***"),
        ("{'Authorization': 'Bearer S3CRET'}", "{'Authorization': '***'}"),
        ("no answer from http%3A%2F%2Fu%3AS3CRET%40h%2Fx", "no answer from http%3A%2F%2F***%40h%2Fx"),
        (r'{"uri": "http:\/\/u:S3CRET@h\/x"}', r'{"uri": "http:\/\/***@h\/x"}'),
        ("there is no `http:/u:S3CRET@h/x`", "there is no `http:/***@h/x`"),
        ("`token` is missing: see the keys", "`token` is missing: see the keys"),
        ("password=${oc.env:NAME}", "password=${oc.env:NAME}"),
        ("basic information about tokens: 5", "basic information about tokens: 5"),
        ("unknown key `key`: did you mean 'keep'?", "unknown key `key`: did you mean 'keep'?"),
    ],
)
def test_what_stands_beside_the_name_of_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


def test_numbers_and_mappings_under_the_name_of_a_secret_are_hidden() -> None:
    values = {"password": 123456, "secret": {"a": ["S3CRET"]}, "tokens": 512, "key": {"a": 1}, "use_token": True}
    hidden = {"password": MASK, "secret": {"a": [MASK]}, "tokens": 512, "key": {"a": 1}, "use_token": True}
    assert masked_values(values) == hidden


def test_a_record_keeps_a_word_that_a_variable_of_the_environment_happens_to_hold() -> None:
    remember("FIRST", "insolation")
    remember("API_TOKEN", "temperature")
    assert masked_values(["insolation", "temperature"]) == ["insolation", "${oc.env:API_TOKEN}"]
    assert masked("insolation") == "${oc.env:FIRST}"


@pytest.mark.parametrize(
    "part", ["a://b:c", "a.", "@a://", "a://b:c@", "%3A%2F%2F", "token", "token='", "&token", "\n "]
)
def test_long_texts_take_no_long_time(part: str) -> None:
    text = part * (200_000 // len(part))
    start = time.process_time()
    masked("@" + text)
    masked(text + "@ a=b")
    assert time.process_time() - start < 60  # ends a hang; it takes well below a second
