"""What a connection tells the application, one event at a time, in the order in which it happened.

Most events are news. Some are questions (`SignatureWanted`, `DecryptionWanted`, `CredentialWanted`,
`VerificationWanted`, `PskIdentityWanted`, `PskWanted`): they appear only when the configuration hands that
decision out (`ASK`), and the handshake goes on when `Connection.answer(question, answer)` is called.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, Protocol, TypeGuard, TypeVar

from lucidtls.errors import ConfigurationError
from lucidtls.sessions.session import Session
from lucidtls.trust.credentials import Credential
from lucidtls.trust.verify import VerificationRequest, VerifiedChain
from lucidtls.wire.hello import ClientHello

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What both sides agreed on. Names are the IANA ones; None means that this part did not take place.

    `peer_chain` holds the peer's certificates as sent (DER, leaf first); `verified` the path to a trust
    anchor that was found among them, None when verification was switched off or no certificate came.

    `resumed` is whether this connection goes on with an earlier session; `peer_chain` is then what was shown
    in that one, and `verified` is None unless the config has it judged again. `psk_identity` names the
    pre-shared key that was used, if it was given beforehand. `early_data` says what became of it, None if
    none was offered.

    `key_exchange`, `extended_master_secret` and `encrypt_then_mac` say something before TLS 1.3 only; `group`
    is None where no fresh keys were made, and names the size of a server's own field.
    `secure_renegotiation` is whether both sides know RFC 5746, None in TLS 1.3. `ocsp_response` is the one
    the server sent for its certificate (DER, unverified), if it was asked to.
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
    key_exchange: str | None = None
    extended_master_secret: bool = False
    encrypt_then_mac: bool = False
    psk_identity: bytes | None = None
    ocsp_response: bytes | None = None
    secure_renegotiation: bool | None = None
    resumed: bool = False
    early_data: Literal["accepted", "rejected"] | None = None


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """A secret that both sides were given beforehand, and the name it goes by (RFC 4279 §2, RFC 9257).

    `hash` is the one it is used with in TLS 1.3, "SHA256" or "SHA384": a key is for one (RFC 9846 §4.3.11).
    With `imported`, keys for each hash are derived from it, bound to `context` (RFC 9258); both sides must do
    so, and the key serves for nothing else, TLS 1.2 included.
    """

    identity: bytes
    key: bytes = field(repr=False)
    hash: Literal["SHA256", "SHA384"] = "SHA256"
    imported: bool = False
    context: bytes = b""

    def __post_init__(self) -> None:
        if not is_psk(self.key) or len(self.identity) > MAX_PSK:
            raise ConfigurationError(
                f"a pre-shared key has 1 to {MAX_PSK} bytes, and its identity {MAX_PSK} at most"
            )
        if self.hash not in ("SHA256", "SHA384"):
            raise ConfigurationError('the hash of a pre-shared key is "SHA256" or "SHA384"')


MAX_PSK: Final = 0xFFFF
"""Bytes of a pre-shared key, and of an identity, that fit behind a length of two bytes (RFC 4279 §2)."""


def is_psk(key: object) -> TypeGuard[bytes | bytearray]:
    """Whether this can be a pre-shared key. An empty one is what an unset variable looks like: nobody's."""
    return isinstance(key, (bytes, bytearray)) and 0 < len(key) <= MAX_PSK


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
    """The server gave a session with which a later connection can be resumed."""

    session: Session


@dataclass(frozen=True, slots=True)
class EarlyData:
    """Bytes a client sent before the handshake was done (0-RTT; RFC 9846 §2.3).

    They are authentic, and may be a replay: act on them only as if they came twice.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class EarlyDataAccepted:
    """The server took our early data, all of it so far and what is still sent until the handshake is over."""


@dataclass(frozen=True, slots=True)
class EarlyDataRejected:
    """The server did not take our early data, and will never see it.

    `resent` is whether it goes out again now as ordinary data: the config's wish, and only under the
    application protocol it was meant for.
    """

    data: bytes
    resent: bool


@dataclass(frozen=True, slots=True)
class PeerAuthenticated:
    """The client has answered a request for its certificate after the handshake (RFC 9846 §4.7.2).

    `negotiated` is what holds now; `client_authenticated` in it is False when the client declined.
    """

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class KeysUpdated:
    """The peer replaced the keys of what it sends by the next generation (RFC 9846 §4.7.3).

    If it asked us to do the same, we do with what is sent next; a tracer sees that as `KeysInstalled`.
    """

    direction: Literal["received"]


@dataclass(frozen=True, slots=True)
class Renegotiated:
    """A second handshake on the same connection is done, with the same peer (TLS 1.2 and before)."""

    negotiated: Negotiated


@dataclass(frozen=True, slots=True)
class RenegotiationRefused:
    """The peer asked for a second handshake on this connection and was told no (RFC 5246 §7.2.2)."""


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


@dataclass(frozen=True, slots=True, eq=False)
class DecryptionWanted(Question["bytes | None"]):
    """Decrypt an RSA key exchange's premaster secret with `credential`'s private key (RFC 5246 §7.4.7.1).

    Answer with what came out of RSAES-PKCS1-v1_5, whatever it is, or None where there was nothing. Do not let
    the client see a difference, not in time either: the handshake goes on and fails at Finished. An exception
    as the answer counts as None for the same reason.
    """

    ciphertext: bytes
    credential: Credential


@dataclass(frozen=True, slots=True, eq=False)
class PskIdentityWanted(Question["PreSharedKey | None"]):
    """As a client, choose the pre-shared key for this server; None gives up (RFC 4279 §2)."""

    hint: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class PskWanted(Question["bytes | PreSharedKey | None"]):
    """As a server, find the key that goes by this identity; None when there is none (RFC 4279 §2).

    Bytes are a key for SHA-256 in TLS 1.3; a `PreSharedKey` says more about itself.
    """

    identity: bytes


@dataclass(frozen=True, slots=True, eq=False)
class TicketWanted(Question["bytes | None"]):
    """As a server, seal this session state into a ticket, or keep it under a key and answer with the key.

    `lifetime` is in seconds. None gives no ticket. The state holds the session's secret.
    """

    state: bytes = field(repr=False)
    lifetime: int


@dataclass(frozen=True, slots=True, eq=False)
class SessionWanted(Question["bytes | None"]):
    """As a server, find the state that this ticket or session id stands for; None for an unknown one.

    `single_use` asks that nobody gets the same state again, if it is kept here (TLS 1.3).
    """

    identity: bytes
    single_use: bool


@dataclass(frozen=True, slots=True, eq=False)
class FreshnessWanted(Question[bool]):
    """As a server, note this key for `lifetime` seconds; True if it is certain to be new (RFC 9846 §8)."""

    key: bytes
    lifetime: float


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
    | EarlyData
    | EarlyDataAccepted
    | EarlyDataRejected
    | PeerAuthenticated
    | KeysUpdated
    | Renegotiated
    | RenegotiationRefused
    | PeerClosed
    | SignatureWanted
    | DecryptionWanted
    | CredentialWanted
    | VerificationWanted
    | PskIdentityWanted
    | PskWanted
    | TicketWanted
    | SessionWanted
    | FreshnessWanted
)
