"""Attacks on pre-shared keys, resumption and early data in TLS 1.3, in both roles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lucidtls.crypto.suites import TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256
from lucidtls.errors import (
    BadBinder,
    BadRecordMac,
    DecodeError,
    IllegalParameter,
    UnexpectedMessage,
    UnsupportedExtension,
    UnsupportedVersion,
)
from lucidtls.events import PreSharedKey
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import ch, ee, sh
from lucidtls.wire.messages13 import EndOfEarlyData, KeyUpdate
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import (
    SECP256R1,
    HostileClient,
    HostileServer,
    Peer,
    Sealer,
    extensions,
    plain,
    with_extension,
    without_extension,
)
from tests.flows.parties import client_config
from tests.flows.resuming import (
    EARLY,
    OTHER_EARLY,
    OTHER_KEY,
    OTHER_TICKET,
    ROOM,
    TICKET,
    ResumingClient,
    ResumingServer,
    resuming_config,
    with_psks,
)

DATA, HANDSHAKE = ContentType.APPLICATION_DATA, ContentType.HANDSHAKE
BINDERS = "RFC 9846 §4.3.11"


# The server: binders


def _binders(change: Callable[[bytes], bytes]) -> Peer:
    peer = ResumingClient()
    hello = peer.resuming_hello()
    offered = hello.extensions.get(ch.PRE_SHARED_KEY)
    assert offered is not None
    return peer.send_hello(with_psks(hello, offered._replace(binders=(change(offered.binders[0]),))))


_BINDERS: dict[str, Callable[[bytes], bytes]] = {
    "of_zeros": lambda right: bytes(len(right)),
    "with_a_flipped_bit": lambda right: right[:-1] + bytes((right[-1] ^ 1,)),
    "with_a_byte_more": lambda right: right + b"\0",
    "of_a_longer_hash": lambda right: right + bytes(16),
}
for _name, _change in _BINDERS.items():
    refused(f"server_gets_a_binder_{_name}", BadBinder, BINDERS, partial(_binders, _change))


@refusal(BadBinder, BINDERS)
def server_gets_a_binder_by_another_key() -> Peer:
    peer = ResumingClient()
    return peer.send_hello(peer.resuming_hello(keys=(OTHER_EARLY,)))


@refusal(BadBinder, BINDERS)
def server_gets_the_binders_of_two_identities_in_the_wrong_order() -> Peer:
    peer = ResumingClient()
    hello = peer.resuming_hello(identities=(TICKET, OTHER_TICKET), keys=(OTHER_EARLY, EARLY))
    return peer.send_hello(hello)


@refusal(BadBinder, BINDERS)
def hello_was_changed_after_its_binder_was_made() -> Peer:
    peer = ResumingClient()
    hello = peer.resuming_hello()
    hello.random = bytes(32)
    return peer.send_hello(hello)


@refusal(BadBinder, BINDERS)
def hello_had_early_data_added_after_its_binder_was_made() -> Peer:
    peer = ResumingClient()
    hello = peer.resuming_hello(early_data=False)
    psks = hello.extensions.raw[ch.PRE_SHARED_KEY.code]
    block = without_extension(hello.extensions, ch.PRE_SHARED_KEY.code)
    block = with_extension(block, ch.EARLY_DATA.code, b"")
    hello.extensions = with_extension(block, ch.PRE_SHARED_KEY.code, psks)
    return peer.send_hello(hello)


@refusal(IllegalParameter, BINDERS)
def hello_that_resumes_has_an_extension_after_its_psks() -> Peer:
    peer = ResumingClient()
    hello = peer.resuming_hello()
    hello.extensions = with_extension(hello.extensions, 0xFF77, b"")
    return peer.send_hello(hello)


# The server: early data


def _early(*parts: Any) -> Peer:
    return ResumingClient.at("WAIT_EOED").send(*parts)


def _rejected() -> ResumingClient:
    """The session is resumed; the early data is passed over, for the ticket seems too old."""
    peer = ResumingClient()
    peer.send_hello(peer.resuming_hello(age=3_000_000))
    assert peer.state == "WAIT_FINISHED", peer.state
    return peer


refused(
    "end_of_early_data_has_a_body",
    DecodeError,
    "RFC 9846 §6",
    partial(_early, handshake_message(5, b"x")),
)
refused("key_update_comes_in_early_data", UnexpectedMessage, "RFC 9846 §4", partial(_early, KeyUpdate(0)))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def end_of_early_data_comes_where_there_was_none() -> Peer:
    return HostileClient.at("WAIT_FINISHED").send(EndOfEarlyData())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def end_of_early_data_comes_after_it_was_rejected() -> Peer:
    return _rejected().send(EndOfEarlyData())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def end_of_early_data_comes_twice() -> Peer:
    return ResumingClient.at("WAIT_FINISHED").send(EndOfEarlyData())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def finished_comes_under_the_early_keys() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    return peer.send(peer.finished())


@refusal(BadRecordMac, "RFC 9846 §5.2")
def finished_comes_where_early_data_should_end() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    assert peer.handshake is not None
    peer.sealer = Sealer(peer.suite, peer.handshake.client)
    return peer.send(peer.finished())


@refusal(BadRecordMac, "RFC 9846 §5.2")
def early_data_goes_on_after_its_end() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    sealer = peer.sealer
    peer.end_early_data()
    peer.sealer = sealer
    return peer.send_data(b"more")


@refusal(UnexpectedMessage, "RFC 9846 §4.5.3")
def data_comes_between_early_data_and_finished() -> Peer:
    return ResumingClient.at("WAIT_FINISHED").send_data(b"more")


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def early_data_stands_inside_a_handshake_message() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    return peer.deliver(peer.sealed(HANDSHAKE, b"\5\0") + peer.sealed(DATA, b"data"))


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def finished_shares_a_record_with_the_end_of_early_data() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    return peer.send(EndOfEarlyData(), peer.finished())


@refusal(UnexpectedMessage, "RFC 9846 §4.7.1")
def more_early_data_comes_than_the_ticket_allows() -> Peer:
    peer = ResumingClient.at("WAIT_EOED").send_data(bytes(ROOM))
    assert peer.error is None
    return peer.send_data(b"x")


@refusal(UnexpectedMessage, "RFC 9846 §5.4")
def empty_records_come_in_place_of_early_data() -> Peer:
    peer = ResumingClient.at("WAIT_EOED")
    return peer.deliver(b"".join(peer.sealed(DATA, b"") for _ in range(40)))


@refusal(UnexpectedMessage, "RFC 9846 §5.2")
def alert_in_the_clear_comes_in_early_data() -> Peer:
    return ResumingClient.at("WAIT_EOED").deliver(plain(21, b"\2\x28"))


@refusal(UnexpectedMessage, "RFC 9846 §4.3.10")
def more_early_data_comes_after_a_rejected_offer_than_is_passed_over() -> Peer:
    peer = _rejected()
    for _ in range(20):
        if peer.error is None:
            peer.deliver(plain(DATA, bytes(16_000)))
    return peer


# The client: the PSK


def _selects(body: bytes, **choices: Any) -> Peer:
    peer = ResumingServer(**choices)
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, sh.PRE_SHARED_KEY.code, body)
    return peer.send_server_hello(hello)


refused("server_selects_a_second_psk_of_one", IllegalParameter, BINDERS, partial(_selects, b"\0\1"))
refused("server_selects_the_last_psk_there_can_be", IllegalParameter, BINDERS, partial(_selects, b"\xff\xff"))
refused(
    "server_selects_a_psk_with_a_suite_of_another_hash",
    IllegalParameter,
    BINDERS,
    partial(_selects, b"\0\0", suite=TLS_AES_256_GCM_SHA384),
)


@refusal(IllegalParameter, BINDERS)
def server_takes_the_psk_and_makes_no_fresh_keys() -> Peer:
    peer = ResumingServer()
    hello = peer.server_hello()
    hello.extensions = without_extension(hello.extensions, sh.KEY_SHARE.code)
    return peer.send_server_hello(hello)


@refusal(IllegalParameter, "RFC 9846 §4.3.9")
def server_makes_fresh_keys_where_the_psk_alone_was_offered() -> Peer:
    peer = ResumingServer(client_config(psk_modes=("psk_ke",)))
    return peer.send_server_hello()


@refusal(BadRecordMac, "RFC 9846 §5.2")
def server_selects_a_psk_it_does_not_have() -> Peer:
    peer = ResumingServer(knows=OTHER_EARLY)
    return peer.send_server_hello().send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def server_that_took_the_psk_shows_a_certificate() -> Peer:
    peer = ResumingServer.at("WAIT_FINISHED")
    return peer.send(peer.certificate(peer.identity))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def server_that_took_the_psk_asks_for_a_certificate() -> Peer:
    peer = ResumingServer.at("WAIT_FINISHED")
    return peer.send(peer.certificate_request())


@refusal(UnexpectedMessage, "RFC 9846 §4")
def server_that_took_no_psk_shows_no_certificate() -> Peer:
    peer = ResumingServer()
    _decline(peer)
    peer.send(peer.encrypted_extensions())
    return peer.send(peer.finished())


def _decline(peer: ResumingServer) -> None:
    """Send a ServerHello that selects no PSK."""
    peer.early = None
    peer.send_server_hello(HostileServer.server_hello(peer))


# The client: early data


@refusal(IllegalParameter, BINDERS)
def server_takes_early_data_without_the_psk() -> Peer:
    peer = ResumingServer()
    _decline(peer)
    return peer.send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


@refusal(IllegalParameter, BINDERS)
def server_takes_early_data_under_another_suite() -> Peer:
    peer = ResumingServer(suite=TLS_CHACHA20_POLY1305_SHA256)
    return peer.send_server_hello().send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


def _protocol(settled: str | None, chosen: bytes | None) -> Peer:
    config = client_config(early_data=True, alpn=("h2", "http/1.1"))
    peer = ResumingServer(config, changes={"alpn": settled})
    items: list[Any] = [(ee.EARLY_DATA, True)]
    if chosen is not None:
        items.append((ee.ALPN, (chosen,)))
    return peer.send_server_hello().send(peer.encrypted_extensions(*items))


for _name, _settled, _chosen in (
    ("another_protocol", "h2", b"http/1.1"),
    ("a_new_protocol", None, b"h2"),
    ("no_protocol", "h2", None),
):
    refused(
        f"server_takes_early_data_under_{_name}",
        IllegalParameter,
        BINDERS,
        partial(_protocol, _settled, _chosen),
    )


@refusal(UnsupportedVersion, "RFC 9846 §E.3")
def server_answers_early_data_with_tls_1_2() -> Peer:
    peer = ResumingServer()
    hello = HostileServer.server_hello(peer, extensions=extensions("ServerHello"), cipher_suite=0xC02B)
    return peer.send(hello)


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def server_takes_early_data_after_a_retry() -> Peer:
    peer = ResumingServer()
    peer.send_retry()
    peer.early_opener = None
    return peer.send_server_hello().send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def server_takes_early_data_that_was_not_offered_with_the_psk() -> Peer:
    peer = ResumingServer(client_config())
    return peer.send_server_hello().send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


@refusal(IllegalParameter, BINDERS)
def server_takes_early_data_with_the_second_psk() -> Peer:
    config = client_config(early_data=True, psk=PreSharedKey(b"given beforehand", OTHER_KEY))
    peer = ResumingServer(config, knows=OTHER_EARLY)
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, sh.PRE_SHARED_KEY.code, b"\0\1")
    return peer.send_server_hello(hello).send(peer.encrypted_extensions((ee.EARLY_DATA, True)))


@refusal(BadBinder, BINDERS)
def second_hello_keeps_the_binder_of_the_first() -> Peer:
    peer = ResumingClient(resuming_config(groups=("secp256r1",)))
    first = peer.resuming_hello(early_data=False)
    peer.send_hello(first)
    assert peer.state == "WAIT_CH2" and peer.hello is not None
    peer.share(SECP256R1)
    second = peer.resuming_hello(early_data=False)
    second.random, second.legacy_session_id = first.random, first.legacy_session_id
    offered = first.extensions.get(ch.PRE_SHARED_KEY)
    assert offered is not None
    return peer.send(with_psks(second, offered))
