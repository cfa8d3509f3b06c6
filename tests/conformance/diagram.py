"""The state diagrams of all versions, as data, and the check that a connection kept to its own.

TLS 1.3 has its diagrams in RFC 9846 Appendix A.1 and A.2. An edge is (state, what is received, state after).

Two names differ from the figures. START after a HelloRetryRequest is WAIT_CH2 here, so that the two hellos
can be told apart. RECVD_CH, NEGOTIATED and WAIT_FLIGHT2 are states in which nothing is awaited: the code
passes them without a stop.

For TLS 1.2 and before RFC 5246 §7.3 has no diagram but a figure of the messages in their order, some of them
"optional or situation-dependent". `FROM_SERVER` and `FROM_CLIENT` are that figure with the messages that RFC
4279, RFC 5077 and RFC 6066 add; `older_edges` makes of it the diagram for one situation. A state is called
after the messages that may come in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from lucidtls.crypto.suites12 import SUITES_12
from lucidtls.trace import MessageTraced, RecordTraced, StateEntered, TraceRecord
from lucidtls.wire import messages12
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import sh12
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import Certificate

Edge = tuple[str, str, str]

CLIENT_EDGES: Final[frozenset[Edge]] = frozenset(
    {
        ("WAIT_SH", "HelloRetryRequest", "WAIT_SH"),
        ("WAIT_SH", "ServerHello", "WAIT_EE"),
        ("WAIT_EE", "EncryptedExtensions", "WAIT_CERT_CR"),
        # "Using PSK": who the server is has been shown before.
        ("WAIT_EE", "EncryptedExtensions", "WAIT_FINISHED"),
        ("WAIT_CERT_CR", "Certificate", "WAIT_CV"),
        ("WAIT_CERT_CR", "CertificateRequest", "WAIT_CERT"),
        ("WAIT_CERT", "Certificate", "WAIT_CV"),
        ("WAIT_CV", "CertificateVerify", "WAIT_FINISHED"),
        ("WAIT_FINISHED", "Finished", "CONNECTED"),
        # After the handshake (RFC 9846 §4.7); the figure ends at CONNECTED.
        ("CONNECTED", "NewSessionTicket", "CONNECTED"),
        ("CONNECTED", "KeyUpdate", "CONNECTED"),
    }
)

SERVER_EDGES: Final[frozenset[Edge]] = frozenset(
    {
        # "Send HelloRetryRequest" leads back to START, here WAIT_CH2.
        ("START", "ClientHello", "WAIT_CH2"),
        # NEGOTIATED and WAIT_FLIGHT2 are passed: without client authentication the Finished is next ...
        ("START", "ClientHello", "WAIT_FINISHED"),
        ("WAIT_CH2", "ClientHello", "WAIT_FINISHED"),
        # ... unless early data comes first: only a PSK allows it, and with a PSK nobody shows certificates.
        ("START", "ClientHello", "WAIT_EOED"),
        ("WAIT_EOED", "EndOfEarlyData", "WAIT_FINISHED"),
        # With client authentication the Certificate is next.
        ("START", "ClientHello", "WAIT_CERT"),
        ("WAIT_CH2", "ClientHello", "WAIT_CERT"),
        ("WAIT_CERT", "Certificate(empty)", "WAIT_FINISHED"),
        ("WAIT_CERT", "Certificate", "WAIT_CV"),
        ("WAIT_CV", "CertificateVerify", "WAIT_FINISHED"),
        ("WAIT_FINISHED", "Finished", "CONNECTED"),
        ("CONNECTED", "KeyUpdate", "CONNECTED"),
    }
)

EDGES: Final[dict[str, frozenset[Edge]]] = {"client": CLIENT_EDGES, "server": SERVER_EDGES}


# TLS 1.2 and before


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which messages take part: the key exchange and what the hellos promised.

    `requested`: the server has asked for a client certificate. `proven`: the client has shown one.
    `resumed`: a session goes on, and the figure is that of the abbreviated handshake.
    """

    exchange: str
    status: bool = False
    ticket: bool = False
    requested: bool = False
    proven: bool = False
    resumed: bool = False

    @property
    def certified(self) -> bool:
        """Whether the server shows a certificate (RFC 5246 §7.4.2, RFC 4279 §4)."""
        return self.exchange in ("RSA", "DHE", "ECDHE", "RSA_PSK")

    @property
    def shared(self) -> bool:
        """Whether the server sends a key share (RFC 5246 §7.4.3, RFC 8422 §5.4)."""
        return "DH" in self.exchange


Condition = Callable[[Situation], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the figure: when it takes part, and whether it may be left out all the same."""

    message: str
    takes_part: Condition = lambda situation: True
    optional: Condition = lambda situation: False


FROM_SERVER: Final = (
    Step("Certificate", lambda s: s.certified),
    # "Servers [...] MAY return [...] the CertificateStatus message [...] immediately after" (RFC 6066 §8).
    Step("CertificateStatus", lambda s: s.status and s.certified, lambda s: True),
    # With PSK and RSA_PSK it brings a hint alone, and is left out where there is none (RFC 4279 §2).
    Step("ServerKeyExchange", lambda s: s.shared or "PSK" in s.exchange, lambda s: not s.shared),
    # "A non-anonymous server can optionally request a certificate" (RFC 5246 §7.4.4).
    Step("CertificateRequest", lambda s: s.certified and s.exchange != "RSA_PSK", lambda s: True),
    Step("ServerHelloDone"),
    # "This message MUST be sent if the server included a SessionTicket extension" (RFC 5077 §3.3).
    Step("NewSessionTicket", lambda s: s.ticket),
    Step("ChangeCipherSpec"),
    Step("Finished"),
)
"""What a client receives after the ServerHello, in its order."""

FROM_CLIENT: Final = (
    Step("Certificate", lambda s: s.requested and s.proven),
    Step("Certificate(empty)", lambda s: s.requested and not s.proven),
    Step("ClientKeyExchange"),
    # "only sent following a client certificate that has signing capability" (RFC 5246 §7.4.8)
    Step("CertificateVerify", lambda s: s.requested and s.proven),
    Step("ChangeCipherSpec"),
    Step("Finished"),
)
"""What a server receives after the ClientHello, in its order."""

FROM_SERVER_RESUMING: Final = FROM_SERVER[-3:]
"""What a client receives after the ServerHello when a session goes on (RFC 5246 §7.3, RFC 5077 §3.1)."""

FROM_CLIENT_RESUMING: Final = FROM_CLIENT[-2:]
"""What a server receives after the ClientHello when a session goes on."""

FIGURES: Final[dict[tuple[str, bool], tuple[Step, ...]]] = {
    ("client", False): FROM_SERVER,
    ("client", True): FROM_SERVER_RESUMING,
    ("server", False): FROM_CLIENT,
    ("server", True): FROM_CLIENT_RESUMING,
}

EXCHANGES: Final = (
    "RSA", "DHE", "ECDHE", "PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK", "DH_anon", "ECDH_anon",
)  # fmt: skip

WORDS: Final = {
    "Certificate": "CERTIFICATE",
    "Certificate(empty)": "CERTIFICATE",
    "CertificateStatus": "CERTIFICATE_STATUS",
    "ServerKeyExchange": "SERVER_KEY_EXCHANGE",
    "CertificateRequest": "CERTIFICATE_REQUEST",
    "ServerHelloDone": "SERVER_HELLO_DONE",
    "NewSessionTicket": "NEW_SESSION_TICKET",
    "ChangeCipherSpec": "CHANGE_CIPHER_SPEC",
    "ClientKeyExchange": "CLIENT_KEY_EXCHANGE",
    "CertificateVerify": "CERTIFICATE_VERIFY",
    "Finished": "FINISHED",
}
"""The messages as they stand in the names of states."""


def _states(steps: tuple[Step, ...], situation: Situation) -> list[list[int]]:
    """For each step and for the end, the steps that may come next: optional ones do not have to."""
    following: list[list[int]] = []
    for start in range(len(steps) + 1):
        possible: list[int] = []
        for index in range(start, len(steps)):
            possible.append(index)
            if not steps[index].optional(situation):
                break
        following.append(possible)
    return following


@cache
def older_edges(role: str, situation: Situation) -> frozenset[Edge]:
    """The diagram of one role before TLS 1.3 in one situation."""
    figure = FIGURES[role, situation.resumed]
    steps = tuple(step for step in figure if step.takes_part(situation))
    following = _states(steps, situation)
    names = [
        "WAIT_" + "_OR_".join(WORDS[steps[index].message] for index in possible) if possible else "CONNECTED"
        for possible in following
    ]
    edges = {
        (names[place], steps[index].message, names[index + 1])
        for place, possible in enumerate(following)
        for index in possible
    }
    if role == "client":
        # A wish for another handshake is refused (RFC 5246 §7.4.1.1), or leads to one where the server has a
        # certificate to be known by.
        after = {("CONNECTED", "HelloRequest", "CONNECTED")}
        again = {("CONNECTED", "HelloRequest", "WAIT_SH")} if situation.certified else set()
        return frozenset({("WAIT_SH", "ServerHello", names[0]), *edges, *after, *again})
    refused = ("CONNECTED", "ClientHello", "CONNECTED")
    return frozenset({("START", "ClientHello", names[0]), *edges, refused})


def all_older_edges(role: str, exchange: str) -> frozenset[Edge]:
    """Every edge that a role can take with a key exchange before TLS 1.3, whatever the situation."""
    return frozenset(edge for situation in situations(exchange) for edge in older_edges(role, situation))


def situations(exchange: str) -> list[Situation]:
    """Every situation that a key exchange can be in."""
    certified, asks = Situation(exchange).certified, exchange in ("RSA", "DHE", "ECDHE")
    return [
        Situation(exchange, status, ticket, requested, proven)
        for status in (False, True)
        for ticket in (False, True)
        for requested in (False, True)
        for proven in (False, True)
        if (certified or not status) and (asks or not requested) and (requested or not proven)
    ]


# What a connection did


def received_name(entry: MessageTraced) -> str:
    """What the figures call a message that came."""
    message = entry.message
    if isinstance(message, ServerHello) and message.is_retry_request:
        return "HelloRetryRequest"
    if isinstance(message, Certificate) and not message.entries:
        return "Certificate(empty)"
    if isinstance(message, messages12.Certificate) and not message.certificate_list:
        return "Certificate(empty)"
    return entry.name


def situation_after(
    entry: MessageTraced, situation: Situation | None, session_id: bytes = b""
) -> Situation | None:
    """What a message says about the situation; None means TLS 1.3, or that no version is chosen yet.

    `session_id` is that of the ClientHello: a server that returns it resumes the session.
    """
    message = entry.message
    if isinstance(message, ServerHello):
        extensions = message.extensions
        if extensions.message != "ServerHello12" or message.cipher_suite not in SUITES_12:
            return None
        exchange = SUITES_12[message.cipher_suite].key_exchange
        return Situation(
            exchange,
            sh12.STATUS_REQUEST in extensions,
            sh12.SESSION_TICKET in extensions,
            resumed=session_id != b"" and message.legacy_session_id_echo == session_id,
        )
    if situation is None or entry.name not in ("Certificate", "CertificateRequest"):
        return situation
    if entry.name == "CertificateRequest" and entry.direction == "sent":
        return replace(situation, requested=True)
    if situation.requested and entry.direction == "received":
        return replace(situation, proven=received_name(entry) == "Certificate")
    return situation


class Path:
    """Reads the edges that one end took out of what its tracer recorded.

    A message that made the handshake fail has no edge, because no state follows it. After CONNECTED the
    state stays, and nothing says so: each message there is an edge of its own.
    """

    def __init__(self) -> None:
        self.edges: list[tuple[Situation | None, Edge]] = []
        self._state = self._pending = ""
        self._situation: Situation | None = None
        self._session_id = b""

    def follow(self, entries: Iterable[TraceRecord]) -> Path:
        """Read entries; returns itself."""
        for entry in entries:
            match entry:
                case StateEntered(name=name):
                    self._take(name)
                    self._state = name
                case MessageTraced(direction=direction):
                    if direction == "received":
                        self._receive(received_name(entry))
                    if isinstance(entry.message, ClientHello):
                        self._session_id = entry.message.legacy_session_id
                    self._situation = situation_after(entry, self._situation, self._session_id)
                case RecordTraced(direction="received", content_type=ContentType.CHANGE_CIPHER_SPEC):
                    # Only before TLS 1.3 is it a record that counts.
                    self._receive("ChangeCipherSpec")
                case _:
                    pass
        if self._state == "CONNECTED":
            self._take("CONNECTED")
        return self

    def _receive(self, name: str) -> None:
        if self._state == "CONNECTED":
            self._take("CONNECTED")
        self._pending = name

    def _take(self, after: str) -> None:
        if self._state and self._pending:
            self.edges.append((self._situation, (self._state, self._pending, after)))
        self._pending = ""


def path_of(entries: Iterable[TraceRecord]) -> list[Edge]:
    """The edges that one end took."""
    return [edge for _, edge in Path().follow(entries).edges]


def check_path(role: str, entries: Iterable[TraceRecord]) -> None:
    """Check that an end took only edges of the diagram of its version and situation."""
    strange = [
        (situation, edge)
        for situation, edge in Path().follow(entries).edges
        if edge not in (EDGES[role] if situation is None else older_edges(role, situation))
    ]
    assert not strange, f"the {role} took edges that its diagram does not have: {strange}"
