"""The state diagrams of RFC 9846 Appendix A.1 and A.2, as data.

An edge is (state, what is received, state after). The edges of PSK and of 0-RTT are in the diagrams and not
in the code yet; they are listed apart, so that whoever adds them has to move them.

Two names differ from the figures. START after a HelloRetryRequest is WAIT_CH2 here, so that the two hellos
can be told apart. RECVD_CH, NEGOTIATED and WAIT_FLIGHT2 are states in which nothing is awaited: the code
passes them without a stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lucidtls.trace import MessageTraced, StateEntered, TraceRecord
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages13 import Certificate

Edge = tuple[str, str, str]

CLIENT_EDGES: Final[frozenset[Edge]] = frozenset(
    {
        ("WAIT_SH", "HelloRetryRequest", "WAIT_SH"),
        ("WAIT_SH", "ServerHello", "WAIT_EE"),
        ("WAIT_EE", "EncryptedExtensions", "WAIT_CERT_CR"),
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
        # ... and with it the Certificate.
        ("START", "ClientHello", "WAIT_CERT"),
        ("WAIT_CH2", "ClientHello", "WAIT_CERT"),
        ("WAIT_CERT", "Certificate(empty)", "WAIT_FINISHED"),
        ("WAIT_CERT", "Certificate", "WAIT_CV"),
        ("WAIT_CV", "CertificateVerify", "WAIT_FINISHED"),
        ("WAIT_FINISHED", "Finished", "CONNECTED"),
        ("CONNECTED", "KeyUpdate", "CONNECTED"),
    }
)

LATER: Final[dict[str, frozenset[Edge]]] = {
    "client": frozenset({("WAIT_EE", "EncryptedExtensions", "WAIT_FINISHED")}),
    "server": frozenset(
        {("START", "ClientHello", "WAIT_EOED"), ("WAIT_EOED", "EndOfEarlyData", "WAIT_FINISHED")}
    ),
}
"""In the figures, and not in the code: a PSK in place of certificates, early data."""

EDGES: Final[dict[str, frozenset[Edge]]] = {"client": CLIENT_EDGES, "server": SERVER_EDGES}


def received_name(entry: MessageTraced) -> str:
    """What the figures call a message that came."""
    message = entry.message
    if isinstance(message, ServerHello) and message.is_retry_request:
        return "HelloRetryRequest"
    if isinstance(message, Certificate) and not message.entries:
        return "Certificate(empty)"
    return entry.name


def path_of(entries: Iterable[TraceRecord]) -> list[Edge]:
    """Read the edges that one end took out of what its tracer recorded.

    A message that made the handshake fail has no edge, because no state follows it. After CONNECTED the
    state stays, and nothing says so: each message there is an edge of its own.
    """
    edges: list[Edge] = []
    state, pending = "", ""
    for entry in entries:
        if isinstance(entry, StateEntered):
            if state and pending:
                edges.append((state, pending, entry.name))
            state, pending = entry.name, ""
        elif isinstance(entry, MessageTraced) and entry.direction == "received":
            pending = received_name(entry)
            if state == "CONNECTED":
                edges.append((state, pending, state))
                pending = ""
    return edges


def check_path(role: str, entries: Iterable[TraceRecord]) -> None:
    """Check that an end took only edges of its diagram."""
    strange = [edge for edge in path_of(entries) if edge not in EDGES[role]]
    assert not strange, f"the {role} took edges that its diagram does not have: {strange}"
