"""Secrets in texts and in records are masked, whatever the address."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import masking
from wxml.errors import ConfigError, DataError, Fault
from wxml.masking import MASK, has_mask, masked, masked_values, remember

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
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@given(secrets, st.sampled_from(KEYS))
def test_a_record_holds_no_secret_wherever_it_stands(secret: str, key: str) -> None:
    record = {"a": [{"b": f"https://u:{secret}@h"}, 1, None], key: secret, "n": {"x": [f"h?token={MASK}"]}}
    assert secret not in json.dumps(masked_values(record), ensure_ascii=False)
    assert masked_values({key: "${oc.env:NAME}", "n": 2.0}) == {key: "${oc.env:NAME}", "n": 2.0}


def test_a_remembered_value_is_written_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_known", {})
    remember("TRACK", "http://u:p%40ssword@h")
    remember("WORD", "abc")
    assert masked("cannot reach http://u:p%40ssword@h: p@ssword") == f"cannot reach ${{oc.env:TRACK}}: {MASK}"
    assert masked("abc") == "abc", "a value this short may be part of any word"


def test_errors_are_masked() -> None:
    address = "http://u:password@h"
    assert "password" not in f"{DataError(address, fix=address)} {ConfigError([Fault('a', address)])}"
