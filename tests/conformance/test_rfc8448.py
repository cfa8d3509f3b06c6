"""RFC 8448, byte for byte: our client against the recorded server, and our server against the client.

What is prepared and what is the engine's own work is said in `tests.conformance.traces`.
"""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.groups import GROUPS
from lucidtls.events import ApplicationData, HandshakeCompleted, PeerClosed, SessionTicketReceived
from lucidtls.handshake import server13
from lucidtls.trace import Recorder, SecretDerived
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import ch, cr
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages13 import Certificate, CertificateRequest, CertificateVerify
from tests.conformance.traces import (
    VALID,
    ScriptedRandom,
    Trace,
    TraceClient,
    TraceServer,
    TraceSigner,
    TraceVerifier,
    cookie_of,
    trace,
)

SIMPLE, RETRY, CLIENT_AUTHENTICATION, COMPATIBILITY = "3", "5", "6", "7"
TRACES = (SIMPLE, RETRY, CLIENT_AUTHENTICATION, COMPATIBILITY)

LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": "c hs traffic",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": "s hs traffic",
    "CLIENT_TRAFFIC_SECRET_0": "c ap traffic",
    "SERVER_TRAFFIC_SECRET_0": "s ap traffic",
    "EXPORTER_SECRET": "exp master",
}


def clock() -> Any:
    """The moment of the traces."""
    return VALID


def certificates(traced: Trace, who: str) -> list[bytes]:
    """The chain that a side shows."""
    message = decode(Certificate, traced.message(who, "Certificate")[4:])
    return [entry.data for entry in message.entries]


def credential(traced: Trace, who: str) -> tuple[Credential, TraceSigner]:
    """A side's chain, with its recorded signature in the place of a key."""
    verify = decode(CertificateVerify, traced.message(who, "CertificateVerify")[4:])
    signer = TraceSigner(verify.scheme, verify.signature)
    return Credential.load(certificates(traced, who), signer, schemes=[verify.scheme]), signer


def hellos(traced: Trace) -> list[bytes]:
    """The client's one or two hellos."""
    steps = [s for s in traced.steps if "ClientHello" in s]
    return [bytes.fromhex(step["ClientHello"]) for step in steps]


def server_hellos(traced: Trace) -> list[bytes]:
    """The server's HelloRetryRequest, if any, and its ServerHello."""
    return [bytes.fromhex(step["ServerHello"]) for step in traced.steps if "ServerHello" in step]


def secrets(recorder: Recorder) -> dict[str, bytes]:
    """What was derived, by our labels."""
    return {entry.label: entry.secret for entry in recorder.entries if isinstance(entry, SecretDerived)}


def expected_secrets(traced: Trace) -> dict[str, bytes]:
    """What the RFC derives, by our labels."""
    return {ours: traced.secret(theirs) for ours, theirs in LABELS.items()}


def trace_client(traced: Trace, recorder: Recorder) -> TraceClient:
    """Our client, set up as the one in the trace."""
    first, *second = [decode(ClientHello, raw[4:]) for raw in hellos(traced)]
    session = [first.legacy_session_id] if first.legacy_session_id else []
    keys = [traced.key_pair("client", number) for number in range(1 + len(second))]
    shares = first.extensions.get(ch.KEY_SHARE) or ()
    config = ClientConfig(
        verifier=TraceVerifier(certificates(traced, "server")),
        credentials=credential(traced, "client")[0] if traced.has("client", "CertificateVerify") else (),
        cipher_suites=first.cipher_suites,
        groups=first.extensions.get(ch.SUPPORTED_GROUPS),
        shares=tuple(share.group for share in shares),
        compatibility_mode=bool(session),
        clock=clock,
        random=ScriptedRandom(first.random, *session, *keys),
        tracer=recorder,
    )
    return TraceClient(config, "server", hellos(traced))


def trace_server(traced: Trace, recorder: Recorder) -> tuple[TraceServer, TraceSigner]:
    """Our server, set up as the one in the trace."""
    own, signer = credential(traced, "server")
    with_client = traced.has("client", "CertificateVerify")
    prepared = [*server_hellos(traced), traced.message("server", "EncryptedExtensions")]
    if with_client:
        prepared.append(traced.message("server", "CertificateRequest"))
    config = ServerConfig(
        credentials=own,
        groups=("secp256r1",) if traced.section == RETRY else ("x25519",),
        client_authentication="require" if with_client else "none",
        tickets=0,
        verifier=TraceVerifier(certificates(traced, "client")) if with_client else None,
        clock=clock,
        random=ScriptedRandom(traced.key_pair("server"), server_hellos(traced)[-1][6:38]),
        tracer=recorder,
    )
    return TraceServer(config, prepared), signer


def drain(connection: TraceClient | TraceServer) -> list[Any]:
    """All events there are."""
    return list(iter(connection.next_event, None))


def needs_groups(hello: bytes) -> None:
    """Skip where a group that the client lists is not available (finite fields need their library)."""
    for code in decode(ClientHello, hello[4:]).extensions.get(ch.SUPPORTED_GROUPS) or ():
        if not GROUPS[code].available():
            pytest.skip(f"{GROUPS[code].name} is not available here")


@pytest.mark.parametrize("section", TRACES)
def test_our_client_sends_what_the_traced_client_sent(section: str) -> None:
    """From the private keys in RFC 8448 a client comes to the same secrets and sends the same records."""
    traced, recorder = trace(section), Recorder(wants_secrets=True)
    needs_groups(hellos(traced)[0])
    conn = trace_client(traced, recorder)
    ours = traced.records("client", "handshake", "change_cipher_spec")
    theirs = traced.records("server", "handshake", "change_cipher_spec")
    assert conn.data_to_send() == ours.pop(0)
    if section == RETRY:
        conn.receive_data(theirs.pop(0))
        assert drain(conn) == []
        assert conn.data_to_send() == ours.pop(0)
    for record in theirs:
        conn.receive_data(record)
    events = drain(conn)
    assert conn.data_to_send() == b"".join(ours)
    assert secrets(recorder) == expected_secrets(traced)
    assert isinstance(events[0], HandshakeCompleted)
    negotiated = events[0].negotiated
    assert (negotiated.cipher_suite, negotiated.hello_retried) == ("TLS_AES_128_GCM_SHA256", section == RETRY)
    assert negotiated.client_authenticated is (section == CLIENT_AUTHENTICATION)
    if section == SIMPLE:
        check_ticket(traced, events[1])
        check_data(traced, conn, "client", "server")
    check_closing(traced, conn, "client", "server")


@pytest.mark.parametrize("section", TRACES)
def test_our_server_sends_what_the_traced_server_sent(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the private keys in RFC 8448 a server comes to the same secrets and sends the same records."""
    traced, recorder = trace(section), Recorder(wants_secrets=True)
    conn, signer = trace_server(traced, recorder)
    ours = traced.records("server", "handshake", "change_cipher_spec")
    theirs = traced.records("client", "handshake", "change_cipher_spec")
    ticket = ours.pop() if section == SIMPLE else None
    if section == RETRY:
        answer_with_traced_cookie(traced, monkeypatch)
        conn.receive_data(theirs.pop(0))
        assert drain(conn) == []
        assert conn.data_to_send() == ours.pop(0)
    conn.receive_data(theirs.pop(0))
    assert drain(conn) == []
    assert conn.data_to_send() == b"".join(ours)
    assert signer.content.startswith(b" " * 64 + b"TLS 1.3, server CertificateVerify\0")
    for record in theirs:
        conn.receive_data(record)
    (done,) = drain(conn)
    assert done.negotiated.client_authenticated is (section == CLIENT_AUTHENTICATION)
    assert secrets(recorder) == expected_secrets(traced)
    if ticket is not None:
        conn.send_message(traced.message("server", "NewSessionTicket"))
        assert conn.data_to_send() == ticket
        check_data(traced, conn, "server", "client")
    check_closing(traced, conn, "server", "client")


def answer_with_traced_cookie(traced: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the engine expect the cookie of the trace, which only the traced server could make."""
    send = server13.send_retry_request

    def send_traced(*arguments: Any) -> bytes:
        send(*arguments)
        return cookie_of(server_hellos(traced)[0])

    monkeypatch.setattr(server13, "send_retry_request", send_traced)


def check_ticket(traced: Trace, event: Any) -> None:
    """The client derives the ticket's PSK from the resumption secret."""
    assert isinstance(event, SessionTicketReceived)
    expected = traced.find("server", 'generate resumption secret "tls13 resumption"', "expanded")
    assert (event.session.secret, event.session.lifetime, event.session.max_early_data) == (
        expected,
        30,
        1024,
    )


def check_data(traced: Trace, conn: TraceClient | TraceServer, who: str, peer: str) -> None:
    """Fifty bytes go each way."""
    data = bytes(range(50))
    conn.send_data(data)
    assert conn.data_to_send() == traced.records(who, "application_data")[0]
    conn.receive_data(traced.records(peer, "application_data")[0])
    assert drain(conn) == [ApplicationData(data)]


def check_closing(traced: Trace, conn: TraceClient | TraceServer, who: str, peer: str) -> None:
    """Each side closes with close_notify."""
    conn.close()
    assert conn.data_to_send() == traced.records(who, "alert")[0]
    conn.receive_data(traced.records(peer, "alert")[0])
    assert drain(conn) == [PeerClosed()]
    assert conn.closed


def test_the_traced_request_names_signature_algorithms_only() -> None:
    """A CertificateRequest needs no more than signature_algorithms (RFC 9846 §4.4.2)."""
    raw = trace(CLIENT_AUTHENTICATION).message("server", "CertificateRequest")
    message = decode(CertificateRequest, raw[4:])
    assert message.extensions.codes == (cr.SIGNATURE_ALGORITHMS.code,)
