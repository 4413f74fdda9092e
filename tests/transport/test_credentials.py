"""Credentials are checked before any I/O, renewed once, and shown by nothing."""

from __future__ import annotations

import asyncio
import pickle
import traceback

import pytest
from multidict import CIMultiDict

from casemgmt_async.errors import ConfigurationError, InvalidArgumentError
from casemgmt_async.transport.credentials import Credentials, Secret, checked_headers

BROKEN = ["a b", "a\r\nX: y", "a\n", "\x00", "schlüssel", "a\x7f"]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DD_API_KEY", raising=False)
    monkeypatch.delenv("DD_APP_KEY", raising=False)


def test_keys_become_headers() -> None:
    headers = Credentials("k1", "k2", None).headers({"Accept": "application/json"})
    assert headers == CIMultiDict({"accept": "application/json", "dd-api-key": "k1", "dd-application-key": "k2"})


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_API_KEY", "e1")
    monkeypatch.setenv("DD_APP_KEY", "e2")
    assert Credentials(None, "k2", None).headers({}) == CIMultiDict({"DD-API-KEY": "e1", "DD-APPLICATION-KEY": "k2"})


def test_a_token_becomes_a_header_and_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_API_KEY", "e1")
    access = Credentials(None, None, "t1")
    access.check()
    assert access.headers({}) == CIMultiDict({"Authorization": "Bearer t1"})


@pytest.mark.parametrize(
    ("keys", "missing"),
    [((None, None), "app_key"), (("a", None), "app_key"), ((None, "b"), "api_key"), (("", "b"), "api_key")],
)
def test_missing_keys_are_named(keys: tuple[str | None, str | None], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        Credentials(*keys, None).check()


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_stand_in_a_header_is_refused_and_not_shown(text: str) -> None:
    for arguments in ((text, "k2", None), ("k1", text, None), (None, None, text)):
        with pytest.raises(ConfigurationError) as caught:
            Credentials(*arguments).check()
        assert text not in str(caught.value)


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="access_token"):
        Credentials(None, None, "").check()


def test_keys_and_token_together_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not both"):
        Credentials("k1", None, "t1").check()


def test_nothing_shows_a_secret() -> None:
    access = Credentials("k-sec-ret", "k2-sec-ret", None)
    token = Credentials(None, None, "t-sec-ret")
    shown = [repr(access), repr(token), repr(access.headers({})), repr(token.headers({})), repr(Secret("k-sec-ret"))]
    assert not any("sec-ret" in text for text in shown)
    assert b"sec-ret" not in pickle.dumps(Secret("k-sec-ret"))
    assert b"sec-ret" not in pickle.dumps(access)


def test_a_refusal_has_no_secret_among_its_locals() -> None:
    access = Credentials("k-sec ret", "k2", None)
    try:
        access.check()
    except ConfigurationError as error:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True)
        ours = [
            frame
            for frame in frames.stack
            if frame.filename.endswith("/transport/credentials.py") and "/tests/" not in frame.filename
        ]
        assert ours
        assert not any("sec ret" in str(frame.locals) for frame in ours)


def test_the_service_repeating_a_secret_is_silenced() -> None:
    assert Credentials("k-secret", "k2-secret", None).redact('{"errors": ["bad key k-secret"]}') == (
        '{"errors": ["bad key <secret>"]}'
    )


def test_a_placeholder_is_not_redacted() -> None:
    assert (
        Credentials("a", "emu", None).redact('{"errors": ["a case, emulated"]}') == '{"errors": ["a case, emulated"]}'
    )


def test_all_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"api_key and app_key are missing.*DD_API_KEY and DD_APP_KEY"):
        Credentials(None, None, None).check()


async def test_calls_that_had_one_token_refused_share_what_is_supplied() -> None:
    supplied = 0

    async def supply() -> str:
        nonlocal supplied
        supplied += 1
        await asyncio.sleep(0)
        return f"t{supplied}"

    access = Credentials(None, None, supply)
    access.check()
    await asyncio.gather(*(access.renew(None) for _ in range(10)))
    first = access.token
    assert (supplied, first) == (1, "t1")
    await asyncio.gather(*(access.renew(first) for _ in range(10)))
    assert (supplied, access.token) == (2, "t2")


@pytest.mark.parametrize("value", [*BROKEN, "", None, b"t1", 5])
async def test_a_supplier_that_gives_no_token_is_a_configuration_error(value: object) -> None:
    async def supply() -> object:
        return value

    with pytest.raises(ConfigurationError, match="supplier") as caught:
        await Credentials(None, None, supply).renew(None)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [
        frame
        for frame in frames.stack
        if frame.filename.endswith("/transport/credentials.py") and "/tests/" not in frame.filename
    ]
    assert ours
    assert not any("t1" in str(frame.locals) or "schl" in str(frame.locals) for frame in ours)


@pytest.mark.parametrize("arguments", [(5, "k2", None), ("k1", b"k2", None), (None, None, 5), (None, None, b"t1")])
def test_credentials_that_are_no_strings_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ConfigurationError, match="must be a string"):
        Credentials(*arguments).check()


@pytest.mark.parametrize("echo", ["a/b+cd==ef", r"a\/b+cd==ef", r"a\\/b\u002Bcd\u003d=ef", "a%2fb%2Bcd%3D%3Def"])
def test_a_secret_is_redacted_however_it_is_escaped(echo: str) -> None:
    assert Credentials(None, None, "a/b+cd==ef").redact(f"token {echo}!") == "token <secret>!"


@pytest.mark.parametrize(
    "headers",
    [
        *({name: "x"} for name in ("DD-API-KEY", "authorization", "Host", "Content-Length", "Transfer-Encoding")),
        *({name: "x"} for name in ("", "a b", "a:b", "a\r\nb", "é")),
        *({"X-Team": value} for value in ("a\r\nb", "a\nb", "\x00", "€", 5)),
    ],
)
def test_extra_headers_that_could_do_harm_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError, match="headers"):
        checked_headers(headers)


def test_other_extra_headers_are_taken() -> None:
    assert checked_headers({"X-Team": "a b\té", "User-Agent": "mine"}) == {"X-Team": "a b\té", "User-Agent": "mine"}
    assert checked_headers(None) == {}
