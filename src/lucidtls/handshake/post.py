"""After the handshake: what a connection keeps, and the messages that may still come (RFC 9846 §4.7).

Each handler is a plain function of what is kept and the message; it returns an event or None. Which
messages a side accepts is one small table per role.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from lucidtls.config import Clock
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import UnexpectedMessage, UsageError
from lucidtls.events import KeysUpdated, Negotiated, SessionTicketReceived
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.exporters import export_keys
from lucidtls.handshake.schedule13 import next_generation, ticket_psk
from lucidtls.sessions.session import MAX_SESSION_AGE, Session
from lucidtls.wire.codepoints import HandshakeType
from lucidtls.wire.extensions import nst
from lucidtls.wire.messages13 import KeyUpdate, NewSessionTicket

Handlers = dict[int, tuple[Any, Callable[[Any, Any], Any]]]
"""By message type: the message's form, and the function that takes it and returns an event, None, or the
coroutine of another handshake."""

MAX_KEY_UPDATES: Final = 32
"""KeyUpdates accepted in a row, without application data: each costs us a key derivation."""

MAX_CREDIT: Final = 1024
"""KeyUpdates accepted in a row at most. Some peers update their keys for every record they receive past some
limit, until our own update arrives, so each record we send allows for one more."""

MAX_TICKETS: Final = 64
"""Tickets kept per connection; servers send one to four. Later ones are ignored."""

MAX_GENERATION: Final = 2**48 - 1
""""sending implementations MUST NOT allow the epoch ... to exceed 2^48-1" (RFC 9846 §4.7.3)."""


@dataclass(slots=True)
class Connected(ABC):
    """The result of a handshake: all that a connection keeps of it, whatever its version.

    `handlers` are the messages that may still come, and what is done with each. The rest is for sessions:
    `keep` puts them into the config's store, and `session_name`, `scope`, `authenticated_at` and `not_after`
    are theirs. `server_certificate` is the one the server showed, on either side; None if it showed none.
    """

    negotiated: Negotiated
    channel: Channel
    clock: Clock
    handlers: Handlers = field(repr=False)
    tickets: list[Session] = field(default_factory=list, repr=False, kw_only=True)
    keep: Callable[[Session], None] | None = field(default=None, repr=False, kw_only=True)
    session_name: str | None = field(default=None, kw_only=True)
    scope: str = field(default="", kw_only=True)
    authenticated_at: float = field(default=0.0, kw_only=True)
    not_after: float | None = field(default=None, kw_only=True)
    update_owed: bool = field(default=False, kw_only=True)
    server_certificate: bytes | None = field(default=None, repr=False, kw_only=True)

    def accept_session(
        self,
        *,
        secret: bytes,
        ticket: bytes,
        lifetime: int,
        session_id: bytes = b"",
        age_add: int = 0,
        max_early_data: int = 0,
    ) -> SessionTicketReceived:
        """Keep a session that the server gave, with what is known here; `lifetime` in seconds."""
        negotiated = self.negotiated
        session = Session(
            version=negotiated.version,
            cipher_suite=negotiated.cipher_suite,
            secret=secret,
            ticket=ticket,
            lifetime=min(lifetime, MAX_SESSION_AGE),
            received_at=self.clock().timestamp(),
            authenticated_at=self.authenticated_at,
            server_name=self.session_name,
            scope=self.scope,
            session_id=session_id,
            age_add=age_add,
            max_early_data=max_early_data,
            alpn=negotiated.alpn,
            extended_master_secret=negotiated.extended_master_secret or negotiated.version == "TLS 1.3",
            peer_chain=negotiated.peer_chain,
            not_after=self.not_after,
        )
        self.tickets.append(session)
        if self.keep is not None:
            self.keep(session)
        return SessionTicketReceived(session)

    @abstractmethod
    def forget(self) -> None:
        """Drop every secret: the session is over."""

    @abstractmethod
    def export(self, label: str | bytes, length: int, context: bytes | None) -> bytes:
        """Keying material for what is spoken above TLS; UsageError where there can be none."""

    @abstractmethod
    def update_send_keys(self, *, request_peer: bool) -> None:
        """Change our sending keys, where the version has a way to; UsageError where it has none."""

    @abstractmethod
    def earn_credit(self, records: int) -> None:
        """Note that data was received, or sent in so many records."""

    @abstractmethod
    def answer_update(self) -> None:
        """Send the KeyUpdate that the peer asked for; called only when one is owed."""


@dataclass(slots=True)
class Connected13(Connected):
    """What a connection of TLS 1.3 keeps."""

    suite: CipherSuite
    send_secret: bytes = field(repr=False)
    receive_secret: bytes = field(repr=False)
    exporter_secret: bytes = field(repr=False)
    resumption_secret: bytes = field(repr=False)
    send_generation: int = 0
    key_update_credit: int = MAX_KEY_UPDATES
    update_awaited: bool = False

    def forget(self) -> None:
        """Drop every secret: the session is over."""
        self.send_secret = self.receive_secret = self.exporter_secret = self.resumption_secret = b""

    def export(self, label: str | bytes, length: int, context: bytes | None) -> bytes:
        """Keying material for what is spoken above TLS (RFC 9846 §7.5)."""
        return export_keys(self.suite.hash, self.exporter_secret, label, length, context)

    def update_send_keys(self, *, request_peer: bool) -> None:
        """Send a KeyUpdate with the old keys, then change to the next ones (RFC 9846 §4.7.3).

        With `request_peer` the peer is asked to do the same. "Until receiving a subsequent KeyUpdate from the
        peer, the sender MUST NOT send another KeyUpdate with request_update set to "update_requested"."
        """
        if self.send_generation >= MAX_GENERATION:
            raise UsageError("this connection has used up its key generations (RFC 9846 §4.7.3)")
        request = request_peer and not self.update_awaited
        self.update_awaited = self.update_awaited or request
        self.channel.send(KeyUpdate(request_update=int(request)), in_transcript=False)
        self.send_secret = next_generation(self.suite.hash, self.send_secret)
        self.send_generation += 1
        self.channel.enter_send_keys(self.suite, self.send_secret, "application")

    def earn_credit(self, records: int) -> None:
        """Allow for more KeyUpdates after data was received, or sent in so many records."""
        credit = max(self.key_update_credit, MAX_KEY_UPDATES)
        self.key_update_credit = min(credit + records, MAX_CREDIT)

    def answer_update(self) -> None:
        """Send the KeyUpdate that the peer asked for, if one is owed.

        "the receiver MUST send a KeyUpdate of its own ... prior to sending its next Application Data record";
        one answers all requests that came since the last (RFC 9846 §4.7.3).
        """
        self.update_owed = False
        # "it MUST NOT send its own KeyUpdate if that would cause it to exceed these limits"
        if not self.channel.write_closed and self.send_generation < MAX_GENERATION:
            self.update_send_keys(request_peer=False)


def accept_key_update(connected: Connected13, message: KeyUpdate) -> KeysUpdated:
    """Change to the peer's next keys; our own update, if asked for, goes out with what is sent next."""
    if not connected.key_update_credit:
        raise UnexpectedMessage(
            "the peer keeps updating keys and sends no data", limit=MAX_KEY_UPDATES, clause="RFC 9846 §4.7.3"
        )
    connected.key_update_credit -= 1
    connected.receive_secret = next_generation(connected.suite.hash, connected.receive_secret)
    connected.channel.enter_receive_keys(connected.suite, connected.receive_secret, "application")
    connected.update_awaited = False
    connected.update_owed = connected.update_owed or bool(message.request_update)
    return KeysUpdated("received")


def accept_new_session_ticket(
    connected: Connected13, message: NewSessionTicket
) -> SessionTicketReceived | None:
    """Derive the ticket's PSK and hand both to the application (RFC 9846 §4.7.1)."""
    # "The value of zero indicates that the ticket should be discarded immediately." (RFC 9846 §4.7.1)
    if len(connected.tickets) >= MAX_TICKETS or not message.lifetime:
        return None
    return connected.accept_session(
        secret=ticket_psk(connected.suite.hash, connected.resumption_secret, message.nonce),
        ticket=message.ticket,
        lifetime=message.lifetime,
        age_add=message.age_add,
        max_early_data=message.extensions.get(nst.EARLY_DATA) or 0,
    )


CLIENT_HANDLERS: Final[Handlers] = {
    HandshakeType.NEW_SESSION_TICKET: (NewSessionTicket, accept_new_session_ticket),
    HandshakeType.KEY_UPDATE: (KeyUpdate, accept_key_update),
}
"""What a server may send after its handshake."""

SERVER_HANDLERS: Final[Handlers] = {HandshakeType.KEY_UPDATE: (KeyUpdate, accept_key_update)}
"""What a client may send after its handshake."""
