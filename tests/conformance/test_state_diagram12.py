"""The message flow of RFC 5246 §7.3, for every key exchange: all ways can be gone, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from lucidtls.errors import AlertReceived, BadRecordMac, DecodeError, PeerError, UnexpectedMessage
from lucidtls.events import ApplicationData, HandshakeCompleted, RenegotiationRefused
from lucidtls.handshake.driver import MAX_HELLO_REQUESTS
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import HANDSHAKE_TYPES, ContentType, HandshakeType
from tests.conformance.diagram import (
    EXCHANGES,
    Edge,
    Situation,
    all_older_edges,
    older_edges,
    path_of,
    situations,
)
from tests.flows.older import SUITES, Stage, ask_for_handshake, client12, pair_in, server12_config, talkative
from tests.flows.pair import Pair
from tests.flows.parties import client_config, server_config

TYPES = {
    "HelloRequest": HandshakeType.HELLO_REQUEST,
    "ClientHello": HandshakeType.CLIENT_HELLO,
    "ServerHello": HandshakeType.SERVER_HELLO,
    "NewSessionTicket": HandshakeType.NEW_SESSION_TICKET,
    "Certificate": HandshakeType.CERTIFICATE,
    "Certificate(empty)": HandshakeType.CERTIFICATE,
    "ServerKeyExchange": HandshakeType.SERVER_KEY_EXCHANGE,
    "CertificateRequest": HandshakeType.CERTIFICATE_REQUEST,
    "ServerHelloDone": HandshakeType.SERVER_HELLO_DONE,
    "CertificateVerify": HandshakeType.CERTIFICATE_VERIFY,
    "ClientKeyExchange": HandshakeType.CLIENT_KEY_EXCHANGE,
    "CertificateStatus": HandshakeType.CERTIFICATE_STATUS,
    "Finished": HandshakeType.FINISHED,
}

TRIED = sorted({*range(26), *HANDSHAKE_TYPES, 254, 255})
"""Message types: all that the registry has, TLS 1.3's among them, and some that mean nothing."""

ROLES = ("client", "server")
HELLO_REQUEST = handshake_message(HandshakeType.HELLO_REQUEST, b"")


def pairs(exchange: str) -> Iterator[Pair]:
    """Pairs in all situations of a key exchange, with and without what may be left out."""
    hints = (None, b"hint") if "PSK" in exchange else (None,)
    for situation in situations(exchange):
        for hint in hints:
            for silent in (False, True) if situation.status else (False,):
                yield pair_in(situation, hint=hint, silent=silent)


@cache
def taken(exchange: str) -> dict[str, frozenset[Edge]]:
    """The edges that each role takes, in handshakes and in renegotiations refused and accepted."""
    edges: dict[str, set[Edge]] = {role: set() for role in ROLES}
    done = list(pairs(exchange))
    for pair in done:
        pair.run()
    again = talkative(client12(exchange, renegotiation="accept"), server12_config(exchange))
    again.run()
    ask_for_handshake(again)
    again.run()
    client = stage("client", exchange, "CONNECTED").say(ContentType.HANDSHAKE, HELLO_REQUEST)
    server = stage("server", exchange, "CONNECTED")
    server.say(ContentType.HANDSHAKE, server.first_hello())
    for pair in [*done, again, client.pair, server.pair]:
        for end in (pair.client, pair.server):
            edges[end.name] |= set(path_of(pair.log.of(end.name))) if end.checked else set()
    return {role: frozenset(found) for role, found in edges.items()}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_every_edge_of_the_diagram_is_taken(role: str, exchange: str) -> None:
    """Every way through the figure of RFC 5246 §7.3 is gone with every key exchange."""
    assert taken(exchange)[role] == all_older_edges(role, exchange)


# Stages: a connection in each state


@cache
def states(role: str, exchange: str) -> dict[str, Situation]:
    """The states that a role can be in with a key exchange, each with a situation in which it is passed.

    The richest situations come first: they pass most states.
    """
    found: dict[str, Situation] = {}
    for situation in reversed(situations(exchange)):
        for before, _, after in sorted(older_edges(role, situation)):
            found.setdefault(before, situation)
            found.setdefault(after, situation)
    return found


def stage(role: str, exchange: str, state: str) -> Stage:
    """A victim in a state."""
    situation = states(role, exchange)[state]
    if role == "server":
        situation = replace(situation, status=False, ticket=False)
    # Where there may be a status or a hint, the states that wait for nothing else come only after it.
    return Stage(pair_in(situation, hint=b"hint" if "PSK" in exchange else None), role).until(state)


STAGES = [
    (role, exchange, state)
    for role in ROLES
    for exchange in EXCHANGES
    for state in sorted(states(role, exchange))
]
NAMES = [f"{role}-{exchange}-{state}" for role, exchange, state in STAGES]
every_stage = pytest.mark.parametrize(("role", "exchange", "state"), STAGES, ids=NAMES)


def allowed(role: str, exchange: str, state: str) -> set[int]:
    """The types of the messages that may come in a state."""
    edges = all_older_edges(role, exchange)
    return {TYPES[message] for before, message, _ in edges if before == state and message in TYPES}


@every_stage
def test_every_other_message_is_refused(role: str, exchange: str, state: str) -> None:
    """A message in an unexpected order is a fatal error, unexpected_message (RFC 5246 §7.4)."""
    accepted: list[tuple[int, object]] = []
    for message_type in TRIED:
        if message_type in allowed(role, exchange, state) or ignored(role, state, message_type):
            continue
        at = stage(role, exchange, state)
        at.say(ContentType.HANDSHAKE, handshake_message(message_type, bytes(40)))
        error = at.error
        if not isinstance(error, UnexpectedMessage) or at.alerts != ["unexpected_message"]:
            accepted.append((message_type, error))
        elif error.state != state:
            accepted.append((message_type, error.state))
    assert accepted == []


def ignored(role: str, state: str, message_type: int) -> bool:
    """Whether a message is passed over: a client that is negotiating already ignores HelloRequests."""
    return message_type == HandshakeType.HELLO_REQUEST and role == "client" and state != "CONNECTED"


@every_stage
def test_the_allowed_messages_are_taken_in_their_states(role: str, exchange: str, state: str) -> None:
    """Exactly the messages that the figure shows are even read: their headers wait for a body."""
    for message_type in allowed(role, exchange, state) - {HandshakeType.SERVER_HELLO_DONE, 0}:
        at = stage(role, exchange, state)
        at.say(ContentType.HANDSHAKE, bytes((message_type, 0, 0, 1)))
        assert at.error is None, f"{state} does not wait for {HANDSHAKE_TYPES[message_type]}"


@every_stage
def test_a_change_cipher_spec_is_taken_in_its_place_alone(role: str, exchange: str, state: str) -> None:
    """Keys change when the figure says so: taken early, they are made of nothing (CVE-2014-0224)."""
    at = stage(role, exchange, state).say(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    if state == "WAIT_CHANGE_CIPHER_SPEC":
        assert at.error is None and at.state == "WAIT_FINISHED"
    else:
        assert isinstance(at.error, UnexpectedMessage) and at.alerts == ["unexpected_message"]


@every_stage
def test_application_data_waits_for_the_end_of_the_handshake(role: str, exchange: str, state: str) -> None:
    """Application data before the Finished messages is refused in every state (RFC 5246 §7.4.9)."""
    at = stage(role, exchange, state).say(ContentType.APPLICATION_DATA, b"data")
    if state == "CONNECTED":
        assert at.victim.data == b"data"
    else:
        assert isinstance(at.error, UnexpectedMessage) and at.alerts == ["unexpected_message"]
        assert not [event for event in at.victim.events if isinstance(event, ApplicationData)]


@every_stage
def test_a_fatal_alert_ends_every_state(role: str, exchange: str, state: str) -> None:
    """A fatal alert ends the connection, and is not answered (RFC 5246 §7.2)."""
    at = stage(role, exchange, state).say(ContentType.ALERT, bytes((2, 40)))
    assert isinstance(at.error, AlertReceived) and at.error.alert.name == "handshake_failure"
    assert at.alerts == [] and at.victim.connection.closed


@every_stage
def test_other_records_have_no_place_in_any_state(role: str, exchange: str, state: str) -> None:
    """An unexpected record type gets unexpected_message (RFC 5246 §6); heartbeats are not negotiated."""
    at = stage(role, exchange, state)
    at.deliver(at.record(24, b"\1\0\0"))
    assert isinstance(at.error, UnexpectedMessage) and at.alerts == ["unexpected_message"]


@every_stage
def test_an_empty_handshake_record_is_refused_in_every_state(role: str, exchange: str, state: str) -> None:
    """Zero-length fragments of Handshake MUST NOT be sent (RFC 5246 §6.2.1)."""
    at = stage(role, exchange, state).say(ContentType.HANDSHAKE, b"")
    assert isinstance(at.error, UnexpectedMessage)


@every_stage
def test_the_end_of_the_transport_is_no_closing(role: str, exchange: str, state: str) -> None:
    """A transport that ends without close_notify is a truncation, in every state (RFC 5246 §7.2.1)."""
    at = stage(role, exchange, state)
    at.victim.connection.receive_data(b"")
    at.victim.step()
    assert type(at.error).__name__ == "TruncatedStream" and at.victim.connection.closed


# HelloRequest in a handshake

NEGOTIATING = [
    (exchange, state) for role, exchange, state in STAGES if role == "client" and state != "CONNECTED"
]


@pytest.mark.parametrize(("exchange", "state"), NEGOTIATING)
def test_a_client_ignores_hello_requests_while_it_negotiates(exchange: str, state: str) -> None:
    """A HelloRequest in the middle is ignored and in no transcript (RFC 5246 §7.4.1.1); a flood is not."""
    at = stage("client", exchange, state)
    for _ in range(MAX_HELLO_REQUESTS):
        at.deliver(at.record(ContentType.HANDSHAKE, HELLO_REQUEST))
    assert at.error is None and at.state == state
    if state != "WAIT_FINISHED":
        at.until("CONNECTED")
        return
    at.deliver(at.record(ContentType.HANDSHAKE, HELLO_REQUEST))
    assert isinstance(at.error, UnexpectedMessage)


def test_a_hello_request_with_content_is_refused() -> None:
    """HelloRequest is empty (RFC 5246 §7.4.1.1)."""
    at = stage("client", "ECDHE", "WAIT_CERTIFICATE")
    at.say(ContentType.HANDSHAKE, handshake_message(HandshakeType.HELLO_REQUEST, b"x"))
    assert isinstance(at.error, DecodeError)


@pytest.mark.parametrize("offered", [("TLS 1.3", "TLS 1.2"), ("TLS 1.2",)])
def test_a_client_ignores_hello_requests_before_the_server_hello_too(offered: tuple[str, ...]) -> None:
    """A client that offers TLS 1.2 is negotiating from its ClientHello on (RFC 5246 §7.4.1.1)."""
    at = Stage(Pair(client_config(versions=offered), server_config(versions=("TLS 1.2",))), "client")
    at.say(ContentType.HANDSHAKE, HELLO_REQUEST)
    assert at.error is None


def test_a_server_takes_no_hello_request() -> None:
    """HelloRequest is a server's message alone (RFC 5246 §7.4.1.1)."""
    for state in states("server", "ECDHE"):
        at = stage("server", "ECDHE", state).say(ContentType.HANDSHAKE, HELLO_REQUEST)
        assert isinstance(at.error, UnexpectedMessage)


# ChangeCipherSpec: injected, doubled, malformed, interleaved (RFC 5246 §7.1)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("body", [b"", b"\0", b"\2", b"\1\1"])
def test_a_change_cipher_spec_is_one_byte_with_the_value_1(role: str, body: bytes) -> None:
    """The message "consists of a single byte of value 1" (RFC 5246 §7.1)."""
    at = stage(role, "ECDHE", "WAIT_CHANGE_CIPHER_SPEC").say(ContentType.CHANGE_CIPHER_SPEC, body)
    assert isinstance(at.error, PeerError) and at.alerts != []
    assert at.state == "FAILED"


@pytest.mark.parametrize("role", ROLES)
def test_a_change_cipher_spec_cannot_come_twice(role: str) -> None:
    """The second would be a record under the new keys, and in the clear it does not open."""
    at = stage(role, "ECDHE", "WAIT_FINISHED").deliver(b"\x14\x03\x03\0\1\1")
    assert isinstance(at.error, BadRecordMac)
    at = stage(role, "ECDHE", "WAIT_FINISHED").say(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    assert isinstance(at.error, UnexpectedMessage)


@pytest.mark.parametrize("role", ROLES)
def test_a_change_cipher_spec_cannot_be_left_out(role: str) -> None:
    """A Finished in the clear finds nobody waiting for it (RFC 5246 §7.4.9)."""
    at = stage(role, "ECDHE", "WAIT_CHANGE_CIPHER_SPEC")
    at.say(ContentType.HANDSHAKE, handshake_message(HandshakeType.FINISHED, bytes(12)))
    assert isinstance(at.error, UnexpectedMessage)


@pytest.mark.parametrize(
    ("role", "state"), [("client", "WAIT_CERTIFICATE"), ("server", "WAIT_CLIENT_KEY_EXCHANGE")]
)
def test_a_change_cipher_spec_cannot_cut_a_message_in_two(role: str, state: str) -> None:
    """Record types do not interleave within a handshake message."""
    at = Stage(Pair(client12(), server12_config()), role).until(state)
    (message_type,) = allowed(role, "ECDHE", state)
    at.say(ContentType.HANDSHAKE, bytes((message_type, 0, 0)))
    at.say(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    assert isinstance(at.error, UnexpectedMessage)


@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_message_cannot_span_the_change_of_keys(role: str) -> None:
    """What begins in the clear does not end under the keys."""
    at = stage(role, "ECDHE", "WAIT_CHANGE_CIPHER_SPEC")
    at.say(ContentType.HANDSHAKE, bytes((HandshakeType.FINISHED, 0, 0)))
    at.say(ContentType.CHANGE_CIPHER_SPEC, b"\1")
    assert isinstance(at.error, UnexpectedMessage)


@pytest.mark.parametrize("offered", [("TLS 1.3", "TLS 1.2"), ("TLS 1.2",)])
def test_a_change_cipher_spec_before_the_server_hello_is_remembered(offered: tuple[str, ...]) -> None:
    """What TLS 1.3 passes over before the ServerHello is refused when that chooses TLS 1.2."""
    at = Stage(Pair(client_config(versions=offered), server_config(versions=("TLS 1.2",))), "client")
    at.deliver(b"\x14\x03\x03\0\1\1")
    if at.error is None:
        with pytest.raises(UnexpectedMessage):
            at.until("WAIT_CERTIFICATE")
    assert isinstance(at.error, UnexpectedMessage)


def test_a_change_cipher_spec_before_the_client_hello_is_remembered() -> None:
    """A stateless server of TLS 1.3 passes it over; it is refused when the hello leads to TLS 1.2."""
    at = Stage(Pair(client_config(versions=("TLS 1.2",)), server_config(cookie_key=bytes(32))), "server")
    at.deliver(b"\x14\x03\x03\0\1\1")
    with pytest.raises(UnexpectedMessage):
        at.until("WAIT_CLIENT_KEY_EXCHANGE")


# After the handshake


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_wish_for_another_handshake_is_refused_and_the_connection_goes_on(exchange: str) -> None:
    """Both sides say no_renegotiation, a warning, and go on (RFC 5246 §7.2.2)."""
    for role, message in (("client", HELLO_REQUEST), ("server", b"")):
        at = stage(role, exchange, "CONNECTED")
        at.say(ContentType.HANDSHAKE, message or at.first_hello())
        assert at.error is None and at.alerts == ["no_renegotiation"] and at.state == "CONNECTED"
        assert isinstance(at.victim.events[-1], RenegotiationRefused)
        at.say(ContentType.APPLICATION_DATA, b"still here")
        assert at.victim.data == b"still here"


def test_every_key_exchange_has_its_suite() -> None:
    """The figures are drawn for the nine key exchanges there are; each completes with its own messages."""
    assert set(SUITES) == set(EXCHANGES)
    for exchange in EXCHANGES:
        pair = pair_in(Situation(exchange))
        pair.run()
        assert pair.client.event(HandshakeCompleted).negotiated.key_exchange == exchange
