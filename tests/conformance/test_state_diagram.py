"""The state diagrams of RFC 9846 Appendix A: every edge can be taken, and there are no others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from lucidtls.errors import UnexpectedMessage
from lucidtls.policies import MODERN_2026
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import HANDSHAKE_TYPES, HandshakeType
from lucidtls.wire.messages13 import KeyUpdate
from tests.conformance.attacks.after import ticket
from tests.conformance.diagram import EDGES, Edge, path_of
from tests.flows.hostile import HostileClient, HostileServer, Peer
from tests.flows.pair import Pair
from tests.flows.parties import client_config, client_credential, server_config
from tests.flows.resuming import ResumingClient, ResumingServer

COOKIE_KEY = b"k" * 32

TYPES = {
    "ClientHello": HandshakeType.CLIENT_HELLO,
    "ServerHello": HandshakeType.SERVER_HELLO,
    "HelloRetryRequest": HandshakeType.SERVER_HELLO,
    "NewSessionTicket": HandshakeType.NEW_SESSION_TICKET,
    "EncryptedExtensions": HandshakeType.ENCRYPTED_EXTENSIONS,
    "Certificate": HandshakeType.CERTIFICATE,
    "Certificate(empty)": HandshakeType.CERTIFICATE,
    "CertificateRequest": HandshakeType.CERTIFICATE_REQUEST,
    "CertificateVerify": HandshakeType.CERTIFICATE_VERIFY,
    "EndOfEarlyData": HandshakeType.END_OF_EARLY_DATA,
    "Finished": HandshakeType.FINISHED,
    "KeyUpdate": HandshakeType.KEY_UPDATE,
}

TRIED = sorted({*range(26), *HANDSHAKE_TYPES, 254, 255})
"""Message types: all that the registry has, those of earlier versions, and some that mean nothing."""

MODERN = client_config(policy=MODERN_2026)
"""A client of TLS 1.3 alone: one that offers TLS 1.2 as well cannot tell before the ServerHello."""

STATES: dict[tuple[str, str], Callable[[], Peer]] = {
    **{("client", state): partial(HostileServer.at, state, MODERN) for state in HostileServer.STATES},
    **{("server", state): partial(HostileClient.at, state) for state in HostileClient.STATES},
    ("server", "WAIT_EOED"): partial(ResumingClient.at, "WAIT_EOED"),
}


def flows() -> list[Pair]:
    """Connections that between them take every edge."""
    ask = {"client_authentication": "request"}
    with_credential = client_config(credentials=client_credential())
    pairs = [
        Pair(),
        Pair(client_config(shares=("secp256r1",)), server_config(groups=("x25519",))),
        Pair(server=server_config(cookie_key=COOKIE_KEY, hello_retry="always")),
        Pair(with_credential, server_config(**ask)),
        Pair(client_config(), server_config(**ask)),
        Pair(client_config(shares=("secp256r1",)), server_config(groups=("x25519",), **ask)),
    ]
    for pair in pairs:
        pair.run()
    pairs[0].client.connection.update_keys(request_peer=True)
    pairs[0].run()
    return pairs


def resumptions() -> list[Peer]:
    """Connections that go by a PSK, the last of them with early data; with what role their victim has."""
    refused = ResumingClient()
    refused.send_hello(refused.resuming_hello(early_data=False))
    return [
        ResumingServer.at("CONNECTED"),
        ResumingServer.at("CONNECTED", client_config()),
        refused.reach("CONNECTED"),
        ResumingClient.at("CONNECTED"),
    ]


def taken(role: str) -> set[Edge]:
    """The edges that a role takes in those connections."""
    return {edge for pair in flows() for edge in path_of(pair.log.of(role))}


@pytest.mark.parametrize("role", ["client", "server"])
def test_every_edge_of_the_diagram_is_taken(role: str) -> None:
    """A client and a server of RFC 9846 can go every way that Appendix A shows."""
    edges = taken(role)
    for peer in resumptions():
        if isinstance(peer, HostileServer) == (role == "client"):
            edges |= set(path_of(peer.tape.entries))
    if role == "client":
        peer = HostileServer.at("CONNECTED").send_post(ticket())
        edges |= set(path_of(peer.tape.entries))
    assert edges == EDGES[role]


RESUMED = {
    "client": ["ServerHello", "EncryptedExtensions", "Finished"],
    "server": ["ClientHello", "EndOfEarlyData", "Finished"],
}


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_session_is_resumed_without_certificates(role: str) -> None:
    """With a PSK nobody shows a certificate, and early data ends with its message (RFC 9846 §2.2, §2.3)."""
    peer = ResumingServer.at("CONNECTED") if role == "client" else ResumingClient.at("CONNECTED")
    path = path_of(peer.tape.entries)
    assert [message for _, message, _ in path] == RESUMED[role]
    assert set(path) <= EDGES[role] and path[-1][2] == "CONNECTED"


RESUMED_STATES: dict[tuple[str, str], Callable[[], Peer]] = {
    **{
        ("client", state): partial(ResumingServer.at, state, MODERN) for state in ("WAIT_EE", "WAIT_FINISHED")
    },
    **{("server", state): partial(ResumingClient.at, state) for state in ("WAIT_EOED", "WAIT_FINISHED")},
}


@pytest.mark.parametrize(("role", "state"), RESUMED_STATES, ids=lambda word: str(word))
def test_every_other_message_is_refused_in_a_resumption(role: str, state: str) -> None:
    """The states that a PSK leads to take one message each, and no other (RFC 9846 §4)."""
    own = {"WAIT_EE": 8, "WAIT_EOED": 5, "WAIT_FINISHED": 20}[state]
    for message_type in TRIED:
        if message_type == own:
            continue
        peer = RESUMED_STATES[role, state]()
        peer.deliver(peer.record(22, handshake_message(message_type, bytes(40))))
        assert isinstance(peer.error, UnexpectedMessage), (message_type, peer.error)
        assert peer.alerts == ["unexpected_message"] and peer.error.state == state


def allowed(role: str, state: str) -> set[int]:
    """The message types that may come in a state."""
    return {TYPES[message] for before, message, _ in EDGES[role] if before == state}


@pytest.mark.parametrize(("role", "state"), STATES, ids=[f"{role}-{state}" for role, state in STATES])
def test_every_other_message_is_refused(role: str, state: str) -> None:
    """A handshake message in an unexpected order gets unexpected_message (RFC 9846 §4)."""
    accepted: list[tuple[int, object]] = []
    for message_type in TRIED:
        if message_type in allowed(role, state):
            continue
        peer = STATES[role, state]()
        peer.deliver(peer.record(22, handshake_message(message_type, bytes(40))))
        error = peer.error
        if not isinstance(error, UnexpectedMessage) or peer.alerts != ["unexpected_message"]:
            accepted.append((message_type, error))
        elif error.state != state:
            accepted.append((message_type, error.state))
    assert accepted == []


@pytest.mark.parametrize(("role", "state"), STATES, ids=[f"{role}-{state}" for role, state in STATES])
def test_a_message_is_refused_as_soon_as_its_type_is_known(role: str, state: str) -> None:
    """A message that has no place is refused by its header: its body need not even come."""
    peer = STATES[role, state]()
    peer.deliver(peer.record(22, b"\x00\x00\xff\xff"))
    assert isinstance(peer.error, UnexpectedMessage)


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_allowed_messages_are_taken_in_their_states(role: str) -> None:
    """In each state exactly the messages that the diagram shows are even read."""
    for (_, state), reach in STATES.items():
        if _ != role:
            continue
        for message_type in allowed(role, state):
            peer = reach()
            peer.deliver(peer.record(22, bytes((message_type, 0, 0, 1))))
            awaited = not isinstance(peer.error, UnexpectedMessage)
            assert awaited, f"{state} does not wait for {HANDSHAKE_TYPES[message_type]}"


@pytest.mark.parametrize("state", [state for state in HostileServer.STATES if state != "CONNECTED"])
def test_a_client_refuses_key_updates_before_the_finished(state: str) -> None:
    """A KeyUpdate before the peer's Finished gets unexpected_message (RFC 9846 §4.7.3)."""
    peer = HostileServer.at(state)
    peer.send(KeyUpdate(0))
    assert peer.alert == "unexpected_message"


def test_a_client_that_was_not_asked_shows_no_certificate() -> None:
    """A client sends a Certificate if and only if the server has asked for one (RFC 9846 §4.5.1)."""
    pair = Pair(client_config(credentials=client_credential()))
    assert pair.run()[-1] == "client > Finished"


def test_a_server_that_did_not_ask_refuses_a_certificate() -> None:
    """A Certificate that nobody asked for is unexpected (RFC 9846 §4.5.1)."""
    peer = HostileClient.at("WAIT_FINISHED")
    peer.send(peer.certificate(peer.identity))
    assert isinstance(peer.error, UnexpectedMessage)


def test_a_client_that_shows_a_certificate_cannot_leave_out_its_proof() -> None:
    """CertificateVerify must come when the Certificate is not empty (RFC 9846 §4.5.2)."""
    peer = HostileClient.at("WAIT_CV")
    peer.send(peer.finished())
    assert isinstance(peer.error, UnexpectedMessage)


def test_a_server_cannot_leave_out_its_proof() -> None:
    """A server that authenticates with a certificate must send CertificateVerify (RFC 9846 §4.5.2)."""
    peer = HostileServer.at("WAIT_CV")
    peer.send(peer.finished())
    assert isinstance(peer.error, UnexpectedMessage)


def test_a_server_cannot_leave_out_its_certificate() -> None:
    """Without a PSK a server must show a certificate (RFC 9846 §4.5.1)."""
    peer = HostileServer.at("WAIT_CERT_CR")
    peer.send(peer.finished())
    assert isinstance(peer.error, UnexpectedMessage)
