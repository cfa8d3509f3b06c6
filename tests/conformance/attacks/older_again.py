"""Renegotiation: what a client that allows it refuses all the same (RFC 5746 §3.5, RFC 7627 §1)."""

from __future__ import annotations

from functools import partial
from typing import Any

from lucidtls.crypto.suites12 import suite12_named
from lucidtls.errors import (
    BadFinished,
    BadRecordMac,
    CertificateRejected,
    IllegalParameter,
    NegotiationFailure,
    UnexpectedMessage,
    UnsupportedExtension,
    UnsupportedVersion,
)
from lucidtls.handshake.post12 import MAX_RENEGOTIATIONS
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import sh12
from lucidtls.wire.hello import HELLO_RETRY_REQUEST_RANDOM
from lucidtls.wire.messages12 import Finished
from lucidtls.wire.versions import TLS11, TLS12
from tests.conformance.attacks.older_exchange import another
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE, PSK, client12
from tests.flows.hostile import Peer, extensions, with_extension, without_extension
from tests.flows.hostile12 import HostileServer12

ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"


def again(
    suite: str = ECDSA_SUITE, version: int = TLS12, *, etm: bool = False, **config: Any
) -> HostileServer12:
    """A client that has been asked for another handshake, and has sent its ClientHello."""
    chosen = client12(suite, version, renegotiation="accept", **config)
    return HostileServer12.before("data", chosen, suite=suite, version=version, etm=etm).renegotiate()


def _info(value: bytes | None) -> Peer:
    peer = again()
    hello = peer.server_hello()
    if value is None:
        hello.extensions = without_extension(hello.extensions, 0xFF01)
    else:
        hello.extensions = with_extension(hello.extensions, 0xFF01, bytes((len(value),)) + value)
    return peer.send(hello)


def _info_of(order: str) -> Peer:
    verify = again().verify
    parts = {"c": verify.client, "s": verify.server, "x": bytes(12)}
    return _info(b"".join(parts[one] for one in order))


refused(
    "server_renegotiates_without_renegotiation_info",
    NegotiationFailure,
    "RFC 5746 §3.5",
    partial(_info, None),
)
for _name, _order in {
    "nothing": "",
    "the_client_half": "c",
    "the_server_half": "s",
    "the_halves_swapped": "sc",
    "a_wrong_client_half": "xs",
    "a_wrong_server_half": "cx",
    "three_halves": "css",
}.items():
    refused(
        f"server_renegotiates_with_{_name}_in_renegotiation_info",
        NegotiationFailure,
        "RFC 5746 §3.5",
        partial(_info_of, _order),
    )


@refusal(NegotiationFailure, "RFC 5746 §3.5")
def server_renegotiates_with_the_info_of_the_handshake_before_last() -> Peer:
    peer = again()
    first = peer.verify.client + peer.verify.server
    peer.play("data").renegotiate()
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, 0xFF01, b"\x18" + first)
    return peer.send(hello)


# Another version, another identity, less protection


@refusal(UnsupportedVersion, "RFC 5246 §7.4.1.3")
def server_renegotiates_another_version() -> Peer:
    peer = again(CBC_SUITE, versions=("TLS 1.1", "TLS 1.2"))
    return peer.send(peer.server_hello(legacy_version=TLS11))


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def server_renegotiates_tls_1_3() -> Peer:
    peer = again()
    return peer.send(peer.server_hello(extensions=extensions("ServerHello", (43, b"\x03\x04"))))


def _retry(*items: Any) -> Peer:
    peer = again()
    block = extensions("ServerHello12", *items)
    return peer.send(peer.server_hello(random=HELLO_RETRY_REQUEST_RANDOM, extensions=block))


refused("server_renegotiates_with_a_retry_request", UnsupportedVersion, "RFC 5246 §7.4.1.3", _retry)
refused(
    "server_renegotiates_with_a_retry_request_that_has_extensions",
    UnsupportedVersion,
    "RFC 5246 §7.4.1.3",
    partial(_retry, (sh12.RENEGOTIATION_INFO, b"")),
)


@refusal(CertificateRejected, "RFC 7627 §1", "illegal_parameter")
def server_changes_its_identity() -> Peer:
    peer = again()
    peer.identity = another()
    return peer.play("server_hello_done").send(b"\x0e\0\0\0")


def _without_certificate(suite: str, **config: Any) -> Peer:
    peer = again(cipher_suites=(ECDSA_SUITE, suite), **config)
    peer.suite12, peer.hint = suite12_named(suite), b""
    return peer.play("server_hello_done").send(b"\x0e\0\0\0")


refused(
    "server_changes_its_certificate_for_a_psk",
    CertificateRejected,
    "RFC 7627 §1",
    partial(_without_certificate, ECDHE_PSK, psk=PSK),
    "illegal_parameter",
)


@refusal(NegotiationFailure, "RFC 7627 §5.2")
def server_drops_the_extended_main_secret_when_it_renegotiates() -> Peer:
    peer = again()
    peer.ems = False
    return peer.send(peer.server_hello())


@refusal(NegotiationFailure, "RFC 7366 §3.1")
def server_drops_encrypt_then_mac_when_it_renegotiates() -> Peer:
    peer = again(CBC_SUITE, etm=True)
    peer.etm = False
    return peer.send(peer.server_hello())


@refusal(NegotiationFailure, "RFC 7366 §3.1")
def server_drops_encrypt_then_mac_by_way_of_an_aead() -> Peer:
    peer = again(CBC_SUITE, etm=True, cipher_suites=(CBC_SUITE, ECDSA_SUITE))
    peer.etm, peer.suite12 = False, suite12_named(ECDSA_SUITE)
    peer.play("data").renegotiate()
    peer.suite12 = suite12_named(CBC_SUITE)
    return peer.send(peer.server_hello())


@refusal(IllegalParameter, "RFC 7301 §3.2")
def server_changes_the_protocol_when_it_renegotiates() -> Peer:
    peer = again(alpn=("h2", "http/1.1"))
    return peer.send(peer.server_hello((sh12.ALPN, (b"h2",))))


# Order


def _message(kind: int) -> Peer:
    peer = again()
    return peer.deliver(peer.sealed(ContentType.HANDSHAKE, bytes((kind, 0, 0, 0))))


for _name, _kind in {
    "certificate": 11,
    "finished": 20,
    "client_hello": 1,
    "ticket": 4,
    "key_update": 24,
}.items():
    refused(
        f"server_renegotiates_and_begins_with_a_{_name}",
        UnexpectedMessage,
        "RFC 9846 §4",
        partial(_message, _kind),
    )


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def change_cipher_spec_comes_at_the_beginning_of_a_renegotiation() -> Peer:
    return again().change_cipher_spec()


def _data(step: str) -> Peer:
    return again().play(step).send_data(b"in the middle")


for _step in ("certificate", "server_hello_done", "change_cipher_spec", "finished"):
    refused(
        f"data_comes_before_the_{_step}_of_a_renegotiation",
        UnexpectedMessage,
        "RFC 5246 §7.4.9",
        partial(_data, _step),
    )


@refusal(BadFinished, "RFC 5246 §7.4.9")
def server_ends_a_renegotiation_with_its_first_finished() -> Peer:
    peer = again()
    first = peer.verify.server
    return peer.play("finished").send(Finished(first))


@refusal(BadRecordMac, "RFC 5246 §6.2.3.2")
def server_goes_on_in_the_clear_when_it_renegotiates() -> Peer:
    peer = again()
    return peer.deliver(peer.clear(ContentType.HANDSHAKE, b"\x02\0\0\0"))


@refusal(UnexpectedMessage, "RFC 5246 §7.2.2")
def server_renegotiates_without_end() -> Peer:
    peer = again()
    for _ in range(MAX_RENEGOTIATIONS):
        peer.play("data").renegotiate()
    return peer
