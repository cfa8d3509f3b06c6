"""What must not be refused before TLS 1.3: odd but legal hellos, messages and records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucidtls.crypto.primes import modp_prime
from lucidtls.errors import AlertReceived, UnexpectedMessage
from lucidtls.events import ApplicationData, Renegotiated, SessionTicketReceived
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.client import accept_older_version
from lucidtls.handshake.driver import MAX_EMPTY_RECORDS
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import Extensions, ch, sh12
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import Certificate, DHParameters, NewSessionTicket
from lucidtls.wire.versions import TLS10, TLS11, TLS12
from tests.conformance.attacks.older_again import again
from tests.conformance.attacks.older_exchange import ODD
from tests.conformance.attacks.older_records import PROTECTIONS, connected
from tests.flows.choices12 import CBC_SUITE, DHE_SUITE, ECDSA_SUITE, RSA_SUITE, client12, server12
from tests.flows.hostile import HostileServer, encoded, extensions, plain, with_extension
from tests.flows.hostile12 import CCS, HostileClient12, HostileServer12, Peer12
from tests.flows.parties import client_config, client_credential, credential, server_config

HANDSHAKE, ALERT, DATA = ContentType.HANDSHAKE, ContentType.ALERT, ContentType.APPLICATION_DATA
EVERYTHING = ("TLS 1.0", "TLS 1.1", "TLS 1.2")

Change = Callable[[Any], None]


def works(peer: Peer12) -> None:
    """Finish the handshake and carry data."""
    peer.play("data").send_data(b"hello")
    assert peer.error is None and peer.state == "CONNECTED"
    assert [event.data for event in peer.events if isinstance(event, ApplicationData)] == [b"hello"]


# ClientHellos


def _set(name: str, value: Any) -> Change:
    return lambda hello: setattr(hello, name, value)


def _extend(code: int, body: bytes) -> Change:
    return lambda hello: setattr(hello, "extensions", with_extension(hello.extensions, code, body))


HELLOS: dict[str, Change] = {
    "a session id": _set("legacy_session_id", bytes(32)),
    "a short session id": _set("legacy_session_id", b"x"),
    "unknown suites": _set("cipher_suites", (0x0A0A, 0x1301, 0xC02B, 0xFFFF, 0x0000)),
    "the renegotiation SCSV": _set("cipher_suites", (0xC02B, 0x00FF)),
    "the fallback SCSV with the best version": _set("cipher_suites", (0xC02B, 0x5600)),
    "compression too": _set("legacy_compression_methods", b"\x01\x40\0"),
    "unknown groups": _extend(10, b"\0\x08\x0a\x0a\0\x01\0\x1d\0\x17"),
    "no groups of ours first": _extend(10, b"\0\x06\0\x19\0\x18\0\x17"),
    "unknown signature schemes": _extend(13, b"\0\x08\x0a\x0a\x01\x01\x02\x02\x04\x03"),
    "more point formats": _extend(11, b"\x03\0\x01\x02"),
    "point formats in another order": _extend(11, b"\x02\x01\0"),
    "an unknown extension": _extend(0xFF77, b"whatever"),
    "a grease extension": _extend(0x2A2A, b"\0"),
    "heartbeat": _extend(15, b"\x01"),
    "next protocol negotiation": _extend(13172, b""),
    "a ticket": _extend(35, b"a ticket of another server"),
    "an empty ticket": _extend(35, b""),
    "status_request": _extend(5, b"\x01\0\0\0\0"),
    "max_fragment_length": _extend(1, b"\x03"),
    "record_size_limit": _extend(28, b"\x20\0"),
    "padding": _extend(21, bytes(200)),
    "supported_versions with unknown ones": _extend(43, b"\x06\x0a\x0a\x03\x05\x03\x03"),
    "a key share nobody asked for": _extend(51, b"\0\0"),
    "an unknown server name": _extend(0, b"\0\x0e\0\0\x0bother.local"),
}


@pytest.mark.parametrize("what", HELLOS)
def test_a_server_takes_hellos_of_all_kinds(what: str) -> None:
    """Servers ignore what they do not know in a ClientHello (RFC 5246 §7.4.1.4, RFC 5746 §3.6)."""
    peer = HostileClient12(server12(ECDSA_SUITE, groups=("x25519", "secp256r1")))
    peer.at = 1
    hello = peer.client_hello()
    HELLOS[what](hello)
    peer.send(hello)
    works(peer)


@pytest.mark.parametrize("version", [0x0304, 0x0305, 0x03FF, 0x0400, 0xFEFF, 0xFFFF])
def test_a_server_takes_newer_versions_than_there_are(version: int) -> None:
    """A server that gets a version greater than its own answers with its own (RFC 5246 §E.1)."""
    peer = HostileClient12(server_config())
    peer.at = 1
    peer.send(peer.client_hello(legacy_version=version))
    works(peer)


@pytest.mark.parametrize("version", [TLS10, TLS11, TLS12])
@pytest.mark.parametrize("suite", [RSA_SUITE, CBC_SUITE, DHE_SUITE])
def test_a_server_takes_a_hello_without_extensions(suite: str, version: int) -> None:
    """Old clients send no extensions at all (RFC 5246 §7.4.1.2)."""
    config = server12(suite, versions=EVERYTHING, signature_schemes=("ecdsa_sha1", "rsa_pkcs1_sha1"))
    peer = HostileClient12(config, suite=suite, version=version)
    peer.at = 1
    peer.send(peer.client_hello(extensions=extensions("ClientHello")))
    works(peer)
    assert peer.victim.negotiated is not None and peer.victim.negotiated.group != "x25519"


def test_the_scsv_is_answered_like_the_extension() -> None:
    """A server answers TLS_EMPTY_RENEGOTIATION_INFO_SCSV with an empty renegotiation_info (RFC 5746 §3.6)."""
    peer = HostileClient12()
    hello = peer.client_hello(cipher_suites=(peer.suite12.code, 0x00FF))
    hello.extensions.raw.pop(0xFF01)
    peer.send(hello)
    answer = peer.said[0].extensions
    assert answer.get(sh12.RENEGOTIATION_INFO) == b""


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0304, 0x03FF])
def test_the_version_of_the_first_record_means_nothing(version: int) -> None:
    """A server accepts any {03,XX} as the version of the record with a ClientHello (RFC 5246 §E.1)."""
    peer = HostileClient12()
    peer.at = 1
    raw = peer.say(peer.client_hello())
    peer.deliver(raw[:1] + version.to_bytes(2) + raw[3:])
    works(peer)


# ServerHellos and what follows them


@pytest.mark.parametrize("length", [0, 1, 16, 32])
def test_a_client_takes_any_session_id_but_its_own(length: int) -> None:
    """A session id that we did not send names a new session (RFC 5246 §7.4.1.3)."""
    peer = HostileServer12()
    peer.at = 1
    peer.send(peer.server_hello(legacy_session_id_echo=bytes(length)))
    works(peer)


@pytest.mark.parametrize(
    "item",
    [(0, b""), (11, b"\x03\0\x01\x02"), (11, b"\x01\0"), (10, b"\0\x04\0\x17\0\x18"), (35, b"")],
    ids=["server_name", "formats", "format", "groups", "ticket"],
)
def test_a_client_takes_the_usual_answers(item: tuple[int, bytes]) -> None:
    """Servers acknowledge names, list point formats and groups, and promise tickets (RFC 6066, RFC 8422)."""
    peer = HostileServer12()
    peer.at = 1
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, *item)
    peer.ticket = item[0] == 35
    peer.send(hello)
    works(peer)


@pytest.mark.parametrize("version", [TLS10, TLS11, TLS12])
def test_a_client_that_may_takes_a_server_hello_without_extensions(version: int) -> None:
    """Old servers send no extensions at all (RFC 5246 §7.4.1.3)."""
    peer = HostileServer12(suite=CBC_SUITE, version=version, ems=False)
    peer.at = 1
    peer.send(peer.server_hello(extensions=extensions("ServerHello12")))
    works(peer)


def test_a_client_of_tls_1_2_is_not_told_of_tls_1_3() -> None:
    """The mark of a TLS 1.3 server matters to clients of TLS 1.3 alone (RFC 9846 §4.2.3)."""
    peer = HostileServer12()
    peer.at = 1
    peer.send(peer.server_hello(random=bytes(24) + b"DOWNGRD\x01"))
    works(peer)


def test_a_warning_may_come_before_the_server_hello() -> None:
    """A server may warn that it does not know the name, and go on (RFC 6066 §3)."""
    works(HostileServer12().deliver(plain(ALERT, b"\x01\x70")))


def test_a_status_that_was_promised_need_not_come() -> None:
    """A server that answers status_request MAY leave the CertificateStatus out (RFC 6066 §8)."""
    works(HostileServer12.before("certificate_status", status=True).skip())


@pytest.mark.parametrize("scheme", [0x0403, 0x0503, 0x0603])
def test_hash_and_curve_go_together_as_they_like(scheme: int) -> None:
    """In TLS 1.2 a scheme with ECDSA names the hash, not the curve (RFC 8422 §5.1.1, RFC 9846 §4.3.3)."""
    peer = HostileServer12.before("server_key_exchange", client12(groups=("x25519", "secp256r1")))
    peer.at += 1
    message = peer.server_key_exchange()
    content = peer.client_random + peer.server_random + message.signed_params()
    message.scheme, message.signature = scheme, credential().sign(scheme, content)
    peer.send(message)
    works(peer)


@pytest.mark.parametrize("prime", [modp_prime(2048), ODD], ids=["modp2048", "no safe prime"])
def test_a_field_of_the_servers_own_will_do(prime: int) -> None:
    """A client may take a field that is not of RFC 7919, if it is long enough (RFC 7919 §3.1)."""
    works(HostileServer12(client12(DHE_SUITE), suite=DHE_SUITE, parameters=(prime, 7)))


def test_numbers_of_a_field_may_begin_with_zeros_or_be_short() -> None:
    """dh_p, dh_g and dh_Ys are numbers: how many bytes they take means nothing (RFC 5246 §7.4.3)."""
    peer = HostileServer12.before("server_key_exchange", suite=DHE_SUITE)
    peer.at += 1
    share = peer.field_share(*peer.parameters)
    peer.send(peer.server_key_exchange(DHParameters(b"\0\0" + share.p, bytes(300) + share.g, share.public)))
    works(peer)


def test_a_clients_public_value_may_be_short() -> None:
    """dh_Yc has as many bytes as the number needs, or more (RFC 5246 §7.4.7.2)."""
    peer = HostileClient12.before("client_key_exchange", suite=DHE_SUITE)
    message = peer.client_key_exchange()
    assert message.exchange is not None
    message.exchange = bytes(3) + message.exchange
    peer.send_exchange(message).skip()
    works(peer)


@pytest.mark.parametrize(
    "change",
    [
        {"types": (1, 2, 3, 64, 99, 255)},
        {"types": (99,)},
        {"schemes": (0x0A0A, 0x0101, 0x0403)},
        {"schemes": (0x0A0A,)},
        {"authorities": (b"\x30\x00",) * 100},
    ],
    ids=str,
)
def test_a_client_takes_requests_of_all_kinds(change: dict[str, Any]) -> None:
    """A client answers what it knows of a CertificateRequest, or shows no certificate (RFC 5246 §7.4.6)."""
    config = client12(credentials=client_credential())
    peer = HostileServer12.before("certificate_request", config, request=True)
    peer.at += 1
    peer.send(peer.certificate_request(**change))
    works(peer)
    shown = bool(peer.heard_message(Certificate).certificate_list)
    assert shown is (change.get("types", (64,)) != (99,) and change.get("schemes", (0,)) != (0x0A0A,))


def test_a_server_that_only_asks_goes_on_without_a_certificate() -> None:
    """An empty Certificate is a refusal that the config may allow (RFC 5246 §7.4.6)."""
    peer = HostileClient12.before("certificate", server12(client_authentication="request"))
    peer.send(Certificate(())).skip()
    peer.asked = False
    peer.at -= 1
    works(peer)


@pytest.mark.parametrize("message", [NewSessionTicket(0, b"t"), NewSessionTicket(2**32 - 1, bytes(65_000))])
def test_tickets_of_all_kinds_are_taken(message: NewSessionTicket) -> None:
    """A lifetime hint of zero says nothing, and a large ticket is one too (RFC 5077 §3.3)."""
    peer = HostileServer12.before("new_session_ticket", ticket=True)
    peer.send(message).skip()
    works(peer)
    assert any(isinstance(event, SessionTicketReceived) for event in peer.events)


def test_an_empty_ticket_is_none() -> None:
    """A server that has changed its mind sends an empty ticket (RFC 5077 §3.3)."""
    peer = HostileServer12.before("new_session_ticket", ticket=True)
    peer.send(NewSessionTicket(3600, b"")).skip()
    works(peer)
    assert not any(isinstance(event, SessionTicketReceived) for event in peer.events)


# Records


def _pieces(peer: Peer12, size: int) -> None:
    """Send every message in records of `size` bytes of content."""
    while (step := peer.next_step) != "data":
        peer.at += 1
        if step == "change_cipher_spec":
            peer.change_cipher_spec()
            continue
        message = getattr(peer, step)()
        raw = encoded(message)
        peer.transcript.append(raw)
        if step == "client_key_exchange":
            peer.make_keys()
        make = peer.clear if peer.protector is None else peer.sealed
        for start in range(0, len(raw), size):
            peer.deliver(make(HANDSHAKE, raw[start : start + size]))


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("attacker", [HostileServer12, HostileClient12])
def test_messages_may_be_cut_anywhere(attacker: type[Any], size: int) -> None:
    """A handshake message may lie in any number of records (RFC 5246 §6.2.1)."""
    peer = attacker()
    _pieces(peer, size)
    works(peer)


def test_a_flight_may_lie_in_one_record() -> None:
    """Messages of one type may be coalesced into one record (RFC 5246 §6.2.1)."""
    peer = HostileServer12(request=True)
    flight = b""
    while peer.next_step != "change_cipher_spec":
        raw = encoded(getattr(peer, peer.next_step)())
        peer.transcript.append(raw)
        flight += raw
        peer.at += 1
    # The client's answer needs the whole flight in the transcript, and has it.
    works(peer.deliver(plain(HANDSHAKE, flight)))


@pytest.mark.parametrize("protection", PROTECTIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_empty_data_is_taken(role: str, protection: str) -> None:
    """Records without content are legal, and old peers send them before others (RFC 5246 §6.2.1)."""
    peer = connected(role, protection)
    for _ in range(4):
        for _ in range(MAX_EMPTY_RECORDS):
            peer.deliver(peer.sealed(DATA, b""))
        peer.send_data(b"x")
    assert peer.error is None


@pytest.mark.parametrize("protection", PROTECTIONS)
@pytest.mark.parametrize("role", ["client", "server"])
def test_the_largest_records_before_tls_1_3_are_taken(role: str, protection: str) -> None:
    """A fragment has up to 2^14 bytes of content (RFC 5246 §6.2.1)."""
    peer = connected(role, protection)
    for size in (2**14 - 1, 2**14):
        peer.deliver(peer.sealed(DATA, bytes(size)))
    assert peer.error is None


@pytest.mark.parametrize("protection", ["cbc_of_tls_1_2", "cbc_of_tls_1_1", "cbc_of_tls_1_0", "3des"])
@pytest.mark.parametrize("role", ["client", "server"])
def test_padding_of_every_length_is_taken(role: str, protection: str) -> None:
    """Padding may be any length up to 255 bytes that fills the last block (RFC 5246 §6.2.3.2)."""
    peer = connected(role, protection)
    own = peer.protector
    assert own is not None
    for extra in range(256 // own.block):
        whole = b"x" * extra + own.mac(DATA, b"x" * extra)
        padding = own.pad(len(whole), extra)
        if len(padding) <= 256:
            peer.deliver(own.record(DATA, own.encrypt(whole + padding)))
    assert peer.error is None


@pytest.mark.parametrize("role", ["client", "server"])
def test_explicit_nonces_are_the_senders_choice(role: str) -> None:
    """The nonce's explicit part need not be the sequence number (RFC 5288 §3)."""
    peer = connected(role)
    own = peer.protector
    assert own is not None
    for explicit in (bytes(8), b"\xff" * 8, b"whatever"):
        header = own.sequence.to_bytes(8) + bytes((DATA,)) + TLS12.to_bytes(2) + b"\0\x05"
        fragment = explicit + own.aead.encrypt(own.iv + explicit, b"hello", header)
        peer.deliver(own.record(DATA, fragment))
    assert peer.error is None


# Renegotiation, where it is allowed


def test_a_renegotiation_changes_keys_and_keeps_the_connection() -> None:
    """A client that accepts renegotiates as often as it is asked, within bounds (RFC 5746 §3.5)."""
    peer = again()
    for _ in range(3):
        peer.play("data").send_data(b"between")
        peer.renegotiate()
    peer.play("data").send_data(b"after")
    assert peer.error is None
    assert sum(isinstance(event, Renegotiated) for event in peer.events) == 4


def test_data_may_cross_with_the_clients_hello() -> None:
    """A server may have data under way when the ClientHello of a renegotiation comes (RFC 5246 §7.4.1.1)."""
    peer = again()
    peer.send_data(b"on its way")
    peer.play("data")
    assert peer.error is None and peer.state == "CONNECTED"


def test_encrypt_then_mac_may_be_gained() -> None:
    """A renegotiation may go over to encrypt-then-MAC (RFC 7366 §3.1)."""
    peer = again(CBC_SUITE)
    peer.etm = True
    peer.play("data").send_data(b"safer")
    assert peer.error is None


def test_a_no_renegotiation_from_the_server_is_nothing_to_a_client() -> None:
    """A warning that the peer will not renegotiate ends nothing (RFC 5246 §7.2.2)."""
    peer = again()
    peer.deliver(peer.sealed(ALERT, b"\x01\x64"))
    assert peer.error is None


def test_a_change_of_keys_may_arrive_with_the_finished() -> None:
    """ChangeCipherSpec and Finished may come in one piece from the transport (RFC 5246 §7.1)."""
    peer = HostileServer12.before("change_cipher_spec")
    first = peer.clear(ContentType.CHANGE_CIPHER_SPEC, CCS)
    peer.protector = peer.own_keys()
    raw = peer.say(peer.finished())
    peer.at += 2
    works(peer.deliver(first + raw))


def test_offered_groups_are_what_a_server_needs() -> None:
    """A client that names its groups need not offer P-256 (RFC 8422 §5.1.1)."""
    peer = HostileClient12(server12(credentials=credential("ed25519")))
    peer.at = 1
    hello = peer.client_hello()
    hello.extensions = with_extension(hello.extensions, ch.SUPPORTED_GROUPS.code, b"\0\x02\0\x1d")
    peer.send(hello)
    works(peer)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [(22, b"\0\0\0\0"), (21, b"\x01\x70")],
    ids=["a HelloRequest", "a warning about the name"],
)
def test_a_retry_request_ends_the_tolerance_for_older_versions(content_type: int, content: bytes) -> None:
    """A HelloRetryRequest has settled TLS 1.3, where nothing of this is passed over (RFC 9846 §4, §6)."""
    peer = HostileServer(client_config(groups=("x25519", "secp256r1"), shares=("x25519",))).send_retry()
    assert peer.victim.state == "WAIT_SH" and peer.error is None
    peer.victim.receive_data(bytes((content_type, 3, 3)) + len(content).to_bytes(2) + content)
    with pytest.raises((UnexpectedMessage, AlertReceived)):
        peer.victim.next_event()


def test_the_shares_of_a_tls_1_3_offer_are_dropped_when_tls_1_2_answers() -> None:
    """Key shares are secrets of one purpose: a client does not keep those that nobody answered."""
    config = client_config(groups=("x25519", "secp256r1"))
    hs = ClientHandshake(config, Channel(config), None)
    hs.prepare_hello(None)
    assert hs.shares
    answer = ServerHello(0x0303, bytes(32), b"", 0xC02B, 0, Extensions("ServerHello12"))
    assert accept_older_version(hs, answer) == 0x0303
    assert not hs.shares
