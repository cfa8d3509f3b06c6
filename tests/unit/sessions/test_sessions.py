"""Sessions as values: what is kept, for how long, and how it is written down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import ConfigurationError
from lucidtls.sessions.session import MAX_SERIALISED, MAX_SESSION_AGE, Session
from lucidtls.sessions.state import SessionState

SESSION = Session(
    version="TLS 1.3",
    cipher_suite="TLS_AES_128_GCM_SHA256",
    secret=bytes(32),
    ticket=b"a ticket",
    lifetime=7200,
    received_at=1000.25,
    authenticated_at=900.0,
    server_name="www.example.org",
    scope="00ff",
    session_id=b"",
    age_add=2**32 - 1,
    max_early_data=100,
    alpn="h2",
    peer_chain=(b"leaf", b"issuer"),
    not_after=5000.5,
)

STATE = SessionState(
    version=0x0304,
    cipher_suite=0x1301,
    secret=bytes(32),
    issued_at=1000.25,
    authenticated_at=900.0,
    lifetime=7200,
    scope="00ff",
    server_name="www.example.org",
    alpn=b"h2",
    age_add=77,
    max_early_data=100,
    peer_chain=(b"leaf", b"issuer"),
)


def test_a_session_ends_at_the_first_of_three_moments() -> None:
    """A session ends with its ticket, with the certificate, and after 7 days at the latest."""
    assert SESSION.expires_at == 5000.5
    assert replace(SESSION, not_after=None).expires_at == 1000.25 + 7200
    assert replace(SESSION, not_after=None, authenticated_at=1000.25 - MAX_SESSION_AGE).expires_at == 1000.25
    assert SESSION.usable_at(1000.25) and SESSION.usable_at(5000.4)
    assert not SESSION.usable_at(1000.2) and not SESSION.usable_at(5000.5)


def test_a_session_can_be_written_down() -> None:
    """What is read back is the same session."""
    for session in (SESSION, replace(SESSION, server_name=None, alpn=None, not_after=None, peer_chain=())):
        assert Session.deserialise(session.serialise()) == session


def test_a_session_shows_no_secret() -> None:
    """Neither its repr nor its description has the secret, the ticket or the number that hides its age."""
    secret = replace(SESSION, secret=b"S" * 32, ticket=b"T" * 32)
    text = repr(secret) + repr(secret.describe())
    assert "SSSS" not in text and "TTTT" not in text and str(2**32 - 1) not in text
    assert secret.describe()["server_name"] == "www.example.org"


def _with(**changes: object) -> bytes:
    return json.dumps(json.loads(SESSION.serialise()) | changes).encode()


def _without(name: str) -> bytes:
    values = json.loads(SESSION.serialise())
    del values[name]
    return json.dumps(values).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        b"{}",
        b" " * (MAX_SERIALISED + 1),
        _with(format="lucidtls session 2"),
        _with(unknown=1),
        _without("secret"),
        _with(secret=7),
        _with(secret=""),
        _with(ticket="A" * 4 * 22_000),
        _with(session_id="A" * 44),
        _with(version="TLS 9"),
        _with(server_name="\ud800"),
        _with(secret="not base64!"),
        _with(lifetime="7200"),
        _with(lifetime=-1),
        _with(lifetime=MAX_SESSION_AGE + 1),
        _with(age_add=2**32),
        _with(age_add=True),
        _with(received_at="now"),
        _with(received_at=float("nan")),
        _with(received_at=1e300),
        _with(not_after=-1),
        _with(version=None),
        _with(server_name=5),
        _with(peer_chain="leaf"),
        _with(peer_chain=[5]),
        _with(peer_chain=None),
        _with(extended_master_secret=1),
    ],
)
def test_what_is_no_session_is_refused(data: bytes) -> None:
    """Another format, another version, missing and impossible fields are one typed error."""
    with pytest.raises(ConfigurationError, match="no session that can be used"):
        Session.deserialise(data)


@given(st.binary(max_size=200), st.integers(0, 600))
def test_damage_is_refused_or_harmless(damage: bytes, at: int) -> None:
    """Whatever overwrites a session, reading it gives a session or that error."""
    data = bytearray(SESSION.serialise())
    data[at : at + len(damage)] = damage
    try:
        assert isinstance(Session.deserialise(bytes(data)), Session)
    except ConfigurationError:
        return


def test_a_state_can_be_written_down() -> None:
    """A server's state comes back as it was, to the millisecond."""
    for state in (STATE, replace(STATE, server_name=None, alpn=None, peer_chain=())):
        assert SessionState.read(state.body()) == state


def test_a_state_of_another_format_is_none() -> None:
    """A server that was updated takes the tickets of its former self for unknown ones."""
    body = STATE.body()
    assert SessionState.read(b"\2" + body[1:]) is None
    assert SessionState.read(body + b"\0") is None
    assert all(SessionState.read(body[:length]) is None for length in range(len(body)))


@given(st.binary(max_size=300))
def test_noise_is_no_state(data: bytes) -> None:
    """A cache that gives back something else does not break the handshake."""
    assert SessionState.read(data) is None or isinstance(SessionState.read(data), SessionState)


@given(st.binary(min_size=1, max_size=30), st.integers(0, 160))
def test_damage_to_a_state_is_harmless(damage: bytes, at: int) -> None:
    """Whatever overwrites a state, reading it gives a state or nothing."""
    data = bytearray(STATE.body())
    data[at : at + len(damage)] = damage
    found = SessionState.read(bytes(data))
    assert found is None or isinstance(found, SessionState)
