"""What a connection tells the application, one event at a time, in the order in which it happened.

Most events are news. Three are questions (`SignatureWanted`, `CredentialWanted`, `VerificationWanted`):
they appear only when the configuration hands that decision out (`ASK`), and the handshake goes on when
`Connection.answer(question, answer)` is called.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from lucidtls.trust.credentials import Credential
from lucidtls.trust.verify import VerificationRequest, VerifiedChain
from lucidtls.wire.hello import ClientHello

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What both sides agreed on. Names are the IANA ones; None means that this part did not take place.

    `peer_chain` holds the peer's certificates as sent (DER, leaf first); `verified` the path to a trust
    anchor that was found among them, None when verification was switched off or no certificate came.
    """

    version: str
    cipher_suite: str
    group: str | None
    signature_scheme: str | None
    alpn: str | None
    server_name: str | None
    hello_retried: bool
    peer_chain: tuple[bytes, ...]
    verified: VerifiedChain | None
    client_authenticated: bool
    client_certificate_requested: bool


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """What a NewSessionTicket message brought (RFC 9846 §4.7.1), with the PSK that belongs to it.

    `lifetime` is in seconds; `received_at` comes from the config's clock, as seconds since the epoch.
    """

    ticket: bytes
    psk: bytes = field(repr=False)
    lifetime: int
    age_add: int
    max_early_data: int
    received_at: float
    cipher_suite: str
    server_name: str | None
    alpn: str | None


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The handshake is over: the peer is who it should be, and data may flow."""

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """Bytes from the peer, authenticated and decrypted, in order."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SessionTicketReceived:
    """The server gave a ticket with which a later connection can be resumed."""

    ticket: SessionTicket


@dataclass(frozen=True, slots=True)
class KeysUpdated:
    """The peer replaced the keys of what it sends by the next generation (RFC 9846 §4.7.3).

    If it asked us to do the same, we do with what is sent next; a tracer sees that as `KeysInstalled`.
    """

    direction: Literal["received"]


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer sent close_notify: no more data will come, and none was cut off. We may still send."""


class Question(Generic[Answer]):
    """A decision the handshake cannot take alone. Awaiting it yields the answer."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Answer, Answer]:
        """Hand the question to the driver and come back with the answer."""
        answer = yield self
        return answer


@dataclass(frozen=True, slots=True, eq=False)
class SignatureWanted(Question[bytes]):
    """Sign `content` with `credential`'s private key in the scheme of this code point (RFC 9846 §4.5.2)."""

    scheme: int
    content: bytes
    credential: Credential


@dataclass(frozen=True, slots=True, eq=False)
class CredentialWanted(Question["Credential | None"]):
    """Choose who this server is for this client. None lets the default choice decide.

    `server_name` and `alpn` are what the client asked for; `signature_schemes` are code points.
    """

    server_name: str | None
    alpn: tuple[str, ...]
    signature_schemes: Sequence[int]
    client_hello: ClientHello


class Accepted:
    """The type of `ACCEPTED`."""

    def __repr__(self) -> str:
        return "ACCEPTED"


ACCEPTED: Final = Accepted()
"""A verdict on a chain: the application vouches for it by means of its own, such as a pinned key.

A verdict has to be said: a verifier that returns nothing, True or False is a mistake, and refuses.
"""


@dataclass(frozen=True, slots=True, eq=False)
class VerificationWanted(Question[VerifiedChain | Accepted]):
    """Decide whether this chain is acceptable.

    Answer with a `VerifiedChain` (from `ChainVerifier.verify`), with `ACCEPTED`, or with a
    `CertificateRejected` exception to refuse.
    """

    request: VerificationRequest


class PeerVerifier(Protocol):
    """Whoever judges the peer's chain: `lucidtls.trust.verify.ChainVerifier`, or the application's own."""

    def verify(self, request: VerificationRequest) -> VerifiedChain | Accepted:
        """Return a verdict, or raise CertificateRejected."""
        ...


Event = (
    HandshakeCompleted
    | ApplicationData
    | SessionTicketReceived
    | KeysUpdated
    | PeerClosed
    | SignatureWanted
    | CredentialWanted
    | VerificationWanted
)
