"""Peers that break the abbreviated handshake before TLS 1.3 in its middle (RFC 5246 §7.3, RFC 5077 §3)."""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.errors import BadFinished, BadRecordMac, UnexpectedMessage
from lucidtls.events import HandshakeCompleted, Renegotiated, SessionTicketReceived
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import HANDSHAKE_TYPES, ContentType, HandshakeType
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import (
    Certificate,
    ClientKeyExchange,
    Finished,
    NewSessionTicket,
    ServerHelloDone,
)
from lucidtls.wire.versions import TLS10, TLS11, TLS12
from tests.conformance.diagram import Situation, older_edges, path_of
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE, client12
from tests.flows.hostile12 import HostileServer12, Peer12
from tests.flows.parties import credential
from tests.flows.resuming12 import SECRET, THEN, ResumingClient12, ResumingServer12

ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"
VERSIONS = [TLS12, TLS11, TLS10]


def wrong(peer: Peer12) -> Peer12:
    """Send a Finished with one wrong bit, under the right keys."""
    data = peer.finished().verify_data
    return peer.send(Finished(data[:-1] + bytes((data[-1] ^ 1,))))


# The honest handshake of these peers


@pytest.mark.parametrize("etm", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_resumes(version: int, etm: bool) -> None:
    """Keys come from the session's secret and both new randoms, encrypt-then-MAC from the new hellos."""
    peer = ResumingServer12(suite=CBC_SUITE, version=version, etm=etm).play("data")
    agreed = next(event for event in peer.events if isinstance(event, HandshakeCompleted)).negotiated
    assert agreed.resumed and agreed.encrypt_then_mac is etm and agreed.key_exchange == "ECDHE"
    assert agreed.peer_chain == credential().chain and agreed.psk_identity is None
    assert [type(message) for message in peer.said].count(Certificate) == 0


@pytest.mark.parametrize("etm", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("by_ticket", [False, True])
def test_a_server_resumes(by_ticket: bool, version: int, etm: bool) -> None:
    """The server returns the client's session id, whichever way the session was named (RFC 5077 §3.4)."""
    peer = ResumingClient12(suite=CBC_SUITE, version=version, by_ticket=by_ticket, etm=etm).play("data")
    assert peer.resumed and peer.state == "CONNECTED" and peer.etm is etm
    agreed = next(event for event in peer.events if isinstance(event, HandshakeCompleted)).negotiated
    assert agreed.resumed and agreed.encrypt_then_mac is etm


def test_a_resuming_server_does_not_say_which_name() -> None:
    """When it resumes, "the server MUST NOT include a server_name extension" (RFC 6066 §3)."""
    peer = ResumingClient12()
    peer.play("change_cipher_spec")
    assert peer.resumed and 0 not in peer.heard_message(ServerHello).extensions.raw


@pytest.mark.parametrize("ticket", [False, True])
@pytest.mark.parametrize("role", ["client", "server"])
def test_the_way_is_the_one_in_the_figure(role: str, ticket: bool) -> None:
    """Every edge of the abbreviated figure is taken, and no other."""
    peer: Peer12 = ResumingServer12(ticket=ticket) if role == "client" else ResumingClient12()
    peer.play("data")
    situation = Situation("ECDHE", ticket=ticket and role == "client", resumed=True)
    after = {edge for edge in older_edges(role, situation) if edge[0] == "CONNECTED"}
    assert set(path_of(peer.tape.entries)) == older_edges(role, situation) - after


# The wrong message in every state

STATES = [
    ("client", False, "change_cipher_spec"),
    ("client", False, "finished"),
    ("client", True, "new_session_ticket"),
    ("client", True, "change_cipher_spec"),
    ("client", True, "finished"),
    ("server", False, "change_cipher_spec"),
    ("server", False, "finished"),
]
EXPECTED = {
    "new_session_ticket": HandshakeType.NEW_SESSION_TICKET,
    "finished": HandshakeType.FINISHED,
    "change_cipher_spec": None,
}


def at(role: str, ticket: bool, step: str) -> Peer12:
    """A victim that waits for a step of the abbreviated handshake."""
    peer: Peer12 = ResumingServer12(ticket=ticket) if role == "client" else ResumingClient12()
    return peer.play(step)


@pytest.mark.parametrize(("role", "ticket", "step"), STATES)
def test_every_other_message_is_refused(role: str, ticket: bool, step: str) -> None:
    """A message in an unexpected order is a fatal error (RFC 5246 §7.4); a HelloRequest is passed over."""
    passed_over = {HandshakeType.HELLO_REQUEST} if role == "client" else set()
    for message_type in sorted({*range(26), *HANDSHAKE_TYPES, 255} - {EXPECTED[step]} - passed_over):
        peer = at(role, ticket, step)
        peer.deliver(peer.record(ContentType.HANDSHAKE, handshake_message(message_type, bytes(40))))
        assert isinstance(peer.error, UnexpectedMessage), message_type
        assert peer.alerts == ["unexpected_message"], message_type


@pytest.mark.parametrize(("role", "ticket", "step"), STATES)
def test_a_change_cipher_spec_is_taken_in_its_place_alone(role: str, ticket: bool, step: str) -> None:
    """It cannot come before the ticket that was announced, nor twice (CVE-2014-0224)."""
    peer = at(role, ticket, step)
    peer.deliver(peer.record(ContentType.CHANGE_CIPHER_SPEC, b"\1"))
    if step == "change_cipher_spec":
        assert peer.error is None and peer.state == "WAIT_FINISHED"
    else:
        assert isinstance(peer.error, UnexpectedMessage)


@pytest.mark.parametrize(("role", "ticket", "step"), STATES)
def test_data_waits_for_the_finished(role: str, ticket: bool, step: str) -> None:
    """Who has not shown that it has the secret is not listened to."""
    peer = at(role, ticket, step)
    peer.deliver(peer.record(ContentType.APPLICATION_DATA, b"data"))
    assert isinstance(peer.error, UnexpectedMessage)


# Finished


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_the_secret_is_found_out(version: int) -> None:
    """A wrong Finished ends the handshake before ours is sent, and the session with it (RFC 5077 §3.2)."""
    peer = ResumingServer12(suite=CBC_SUITE, version=version).play("finished")
    assert len(peer.store) == 1
    wrong(peer)
    assert isinstance(peer.error, BadFinished) and peer.alert == "decrypt_error"
    assert ContentType.CHANGE_CIPHER_SPEC not in [kind for kind, _ in peer.heard]
    assert len(peer.store) == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("by_ticket", [False, True])
def test_a_client_without_the_secret_is_found_out(by_ticket: bool, version: int) -> None:
    """A wrong Finished ends the connection; a session in the cache is gone (RFC 5246 §7.2.2)."""
    peer = ResumingClient12(suite=CBC_SUITE, version=version, by_ticket=by_ticket)
    wrong(peer.play("finished"))
    assert isinstance(peer.error, BadFinished) and peer.alert == "decrypt_error"
    assert len(peer.cache) == 0


def test_a_renewed_ticket_counts_after_the_finished() -> None:
    """The ticket is not valid until the server's Finished message has been verified (RFC 5077 §3.3)."""
    peer = ResumingServer12(ticket=True).play("finished")
    wrong(peer)
    assert isinstance(peer.error, BadFinished) and len(peer.store) == 0
    assert not [event for event in peer.events if isinstance(event, SessionTicketReceived)]


def test_a_renewed_ticket_replaces_the_session() -> None:
    """The new one is used from now on, with the old secret and the age of the first handshake."""
    peer = ResumingServer12(ticket=True, changes={"authenticated_at": THEN - 1000}).play("data")
    (given,) = [event.session for event in peer.events if isinstance(event, SessionTicketReceived)]
    assert given.ticket == b"a ticket" and given.secret == SECRET and given.session_id == b""
    assert given.authenticated_at == THEN - 1000 and len(peer.store) == 1


def test_an_empty_renewal_changes_nothing() -> None:
    """A server that announced a ticket and thought better of it sends an empty one (RFC 5077 §3.3)."""
    peer = ResumingServer12(ticket=True).play("new_session_ticket").skip()
    peer.send(NewSessionTicket(0, b"")).play("data")
    assert peer.state == "CONNECTED" and len(peer.store) == 1


# Full handshakes instead


def test_a_server_that_does_not_resume() -> None:
    """Another session id, or none, means a full handshake; the session stays."""
    for session_id in (b"", b"another id"):
        peer = ResumingServer12()
        peer.send(peer.server_hello(legacy_session_id_echo=session_id))
        assert peer.state == "WAIT_CERTIFICATE" and len(peer.store) == 1
        peer.send(ServerHelloDone())
        assert isinstance(peer.error, UnexpectedMessage)
        # What failed was another session.
        assert len(peer.store) == 1


@pytest.mark.parametrize(
    "state",
    [
        {"server_name": "other.example.org"},
        {"server_name": None},
        {"scope": "another"},
        {"version": TLS11},
        {"version": 0x0304},
        {"cipher_suite": 0xC02C},
        {"extended_master_secret": False},
        {"lifetime": 0},
        {"issued_at": THEN - 3600},
        {"issued_at": THEN + 60},
        {"authenticated_at": THEN - MAX_SESSION_AGE},
    ],
)
@pytest.mark.parametrize("by_ticket", [False, True])
def test_a_session_that_does_not_fit_is_no_session(by_ticket: bool, state: dict[str, Any]) -> None:
    """Name, scope, version, suite, extended main secret and age are compared (RFC 6066 §3, RFC 7627 §5.3)."""
    peer = ResumingClient12(by_ticket=by_ticket, state=state)
    peer.send(peer.client_hello())
    assert not peer.resumed and peer.error is None and peer.state == "WAIT_CLIENT_KEY_EXCHANGE"
    assert peer.heard_message(Certificate).certificate_list


def test_a_client_that_thinks_it_is_resuming() -> None:
    """After a full ServerHello the server waits for the client's key exchange."""
    peer = ResumingClient12(state={"scope": "another"})
    peer.send(peer.client_hello())
    peer.deliver(peer.clear(ContentType.CHANGE_CIPHER_SPEC, b"\1"))
    assert isinstance(peer.error, UnexpectedMessage)


def test_a_ticket_makes_the_session_id_mean_nothing() -> None:
    """With a ticket in the hello "the server MUST NOT attempt to use the Session ID" (RFC 5077 §3.4)."""
    peer = ResumingClient12(by_ticket=True)
    peer.own_ticket = peer.own_ticket[:-1] + b"?"
    peer.send(peer.client_hello())
    assert not peer.resumed and peer.heard_message(ServerHello).legacy_session_id_echo == b""


def test_a_client_key_exchange_makes_no_new_secret() -> None:
    """In a resumption the secret is the session's: a key exchange has no place in it."""
    peer = ResumingClient12().play("change_cipher_spec")
    peer.send(ClientKeyExchange(None, bytes(32), "ecdh"))
    assert isinstance(peer.error, UnexpectedMessage)


# Sessions that are not kept, and what a resumed connection can still do


@pytest.mark.parametrize(("suite", "ems"), [(ECDSA_SUITE, False), (ECDHE_PSK, True)])
def test_sessions_without_their_own_proof_are_not_stored(suite: str, ems: bool) -> None:
    """Without the extended main secret, or from a pre-shared key, a session is told of and not kept."""
    peer = ResumingServer12(client12(suite), suite=suite, ems=ems, ticket=True)
    full = HostileServer12(peer.config, suite=suite, ems=ems, ticket=True)
    full.play("data")
    assert full.state == "CONNECTED"
    assert [event for event in full.events if isinstance(event, SessionTicketReceived)]
    assert len(peer.store) == 1


def test_a_resumed_connection_renegotiates_in_full() -> None:
    """The server may ask a resumed connection for another handshake, and that is never a resumption."""
    peer = ResumingServer12(client12(renegotiation="accept")).play("data")
    peer.renegotiate()
    assert peer.client_hello.legacy_session_id == b"" and 35 not in peer.client_hello.extensions.raw
    peer.play("data")
    assert [event for event in peer.events if isinstance(event, Renegotiated)] and peer.state == "CONNECTED"
    assert len(peer.store) == 1
    peer.deliver(b"\x17\x03\x03\0\x20" + bytes(32))
    assert isinstance(peer.error, BadRecordMac) and len(peer.store) == 0
