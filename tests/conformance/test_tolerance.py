"""What must not be refused: unknown values, GREASE, odd but legal records, any ticket (RFC 9846 §9.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lucidtls.events import SessionTicketReceived
from lucidtls.handshake.post import MAX_TICKETS
from lucidtls.handshake.schedule13 import ticket_psk
from lucidtls.record.reader import MAX_CHANGE_CIPHER_SPECS
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import is_grease
from lucidtls.wire.extensions import ch, ee
from tests.certificates import NOW
from tests.conformance.attacks.after import ticket
from tests.flows.hostile import (
    SECP256R1,
    X25519,
    HostileClient,
    HostileServer,
    Peer,
    plain,
    with_extension,
)
from tests.flows.parties import client_config, server_config

GREASE = [0x0A0A + 0x1010 * number for number in range(16)]
REACH: dict[str, Callable[[str], Peer]] = {"client": HostileServer.at, "server": HostileClient.at}


def test_the_sixteen_grease_values_are_known_as_such() -> None:
    """GREASE values are 0x0A0A, 0x1A1A and so on (RFC 8701 §2)."""
    assert all(is_grease(value) for value in GREASE)
    assert not any(is_grease(value) for value in (0x0A1A, 0x0A0B, 0x1301, 0x001D))


# A server and a hello full of things it does not know


def numbers(*values: int) -> bytes:
    """Two-byte numbers behind their length in two bytes."""
    return (2 * len(values)).to_bytes(2) + b"".join(value.to_bytes(2) for value in values)


@pytest.mark.parametrize("value", [*GREASE[:4], 0xFFFF])
def test_a_server_passes_over_unknown_values_everywhere(value: int) -> None:
    """A server MUST ignore all unrecognized parameters (RFC 9846 §9.3)."""
    peer = HostileClient(server_config(alpn=("h2",)))
    hello = peer.client_hello(cipher_suites=(value, 0x1301, value))
    shares = dict(peer.exchanges)
    own = X25519.to_bytes(2) + b"\0\x20" + shares[X25519].share
    entries = value.to_bytes(2) + b"\0\x01\0" + own
    changes = {
        10: numbers(value, X25519, SECP256R1),
        51: len(entries).to_bytes(2) + entries,
        43: b"\x06" + value.to_bytes(2) + b"\x03\x04\x03\x03",
        13: numbers(value, 0x0403),
        50: numbers(value, 0x0403),
        45: b"\x02\x0b\x01",
        16: b"\0\x06\x02\x0a\x0a\x02h2",
        0x5A5A if value != 0x5A5A else 0x6A6A: b"",
        0xFF99: b"anything at all",
    }
    for code, body in changes.items():
        hello.extensions = with_extension(hello.extensions, code, body)
    peer.send_hello(hello).reach("CONNECTED")
    assert peer.victim.negotiated is not None and peer.victim.negotiated.alpn == "h2"


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (17, b"\0\0"),  # status_request_v2: "MUST be able to process ClientHello messages that include it"
        (35, b""),  # session_ticket of TLS 1.2
        (11, b"\x01\0"),
        (23, b""),
        (22, b""),
        (0xFF01, b"\0"),
        (13172, b""),
        (5, b"\x01\0\0\0\0"),
        (5, b"\x02other type"),
        (18, b""),
        (21, bytes(100)),
        (27, b"\x02\0\x02"),
        (28, b"\x40\x01"),
        (49, b""),
        (58, b"\x02\x01"),
        (1, b"\x02"),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else value.hex()[:16],
)
def test_a_server_takes_hellos_with_extensions_it_does_not_answer(code: int, body: bytes) -> None:
    """Servers leave out what they do not support, and send no answer to it (RFC 9846 §4.3)."""
    peer = HostileClient()
    hello = peer.client_hello()
    hello.extensions = with_extension(hello.extensions, code, body)
    peer.send_hello(hello).reach("CONNECTED")
    (encrypted,) = [m for m in peer.messages if type(m).__name__ == "EncryptedExtensions"]
    assert code not in encrypted.extensions


def test_extensions_may_come_in_any_order() -> None:
    """When several extensions are present they MAY appear in any order (RFC 9846 §4.3)."""
    peer = HostileClient()
    hello = peer.client_hello()
    hello.extensions.raw = dict(reversed(hello.extensions.raw.items()))
    peer.send_hello(hello).reach("CONNECTED")


def test_a_share_may_be_reused_by_the_peer() -> None:
    """Receiving implementations MUST permit reuse of key shares by the peer (RFC 9846 §4.3.8)."""
    shares = set()
    for _ in range(2):
        peer = HostileClient()
        shares.add(peer.exchanges[X25519].share)
        peer.reach("CONNECTED")
    assert len(shares) == 1


@pytest.mark.parametrize("length", [0, 1, 31, 32])
def test_a_session_id_of_any_length_is_echoed(length: int) -> None:
    """legacy_session_id is echoed, whatever it is (RFC 9846 §4.2.3)."""
    peer = HostileClient()
    peer.send_hello(peer.client_hello(legacy_session_id=bytes(range(length))))
    assert peer.server_hello is not None
    assert peer.server_hello.legacy_session_id_echo == bytes(range(length))
    assert (20 in [kind for kind, _ in peer.heard]) is bool(length)
    peer.reach("CONNECTED")


def test_thousands_of_unknown_extensions_are_few_enough() -> None:
    """A hello may have many unknown extensions; the limit is far above what anybody sends."""
    peer = HostileClient()
    many = ((0x8000 + number, b"") for number in range(4000))
    peer.send_hello(peer.client_hello(*many)).reach("CONNECTED")


# A client and what a server may do


def test_a_client_takes_a_list_of_groups_and_does_not_act_on_it() -> None:
    """Servers may send supported_groups in EncryptedExtensions (RFC 9846 §4.3.7)."""
    peer = HostileServer.at("WAIT_EE")
    peer.send(peer.encrypted_extensions((ee.SUPPORTED_GROUPS, (0x0A0A, X25519))))
    peer.reach("CONNECTED")


def test_a_client_takes_an_acknowledgement_of_its_name() -> None:
    """A server that used the name answers with an empty server_name (RFC 6066 §3)."""
    peer = HostileServer.at("WAIT_EE")
    peer.send(peer.encrypted_extensions((ee.SERVER_NAME, True))).reach("CONNECTED")


def test_a_server_hello_may_have_its_extensions_in_any_order() -> None:
    """key_share may stand before supported_versions (RFC 9846 §4.3)."""
    peer = HostileServer()
    hello = peer.server_hello()
    hello.extensions.raw = dict(reversed(hello.extensions.raw.items()))
    peer.send_server_hello(hello).reach("CONNECTED")


# Records


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03FF])
@pytest.mark.parametrize("role", REACH)
def test_the_version_of_a_record_means_nothing(role: str, version: int) -> None:
    """legacy_record_version MUST be ignored for all purposes (RFC 9846 §5.1)."""
    if role == "server":
        client = HostileClient()
        client.hello = client.client_hello()
        raw = client.say(client.hello)
        client.deliver(raw[:1] + version.to_bytes(2) + raw[3:]).reach("CONNECTED")
    else:
        server = HostileServer()
        server.prepare_keys(server.server_hello())
        opening = server.opening
        server.deliver(opening[:1] + version.to_bytes(2) + opening[3:]).reach("CONNECTED")


@pytest.mark.parametrize("role", REACH)
def test_the_version_of_a_sealed_record_is_authenticated_and_otherwise_ignored(role: str) -> None:
    """The record's header is additional data; its version has no meaning (RFC 9846 §5.2)."""
    peer = REACH[role]("CONNECTED")
    assert peer.sealer is not None
    peer.deliver(peer.sealer.seal(b"x\x17", version=0x0301))
    assert peer.error is None


CCS = plain(20, b"\x01")


@pytest.mark.parametrize("state", HostileServer.STATES[:-1])
def test_a_client_drops_dummy_records_until_the_finished(state: str) -> None:
    """A change_cipher_spec of value 1 is dropped until the peer's Finished has come (RFC 9846 §5)."""
    peer = HostileServer.at(state).deliver(CCS * 3)
    assert peer.error is None and peer.state == state
    peer.reach("CONNECTED")


@pytest.mark.parametrize("state", HostileClient.STATES[1:-1])
def test_a_server_drops_dummy_records_until_the_finished(state: str) -> None:
    """A change_cipher_spec of value 1 is dropped until the peer's Finished has come (RFC 9846 §5)."""
    peer = HostileClient.at(state).deliver(CCS * 3)
    assert peer.error is None and peer.state == state
    peer.reach("CONNECTED")


def test_as_many_dummy_records_as_are_counted() -> None:
    """Dummy records are dropped up to a limit that no honest peer reaches."""
    peer = HostileServer().deliver(CCS * MAX_CHANGE_CIPHER_SPECS)
    assert peer.error is None
    peer.reach("CONNECTED")


@pytest.mark.parametrize("role", REACH)
def test_handshake_messages_may_be_padded_and_cut_anywhere(role: str) -> None:
    """Sealed handshake records carry padding and fragments like any other (RFC 9846 §5.4)."""
    peer = REACH[role]("WAIT_FINISHED")
    raw = handshake_message(20, getattr(peer, "finished")().verify_data)  # noqa: B009
    for byte in raw[:-1]:
        peer.deliver(peer.sealed(22, bytes((byte,)), padding=byte))
    assert peer.error is None and peer.state == "WAIT_FINISHED"
    peer.deliver(peer.sealed(22, raw[-1:], padding=3))
    assert peer.state == "CONNECTED"


@pytest.mark.parametrize("size", [2**14 - 16, 2**14 - 1, 2**14])
@pytest.mark.parametrize("role", REACH)
def test_the_largest_records_are_taken(role: str, size: int) -> None:
    """A TLSInnerPlaintext may have 2^14 bytes of content (RFC 9846 §5.4)."""
    peer = REACH[role]("CONNECTED")
    peer.deliver(peer.sealed(23, bytes(size)))
    assert peer.error is None


# Tickets (RFC 9846 §4.7.1)


def tickets(peer: Peer) -> list[SessionTicketReceived]:
    """The tickets a client has told about."""
    return [event for event in peer.events if isinstance(event, SessionTicketReceived)]


def test_a_ticket_brings_a_psk() -> None:
    """The PSK of a ticket comes from the resumption secret and the ticket's nonce (RFC 9846 §4.7.1)."""
    peer = HostileServer.at("CONNECTED", client_config(alpn=("h2",)))
    peer.send_post(ticket((42, b"\0\0\x40\0"), nonce=b"\x07"))
    (event,) = tickets(peer)
    got = event.session
    assert got.secret == ticket_psk(peer.suite.hash, peer.resumption_secret(), b"\x07")
    assert (got.ticket, got.lifetime, got.age_add) == (b"ticket", 3600, 7)
    assert got.max_early_data == 2**14
    assert (got.cipher_suite, got.server_name, got.alpn) == (peer.suite.name, "www.example.org", None)
    assert got.received_at == NOW.timestamp()


def test_each_nonce_makes_another_psk() -> None:
    """Because the nonces differ, so do the PSKs (RFC 9846 §4.7.1)."""
    peer = HostileServer.at("CONNECTED")
    raw = [ticket(nonce=bytes((number,))) for number in range(4)]
    peer.send_post(*raw)
    assert len({event.session.secret for event in tickets(peer)}) == 4


def test_a_ticket_with_unknown_extensions_is_taken() -> None:
    """Clients MUST ignore unrecognized extensions of a ticket (RFC 9846 §4.7.1)."""
    peer = HostileServer.at("CONNECTED").send_post(ticket((0x0A0A, b"?"), (0xFF77, b"")))
    assert len(tickets(peer)) == 1 and tickets(peer)[0].session.max_early_data == 0


def test_a_ticket_without_lifetime_is_dropped() -> None:
    """A lifetime of zero says that the ticket should be discarded at once (RFC 9846 §4.7.1)."""
    peer = HostileServer.at("CONNECTED").send_post(ticket(lifetime=0))
    assert tickets(peer) == [] and peer.error is None


@pytest.mark.parametrize("lifetime", [MAX_SESSION_AGE, MAX_SESSION_AGE + 1, 2**32 - 1])
def test_no_ticket_lives_longer_than_a_week(lifetime: int) -> None:
    """Clients MUST NOT use tickets for longer than 7 days (RFC 9846 §4.7.1)."""
    peer = HostileServer.at("CONNECTED").send_post(ticket(lifetime=lifetime))
    assert timedelta(seconds=tickets(peer)[0].session.lifetime) == timedelta(days=7)


def test_a_flood_of_tickets_is_passed_over() -> None:
    """Only so many tickets are kept; the connection goes on."""
    peer = HostileServer.at("CONNECTED")
    for number in range(MAX_TICKETS + 10):
        peer.send_post(ticket(nonce=number.to_bytes(2)))
    assert len(tickets(peer)) == MAX_TICKETS and peer.error is None
    peer.send_data(b"still here")
    assert peer.error is None


def test_a_ticket_may_come_before_data_in_pieces() -> None:
    """A ticket larger than a record is taken from several (RFC 9846 §5.1)."""
    peer = HostileServer.at("CONNECTED")
    raw = handshake_message(4, ticket((0xFF77, bytes(40_000))).body())
    for start in range(0, len(raw), 16_000):
        peer.deliver(peer.sealed(22, raw[start : start + 16_000]))
    assert len(tickets(peer)) == 1


def test_a_client_that_offers_early_data_does_not_exist_yet() -> None:
    """Our client offers neither early data nor PSKs, so nothing may answer them."""
    hello = HostileServer().client_hello
    assert ch.EARLY_DATA not in hello.extensions and ch.PRE_SHARED_KEY not in hello.extensions
