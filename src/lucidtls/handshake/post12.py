"""After a handshake of TLS 1.2 or before: what a connection keeps, and the wish for another handshake.

Renegotiation is what these versions have for changing keys, and it was the door of several attacks: a client
spliced into another's connection (CVE-2009-3555, closed by RFC 5746), identities changed in the middle
(CVE-2014-1295), triple handshakes (RFC 7627 §1). Both sides therefore say no, unless a client's config says
otherwise; and then the server must know RFC 5746 and show the very same certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from lucidtls.alerts import NO_RENEGOTIATION
from lucidtls.errors import UnexpectedMessage, UsageError
from lucidtls.events import RenegotiationRefused
from lucidtls.handshake.exchange12 import Terms
from lucidtls.handshake.exporters import export_older_keys
from lucidtls.handshake.post import Connected, Handlers
from lucidtls.wire.codepoints import HandshakeType
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages12 import HelloRequest, NewSessionTicket

MAX_RENEGOTIATIONS: Final = 4
"""Wishes for another handshake that a connection answers, be it with yes or no: more is a flood."""


@dataclass(slots=True)
class Connected12(Connected):
    """What a connection of TLS 1.2 or before keeps.

    `client_verify_data` and `server_verify_data` are the contents of the two Finished messages: a
    renegotiation proves by them that it belongs to this connection (RFC 5746 §3.1). `encrypt_then_mac` is
    whether any handshake of the connection has agreed on it.
    """

    terms: Terms
    main_secret: bytes = field(repr=False)
    client_verify_data: bytes = field(repr=False)
    server_verify_data: bytes = field(repr=False)
    renegotiate: Callable[[Connected12], Coroutine[Any, Any, Connected]] | None = field(
        default=None, repr=False
    )
    renegotiations: int = 0
    encrypt_then_mac: bool = False

    def forget(self) -> None:
        """Drop every secret: the session is over."""
        self.main_secret = self.client_verify_data = self.server_verify_data = b""
        self.renegotiate = None

    def export(self, label: str | bytes, length: int, context: bytes | None) -> bytes:
        """Keying material for what is spoken above TLS (RFC 5705 §4), with the extended main secret only.

        Without it "the client or server MUST NOT export any key material based on the new master secret": a
        connection in the middle can make the main secrets of two connections equal (RFC 7627 §5.4).
        """
        terms = self.terms
        if not terms.extended_master_secret:
            raise UsageError("nothing is exported without the extended main secret (RFC 7627 §5.4)")
        randoms = terms.client_random + terms.server_random
        return export_older_keys(terms.hash, self.main_secret, randoms, label, length, context)

    def update_send_keys(self, *, request_peer: bool) -> None:
        """Refuse: these versions have no KeyUpdate."""
        raise UsageError("keys can be updated in TLS 1.3 only; before, a connection ends with its keys")

    def earn_credit(self, records: int) -> None:
        """Nothing to note: there are no KeyUpdates to pay for."""

    def answer_update(self) -> None:
        """Nothing to answer: none is ever owed."""

    def count_wish(self) -> None:
        """Bound how often the peer may ask for another handshake."""
        self.renegotiations += 1
        if self.renegotiations > MAX_RENEGOTIATIONS:
            raise UnexpectedMessage(
                "the peer keeps asking for a renegotiation",
                limit=MAX_RENEGOTIATIONS,
                clause="RFC 5246 §7.2.2",
            )


def accept_ticket(connected: Connected12, message: NewSessionTicket) -> None:
    """Keep the ticket that came in the handshake, with the secret it stands for (RFC 5077 §3.3).

    An empty ticket takes back the promise of one.
    """
    if not message.ticket:
        return
    connected.accept_session(
        secret=connected.main_secret,
        ticket=message.ticket,
        # "A value of zero is reserved to indicate that the lifetime of the ticket is unspecified."
        lifetime=message.lifetime_hint or SESSION_LIFETIME,
    )


SESSION_LIFETIME: Final = 86_400
""""An upper limit of 24 hours is suggested for session ID lifetimes" (RFC 5246 §F.1.4). In seconds."""


def accept_session_id(connected: Connected12) -> None:
    """Keep the session that the server gave an id to, with the secret it stands for (RFC 5246 §7.4.1.3)."""
    connected.accept_session(
        secret=connected.main_secret,
        ticket=b"",
        lifetime=SESSION_LIFETIME,
        session_id=connected.terms.session_id,
    )


def accept_hello_request(
    connected: Connected12, message: HelloRequest
) -> RenegotiationRefused | Coroutine[Any, Any, Connected]:
    """As a client: begin another handshake if the config allows it, or say no (RFC 5246 §7.4.1.1)."""
    connected.count_wish()
    if connected.renegotiate is not None and not connected.channel.write_closed:
        return connected.renegotiate(connected)
    return _refuse(connected)


def refuse_renegotiation(connected: Connected12, message: ClientHello) -> RenegotiationRefused:
    """As a server: say no to a client that begins another handshake."""
    connected.count_wish()
    return _refuse(connected)


def _refuse(connected: Connected12) -> RenegotiationRefused:
    """Send no_renegotiation, which "is always a warning" (RFC 5246 §7.2.2)."""
    if not connected.channel.write_closed:
        connected.channel.send_warning(NO_RENEGOTIATION)
    return RenegotiationRefused()


CLIENT_HANDLERS: Final[Handlers] = {HandshakeType.HELLO_REQUEST: (HelloRequest, accept_hello_request)}
"""What a server may send after its handshake."""

SERVER_HANDLERS: Final[Handlers] = {HandshakeType.CLIENT_HELLO: (ClientHello, refuse_renegotiation)}
"""What a client may send after its handshake."""
