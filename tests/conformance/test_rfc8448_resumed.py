"""RFC 8448 §4, byte for byte: the session of §3 is resumed with early data, in both roles.

Client and server start from what §3 left them: the client from the ticket and its PSK, the server from a
state that it finds by the ticket. All later secrets, the binder, and every record are the engine's own.
"""

from __future__ import annotations

from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.hashes import SHA256
from lucidtls.events import ApplicationData, EarlyData, EarlyDataAccepted, HandshakeCompleted
from lucidtls.handshake.post import Connected13
from lucidtls.handshake.schedule13 import derive_secret, early_secret
from lucidtls.sessions.replay import MemoryReplayGuard
from lucidtls.sessions.session import Session
from lucidtls.sessions.state import SessionState
from lucidtls.trace import Recorder
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import OfferedPsks, ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages13 import NewSessionTicket
from lucidtls.wire.versions import TLS13
from tests.conformance.test_rfc8448 import (
    LABELS,
    certificates,
    check_closing,
    clock,
    credential,
    drain,
    needs_groups,
    secrets,
    server_hellos,
)
from tests.conformance.traces import (
    VALID,
    ScriptedRandom,
    Trace,
    TraceClient,
    TraceServer,
    TraceVerifier,
    trace,
)

FIRST, RESUMED = "3", "4"
EARLY = b"ABCDEF"
EARLY_LABELS = {"CLIENT_EARLY_TRAFFIC_SECRET": "c e traffic", "EARLY_EXPORTER_SECRET": "e exp master"}
SUITE = "TLS_AES_128_GCM_SHA256"


def psk_of_ticket() -> bytes:
    """The PSK that §3 ends with."""
    return trace(FIRST).find("server", 'generate resumption secret "tls13 resumption"', "expanded")


def given_ticket() -> NewSessionTicket:
    """The ticket that §3 ends with."""
    return decode(NewSessionTicket, trace(FIRST).message("server", "NewSessionTicket")[4:])


def sent_hello(traced: Trace) -> bytes:
    """The ClientHello as it was sent: the step that constructs it ends before the binders."""
    return traced.records("client", "handshake")[0][5:]


def offered(traced: Trace) -> OfferedPsks:
    """The PSKs in the traced hello."""
    psks: OfferedPsks | None = decode(ClientHello, sent_hello(traced)[4:]).extensions.get(ch.PRE_SHARED_KEY)
    assert psks is not None
    return psks


def issued_at(traced: Trace) -> float:
    """When the ticket came, if the clock says `VALID` and its age is the one in the hello."""
    age = (offered(traced).identities[0].obfuscated_ticket_age - given_ticket().age_add) % 2**32
    return VALID.timestamp() - (age + 0.5) / 1000


def resuming_client(traced: Trace, recorder: Recorder) -> TraceClient:
    """Our client with the session of §3."""
    hello, ticket = decode(ClientHello, sent_hello(traced)[4:]), given_ticket()
    chain = certificates(trace(FIRST), "server")
    config = ClientConfig(
        verifier=TraceVerifier(chain),
        cipher_suites=hello.cipher_suites,
        groups=hello.extensions.get(ch.SUPPORTED_GROUPS),
        shares=tuple(share.group for share in hello.extensions.get(ch.KEY_SHARE) or ()),
        compatibility_mode=False,
        early_data=True,
        clock=clock,
        random=ScriptedRandom(hello.random, traced.key_pair("client")),
        tracer=recorder,
    )
    session = Session(
        version="TLS 1.3",
        cipher_suite=SUITE,
        secret=psk_of_ticket(),
        ticket=ticket.ticket,
        lifetime=ticket.lifetime,
        received_at=issued_at(traced),
        authenticated_at=issued_at(traced),
        server_name="server",
        scope=config.session_scope,
        age_add=ticket.age_add,
        max_early_data=1024,
        peer_chain=tuple(chain),
    )
    return TraceClient(config, "server", [sent_hello(traced)], session)


class TracedTickets:
    """Opens the one ticket of the trace, and seals no others: the traced server gives none in §4."""

    def __init__(self, ticket: bytes) -> None:
        self.ticket = ticket
        self.state = b""

    def seal(self, state: bytes, now: float) -> bytes | None:
        """None: there is no second ticket in the trace."""
        return None

    def open(self, ticket: bytes, now: float) -> bytes | None:
        """The state, if this is the ticket."""
        return self.state if ticket == self.ticket else None


def resuming_server(traced: Trace, recorder: Recorder) -> TraceServer:
    """Our server with the session of §3."""
    own, _ = credential(trace(FIRST), "server")
    sealer = TracedTickets(given_ticket().ticket)
    config = ServerConfig(
        credentials=own,
        groups=("x25519",),
        tickets=1,
        ticket_keys=sealer,
        max_early_data=1024,
        replay_guard=MemoryReplayGuard(),
        clock=clock,
        random=ScriptedRandom(traced.key_pair("server"), server_hellos(traced)[0][6:38], bytes(4)),
        tracer=recorder,
    )
    sealer.state = SessionState(
        version=TLS13,
        cipher_suite=0x1301,
        secret=psk_of_ticket(),
        issued_at=issued_at(traced),
        authenticated_at=issued_at(traced),
        lifetime=given_ticket().lifetime,
        scope=config.session_scope,
        server_name="server",
        alpn=None,
        age_add=given_ticket().age_add,
        max_early_data=1024,
    ).body()
    return TraceServer(config, [server_hellos(traced)[0], traced.message("server", "EncryptedExtensions")])


def check_secrets(traced: Trace, recorder: Recorder) -> None:
    """Compare every secret that a key log can have, those of early data among them."""
    labels = LABELS | EARLY_LABELS
    assert secrets(recorder) == {ours: traced.secret(theirs) for ours, theirs in labels.items()}


def test_early_secret_and_binder_key_are_those_of_the_trace() -> None:
    """The PSK of §3 gives the early secret of §4, and that its binder key (RFC 9846 §7.1)."""
    traced = trace(RESUMED)
    secret = early_secret(SHA256, psk_of_ticket())
    assert traced.find("client", 'extract secret "early"', "IKM") == psk_of_ticket()
    assert secret == traced.find("client", 'extract secret "early"', "secret")
    binder_key = derive_secret(SHA256, secret, "res binder", SHA256.digest(b""))
    assert binder_key == traced.find("client", "calculate PSK binder", "PRK")
    assert offered(traced).binders == (traced.find("client", "calculate PSK binder", "finished"),)


def test_our_client_resumes_as_the_traced_client_did() -> None:
    """Binder, early data, EndOfEarlyData, Finished and data are the records of RFC 8448 §4."""
    traced, recorder = trace(RESUMED), Recorder(wants_secrets=True)
    needs_groups(sent_hello(traced))
    conn = resuming_client(traced, recorder)
    hello, *rest = traced.records("client", "handshake")
    early, _ = traced.records("client", "application_data")
    assert conn.data_to_send() == hello
    conn.send_early_data(EARLY)
    assert conn.data_to_send() == early
    for record in traced.records("server", "handshake"):
        conn.receive_data(record)
    accepted, done = drain(conn)
    assert accepted == EarlyDataAccepted()
    check_negotiated(done)
    assert conn.data_to_send() == b"".join(rest)
    check_secrets(traced, recorder)
    connected: Any = conn._connected()
    assert isinstance(connected, Connected13) and connected.resumption_secret == traced.secret("res master")
    data = bytes(range(50))
    conn.send_data(data)
    assert conn.data_to_send() == traced.records("client", "application_data")[1]
    conn.receive_data(traced.records("server", "application_data")[0])
    assert drain(conn) == [ApplicationData(data)]
    check_closing(traced, conn, "client", "server")


def test_our_server_resumes_as_the_traced_server_did() -> None:
    """Our server takes the traced binder and the early data, and answers with the records of RFC 8448 §4."""
    traced, recorder = trace(RESUMED), Recorder(wants_secrets=True)
    conn = resuming_server(traced, recorder)
    hello, *rest = traced.records("client", "handshake")
    early, data = traced.records("client", "application_data")
    conn.receive_data(hello)
    assert drain(conn) == []
    assert conn.data_to_send() == b"".join(traced.records("server", "handshake"))
    assert conn.state == "WAIT_EOED"
    conn.receive_data(early)
    assert drain(conn) == [EarlyData(EARLY)]
    for record in rest:
        conn.receive_data(record)
    (done,) = drain(conn)
    check_negotiated(done)
    check_secrets(traced, recorder)
    conn.receive_data(data)
    assert drain(conn) == [ApplicationData(bytes(range(50)))]
    conn.send_data(bytes(range(50)))
    assert conn.data_to_send() == traced.records("server", "application_data")[0]
    check_closing(traced, conn, "server", "client")


def check_negotiated(event: Any) -> None:
    """Both say that the session was resumed, and that early data was taken."""
    assert isinstance(event, HandshakeCompleted)
    agreed = event.negotiated
    assert (agreed.cipher_suite, agreed.resumed, agreed.early_data) == (SUITE, True, "accepted")
    assert agreed.signature_scheme is None and agreed.psk_identity is None
