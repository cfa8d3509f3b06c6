"""Hostile peers in the middle of an abbreviated handshake before TLS 1.3 (RFC 5246 §7.3, RFC 5077 §3.1).

The session was never made by a handshake: both sides are given the same main secret, `SECRET`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.suites12 import suite12_named
from lucidtls.handshake.offer import session_key
from lucidtls.sessions.session import Session
from lucidtls.sessions.state import SessionState
from lucidtls.sessions.stores import MemorySessionCache, MemorySessionStore
from lucidtls.sessions.ticket_keys import TicketKeys
from lucidtls.trust.names import parse_server_name
from lucidtls.wire.codepoints import HandshakeType
from lucidtls.wire.extensions import ch
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.versions import TLS12, VERSION_NAMES
from tests.certificates import NOW
from tests.flows.choices12 import ECDSA_SUITE, client12, server12
from tests.flows.hostile12 import HostileClient12, HostileServer12
from tests.flows.parties import SERVER_NAME, credential

SECRET = bytes(range(48))
SESSION_ID = bytes(range(32))
THEN = NOW.timestamp()


def session_for(config: ClientConfig, suite: str, version: int, **changes: Any) -> Session:
    """A session that a client may resume by its id."""
    session = Session(
        version=VERSION_NAMES[version],
        cipher_suite=suite,
        secret=SECRET,
        ticket=b"",
        session_id=SESSION_ID,
        lifetime=3600,
        received_at=THEN,
        authenticated_at=THEN,
        server_name=SERVER_NAME,
        scope=config.session_scope,
        peer_chain=credential().chain,
    )
    return replace(session, **changes)


class ResumingServer12(HostileServer12):
    """A server whose victim offers a session out of its `store`."""

    def __init__(
        self,
        config: ClientConfig | None = None,
        *,
        suite: str = ECDSA_SUITE,
        version: int = TLS12,
        changes: dict[str, Any] | None = None,
        **choices: Any,
    ) -> None:
        self.store, self.full = MemorySessionStore(), False
        self.config = config = replace(config or client12(suite, version), sessions=self.store)
        key = session_key(config, parse_server_name(SERVER_NAME))
        assert key is not None, "the server has a name"
        self.store.put(key, session_for(config, suite, version, **(changes or {})))
        super().__init__(config, suite=suite, version=version, **choices)

    def renegotiate(self) -> Self:
        """Ask for another handshake, which is a full one."""
        self.full = True
        return super().renegotiate()

    @property
    def steps(self) -> tuple[str, ...]:
        """The abbreviated handshake; a renegotiation is never one."""
        if self.full:
            return super().steps
        ticket = ("new_session_ticket",) if self.ticket else ()
        return "server_hello", *ticket, "change_cipher_spec", "finished"

    def server_hello(self, *items: Any, **changes: Any) -> ServerHello:
        """A ServerHello that resumes; the keys follow from the randoms at once."""
        if self.full:
            return super().server_hello(*items, **changes)
        resuming = {"legacy_session_id_echo": self.client_hello.legacy_session_id}
        hello = super().server_hello(*items, **(resuming | changes))
        self.main_secret = SECRET
        self.block = self.schedule.key_block(SECRET, etm=self.etm)
        return hello


class ResumingClient12(HostileClient12):
    """A client that offers a session which its victim knows, out of its `cache` or by a ticket."""

    def __init__(
        self,
        *,
        suite: str = ECDSA_SUITE,
        version: int = TLS12,
        by_ticket: bool = False,
        state: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        **choices: Any,
    ) -> None:
        self.cache, keys = MemorySessionCache(), TicketKeys(lifetime=7200)
        kept = {"ticket_keys": keys} if by_ticket else {"session_cache": self.cache}
        config: ServerConfig = server12(suite, version, **({"tickets": 1} | kept | (settings or {})))
        values: dict[str, Any] = {
            "version": version,
            "cipher_suite": suite12_named(suite).code,
            "secret": SECRET,
            "issued_at": THEN,
            "authenticated_at": THEN,
            "lifetime": 3600,
            "scope": config.session_scope,
            "server_name": SERVER_NAME,
            "alpn": None,
        }
        body = SessionState(**(values | (state or {}))).body()
        self.own_ticket = (keys.seal(body, THEN) or b"") if by_ticket else b""
        if not by_ticket:
            self.cache.put(SESSION_ID, body, 3600, THEN)
        self.resumed = False
        super().__init__(config, suite=suite, version=version, **choices)

    @property
    def steps(self) -> tuple[str, ...]:
        """The abbreviated handshake."""
        return "client_hello", "change_cipher_spec", "finished"

    def client_hello(self, *items: Any, **changes: Any) -> ClientHello:
        """A ClientHello that names the session."""
        ticket = [(ch.SESSION_TICKET, self.own_ticket)] if self.own_ticket else []
        return super().client_hello(*ticket, *items, **({"legacy_session_id": SESSION_ID} | changes))

    def hear(self, message_type: int, body: bytes) -> None:
        """Read what the server says; from its ServerHello on the keys are known."""
        super().hear(message_type, body)
        if message_type == HandshakeType.SERVER_HELLO:
            self.resumed = self.heard_message(ServerHello).legacy_session_id_echo == SESSION_ID
            self.main_secret = SECRET
            self.block = self.schedule.key_block(SECRET, etm=self.etm)
