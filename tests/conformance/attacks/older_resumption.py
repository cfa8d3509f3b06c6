"""Resumption before TLS 1.3: what either side refuses while a session goes on (RFC 5246 §7.3, RFC 7627)."""

from __future__ import annotations

from functools import partial
from typing import Any

from lucidtls.errors import IllegalParameter, NegotiationFailure
from lucidtls.sessions.session import Session
from lucidtls.sessions.state import SessionState
from lucidtls.wire.versions import TLS11, TLS12
from tests.certificates import NOW
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE, client12, server12
from tests.flows.hostile import Peer, with_extension, without_extension
from tests.flows.hostile12 import HostileClient12, HostileServer12
from tests.flows.parties import SERVER_NAME

SECRET = bytes(range(48))
SESSION_ID = bytes(range(32))
BOTH = ("TLS 1.1", "TLS 1.2")


class OneSession:
    """A client's store with one session for whoever asks."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def take(self, key: str, now: float) -> Session:
        """The session, made for this name and scope."""
        values: dict[str, Any] = {
            "version": "TLS 1.2",
            "cipher_suite": CBC_SUITE,
            "secret": SECRET,
            "ticket": b"",
            "session_id": SESSION_ID,
            "lifetime": 3600,
            "received_at": NOW.timestamp(),
            "authenticated_at": NOW.timestamp(),
            "server_name": SERVER_NAME,
            "scope": key.partition("/")[0],
        }
        return Session(**(values | self.changes))

    def put(self, key: str, session: Session) -> None:
        """Keep nothing."""

    def discard(self, key: str, session: Session) -> None:
        """There is nothing to forget."""


def _resumed(*, version: int = TLS12, suite: str = CBC_SUITE, ems: bool = True, **changes: Any) -> Peer:
    """A client whose server returns the id of its session, and says other things beside."""
    config = client12(CBC_SUITE, TLS12, versions=BOTH, sessions=OneSession(**changes))
    if suite != CBC_SUITE:
        config = client12(CBC_SUITE, TLS12, cipher_suites=(CBC_SUITE, suite), sessions=OneSession(**changes))
    peer = HostileServer12(config, suite=suite, version=version, ems=ems)
    return peer.send(peer.server_hello(legacy_session_id_echo=peer.client_hello.legacy_session_id))


refused(
    "server_resumes_in_another_version",
    IllegalParameter,
    "RFC 5246 §7.4.1.3",
    partial(_resumed, version=TLS11),
)
refused(
    "server_resumes_with_another_suite",
    IllegalParameter,
    "RFC 5246 §7.4.1.3",
    partial(_resumed, suite=ECDSA_SUITE),
)
refused(
    "server_resumes_without_the_extended_main_secret",
    NegotiationFailure,
    "RFC 7627 §5.3",
    partial(_resumed, ems=False),
)


@refusal(IllegalParameter, "RFC 5246 §7.4.1.3")
def server_resumes_a_session_of_tls_1_3_in_tls_1_2() -> Peer:
    store = OneSession(version="TLS 1.3", cipher_suite="TLS_AES_128_GCM_SHA256", ticket=b"ticket")
    suites = ("TLS_AES_128_GCM_SHA256", CBC_SUITE)
    config = client12(CBC_SUITE, TLS12, versions=("TLS 1.3", "TLS 1.2"), cipher_suites=suites, sessions=store)
    peer = HostileServer12(config, suite=CBC_SUITE)
    return peer.send(peer.server_hello(legacy_session_id_echo=peer.client_hello.legacy_session_id))


# The server


class OneState:
    """A server's sealer that knows one ticket."""

    def __init__(self, scope: str, name: str | None, version: int = TLS12) -> None:
        self.state = SessionState(
            version=version,
            cipher_suite=0xC02B,
            secret=SECRET,
            issued_at=NOW.timestamp(),
            authenticated_at=NOW.timestamp(),
            lifetime=3600,
            scope=scope,
            server_name=name,
            alpn=None,
        )

    def seal(self, state: bytes, now: float) -> None:
        """Give no tickets."""

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state, for its ticket."""
        return self.state.body() if ticket == b"ticket" else None


def _offers_ticket(*, ems: bool) -> Peer:
    scope = server12(ECDSA_SUITE, TLS12).session_scope
    config = server12(ECDSA_SUITE, TLS12, tickets=1, ticket_keys=OneState(scope, SERVER_NAME))
    peer = HostileClient12(config, suite=ECDSA_SUITE, ems=ems)
    hello = peer.client_hello(legacy_session_id=SESSION_ID)
    if not ems:
        hello.extensions = without_extension(hello.extensions, 23)
    hello.extensions = with_extension(hello.extensions, 35, b"ticket")
    return peer.send(hello)


@refusal(NegotiationFailure, "RFC 7627 §5.3")
def client_resumes_without_the_extended_main_secret() -> Peer:
    return _offers_ticket(ems=False)
