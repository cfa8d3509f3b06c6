"""What a server refuses in a ClientHello that leads to TLS 1.2 or before, and around it."""

from __future__ import annotations

from functools import partial
from typing import Any

from lucidtls.errors import (
    DecodeError,
    IllegalParameter,
    InsufficientSecurity,
    NegotiationFailure,
    NoApplicationProtocol,
    UnexpectedMessage,
    UnrecognizedName,
    UnsupportedVersion,
)
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.versions import SSL30, TLS10, TLS11, TLS12
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, DHE_SUITE, ECDSA_SUITE, server12
from tests.flows.hostile import Peer, encoded, extensions, plain, with_extension, without_extension
from tests.flows.hostile12 import HostileClient12
from tests.flows.parties import credential, server_config

ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"
SCSV = 0x5600


def _hello(config: Any = None, *, suite: str = ECDSA_SUITE, version: int = TLS12, **changes: Any) -> Peer:
    peer = HostileClient12(config, suite=suite, version=version)
    return peer.send(peer.client_hello(**changes))


def _with(code: int, body: bytes, config: Any = None, suite: str = ECDSA_SUITE) -> Peer:
    peer = HostileClient12(config, suite=suite)
    hello = peer.client_hello()
    hello.extensions = with_extension(hello.extensions, code, body)
    return peer.send(hello)


def _without(code: int, config: Any = None) -> Peer:
    peer = HostileClient12(config)
    hello = peer.client_hello()
    hello.extensions = without_extension(hello.extensions, code)
    return peer.send(hello)


# Version

for _version in (SSL30, 0x0002, 0x0100, 0):
    refused(
        f"client_offers_version_{_version:04x}",
        UnsupportedVersion,
        "RFC 7568 §3",
        partial(_hello, server12(CBC_SUITE, versions=("TLS 1.0", "TLS 1.1", "TLS 1.2")), version=_version),
    )


@refusal(UnsupportedVersion, "RFC 7568 §3")
def client_offers_ssl_3_and_says_that_it_knows_tls_1_3() -> Peer:
    return _hello(server_config(), version=SSL30, extensions=extensions("ClientHello", (43, b"\x02\x03\x04")))


for _name, _config, _version in (
    ("tls_1_1_to_a_server_of_today", server_config(), TLS11),
    ("tls_1_0_to_a_server_of_today", server_config(), TLS10),
    ("tls_1_2_to_a_server_of_tls_1_3", server_config(versions=("TLS 1.3",)), TLS12),
    ("tls_1_0_to_a_server_from_tls_1_1_on", server12(CBC_SUITE, versions=("TLS 1.1", "TLS 1.2")), TLS10),
):
    refused(
        f"client_offers_{_name}",
        UnsupportedVersion,
        "RFC 9846 §4.3.1",
        partial(_hello, _config, version=_version),
    )
for _name, _versions in {
    "tls_1_1_alone": b"\x02\x03\x02",
    "ssl_3_0_alone": b"\x02\x03\x00",
    "grease_alone": b"\x02\x0a\x0a",
    "tls_1_4_alone": b"\x02\x03\x05",
}.items():
    refused(
        f"client_lists_{_name}",
        UnsupportedVersion,
        "RFC 9846 §4.3.1",
        partial(_with, 43, _versions, server_config()),
    )


def _fallback(config: Any, version: int, *listed: int) -> Peer:
    peer = HostileClient12(config, suite=CBC_SUITE, version=version)
    hello = peer.client_hello(cipher_suites=(peer.suite12.code, SCSV))
    if listed:
        body = b"".join(number.to_bytes(2) for number in listed)
        hello.extensions = with_extension(hello.extensions, 43, bytes((len(body),)) + body)
    return peer.send(hello)


_EVERYTHING = server12(CBC_SUITE, versions=("TLS 1.0", "TLS 1.1", "TLS 1.2"))
for _name, _config, _version, _listed in (
    ("tls_1_2_with_a_server_of_tls_1_3", server_config(), TLS12, ()),
    ("tls_1_1_with_a_server_of_tls_1_2", _EVERYTHING, TLS11, ()),
    ("tls_1_0_with_a_server_of_tls_1_2", _EVERYTHING, TLS10, ()),
    ("a_list_without_tls_1_3", server_config(), TLS12, (TLS12, TLS11)),
):
    refused(
        f"client_falls_back_to_{_name}",
        UnsupportedVersion,
        "RFC 7507 §3",
        partial(_fallback, _config, _version, *_listed),
        "inappropriate_fallback",
    )


@refusal(UnsupportedVersion, "RFC 9846 §4.3.1")
def client_falls_back_to_a_version_that_nobody_has() -> Peer:
    """protocol_version is right too where the version is not supported at all (RFC 7507 §3)."""
    return _fallback(server_config(), TLS11)


# Fixed fields

for _name, _methods in {"deflate_alone": b"\x01", "two_others": b"\x01\x40"}.items():
    refused(
        f"client_of_tls_1_2_offers_compression_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.1.2",
        partial(_hello, legacy_compression_methods=_methods),
    )
_CHANGES: dict[str, dict[str, Any]] = {
    "no_suites": {"cipher_suites": ()},
    "no_compression_methods": {"legacy_compression_methods": b""},
    "a_session_id_of_33_bytes": {"legacy_session_id": bytes(33)},
    "a_short_random": {"random": bytes(28)},
}
for _name, _changes in _CHANGES.items():
    refused(
        f"client_of_tls_1_2_sends_{_name}",
        DecodeError,
        "RFC 9846 §4.2.2",
        partial(_hello, **_changes),
    )


# Extensions

for _formats in (b"\x01\x01", b"\x02\x01\x02"):
    refused(
        f"client_reads_points_in_{len(_formats) - 1}_other_formats",
        IllegalParameter,
        "RFC 8422 §5.1.2",
        partial(_with, 11, _formats),
    )
for _length in (1, 12, 24, 255):
    refused(
        f"client_of_a_first_handshake_has_{_length}_bytes_of_renegotiation_info",
        NegotiationFailure,
        "RFC 5746 §3.6",
        partial(_with, 0xFF01, bytes((_length,)) + bytes(_length)),
    )


@refusal(NegotiationFailure, "RFC 5746 §3.6")
def client_renegotiates_a_connection_and_sends_the_scsv_as_well() -> Peer:
    peer = HostileClient12()
    hello = peer.client_hello(cipher_suites=(peer.suite12.code, 0x00FF))
    hello.extensions = with_extension(hello.extensions, 0xFF01, b"\x0c" + bytes(12))
    return peer.send(hello)


for _name, _code, _body, _clause in (
    ("renegotiation_info_of_nothing", 0xFF01, b"", "RFC 5746 §3.2"),
    ("renegotiation_info_cut", 0xFF01, b"\x0c" + bytes(11), "RFC 5746 §3.2"),
    ("extended_master_secret", 23, b"\0", "RFC 7627 §5.1"),
    ("encrypt_then_mac", 22, b"\0", "RFC 7366 §2"),
    ("supported_groups", 10, b"\0\0", "RFC 9846 §4.3.7"),
    ("signature_algorithms", 13, b"\0\0", "RFC 9846 §4.3.3"),
):
    refused(
        f"client_of_tls_1_2_sends_a_malformed_{_name}", DecodeError, _clause, partial(_with, _code, _body)
    )


@refusal(NegotiationFailure, "RFC 7627 §5.2")
def client_does_not_know_the_extended_main_secret() -> Peer:
    return _without(23, server_config(versions=("TLS 1.2",)))


# Nothing in common

for _name, _suites in {
    "export_suites": (0x0003, 0x0006, 0x0008, 0x0014),
    "anonymous_suites": (0x0034, 0x00A6, 0xC018),
    "suites_without_encryption": (0x0000, 0x0001, 0x0002, 0xC006),
    "rc4": (0x0004, 0x0005, 0xC007),
    "suites_for_another_key": (0xC02F, 0xC030, 0x009C),
    "signalling_suites": (0x00FF, 0x0A0A),
    "suites_of_tls_1_3": (0x1301, 0x1302),
}.items():
    refused(
        f"client_of_tls_1_2_offers_only_{_name}",
        NegotiationFailure,
        "RFC 5246 §7.4.1.3",
        partial(_hello, server_config(versions=("TLS 1.2",)), cipher_suites=_suites),
    )
for _name, _code, _body in (
    ("no_group_of_the_server", 10, b"\0\x04\0\x1e\0\x19"),
    ("no_curve_of_the_certificate", 10, b"\0\x02\0\x1d"),
    ("no_signature_of_the_server", 13, b"\0\x02\x08\x04"),
    ("signatures_with_md5_alone", 13, b"\0\x02\x01\x01"),
    ("signatures_with_sha1_alone", 13, b"\0\x04\x02\x01\x02\x03"),
):
    refused(
        f"client_of_tls_1_2_takes_{_name}",
        NegotiationFailure,
        "RFC 5246 §7.4.1.3",
        partial(_with, _code, _body, server_config(versions=("TLS 1.2",))),
    )


@refusal(NegotiationFailure, "RFC 5246 §7.4.1.3")
def client_does_not_know_encrypt_then_mac_that_is_required() -> Peer:
    return _hello(server12(CBC_SUITE, encrypt_then_mac="require"), suite=CBC_SUITE)


@refusal(NegotiationFailure, "RFC 5246 §7.4.1.3")
def client_that_must_show_a_certificate_offers_suites_without() -> Peer:
    config = server12(ECDHE_PSK, credentials=credential(), client_authentication="require")
    return _hello(config, suite=ECDHE_PSK)


@refusal(InsufficientSecurity, "RFC 7919 §4")
def client_offers_no_finite_field_of_the_server_and_nothing_else() -> Peer:
    return _with(10, b"\0\x04\x01\0\x01\x80", server12(DHE_SUITE, groups=("ffdhe3072",)), DHE_SUITE)


@refusal(NoApplicationProtocol, "RFC 7301 §3.2")
def client_of_tls_1_2_offers_no_protocol_of_the_server() -> Peer:
    return _with(16, b"\0\x05\x04imap", server12(alpn=("h2",)))


@refusal(UnrecognizedName, "RFC 6066 §3")
def client_of_tls_1_2_asks_for_a_name_that_is_not_served() -> Peer:
    return _with(0, b"\0\x0e\0\0\x0bother.local", server12(require_known_name=True))


# Around it


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def change_cipher_spec_comes_before_a_client_hello_of_tls_1_2() -> Peer:
    """A stateless server passes over the record until it knows the version."""
    config = server_config(cookie_key=bytes(32))
    peer = HostileClient12(config).deliver(plain(20, b"\x01"))
    return peer.send(peer.client_hello())


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def handshake_data_follows_a_client_hello_of_tls_1_2() -> Peer:
    peer = HostileClient12()
    return peer.deliver(plain(22, encoded(peer.client_hello()) + handshake_message(16, b"\x01a")))
