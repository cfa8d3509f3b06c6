"""What a client refuses in a ServerHello of TLS 1.2 and before (RFC 5246 §7.4.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lucidtls.errors import (
    DecodeError,
    DowngradeDetected,
    IllegalParameter,
    MissingExtension,
    NegotiationFailure,
    UnexpectedMessage,
    UnsupportedExtension,
    UnsupportedVersion,
)
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import sh12
from lucidtls.wire.hello import HELLO_RETRY_REQUEST_RANDOM
from lucidtls.wire.versions import SSL30, TLS10, TLS11, TLS12, TLS13
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE, client12
from tests.flows.hostile import Peer, extensions, plain, with_extension
from tests.flows.hostile12 import HostileServer12
from tests.flows.parties import client_config

NAMES = {TLS10: "TLS 1.0", TLS11: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}
ALL = tuple(NAMES)


def _offering(*versions: int) -> Any:
    """A client that offers these versions, and suites for all of them."""
    names = tuple(NAMES[version] for version in versions)
    suites = ("TLS_AES_128_GCM_SHA256",) if TLS13 in versions else ()
    return client12(CBC_SUITE, versions=names, cipher_suites=(*suites, CBC_SUITE))


def _hello(config: Any = None, *, version: int = TLS12, **changes: Any) -> Peer:
    peer = HostileServer12(config, suite=CBC_SUITE, version=version)
    return peer.send(peer.server_hello(**changes))


# Version

for _name, _offered, _chosen in (
    ("tls_1_1_to_a_client_of_today", (TLS12, TLS13), TLS11),
    ("tls_1_0_to_a_client_of_today", (TLS12, TLS13), TLS10),
    ("ssl_3_0_to_a_client_of_today", (TLS12, TLS13), SSL30),
    ("ssl_2_0_to_a_client_of_today", (TLS12, TLS13), 0x0002),
    ("version_0305_to_a_client_of_today", (TLS12, TLS13), 0x0305),
    ("tls_1_3_in_the_old_field", (TLS12, TLS13), TLS13),
    ("grease_as_version", (TLS12, TLS13), 0x0A0A),
    ("tls_1_2_to_a_client_of_tls_1_3", (TLS13,), TLS12),
    ("tls_1_1_to_a_client_of_tls_1_2", (TLS12,), TLS11),
    ("tls_1_2_to_a_client_of_tls_1_1", (TLS11,), TLS12),
    ("tls_1_1_between_two_that_are_offered", (TLS10, TLS12), TLS11),
    ("ssl_3_0_to_a_client_of_everything", ALL, SSL30),
):
    refused(
        f"server_chooses_{_name}",
        UnsupportedVersion,
        "RFC 9846 §4.3.1",
        partial(lambda offered, chosen: _hello(_offering(*offered), version=chosen), _offered, _chosen),
    )


@refusal(UnsupportedVersion, "RFC 9846 §4.3.1")
def server_chooses_tls_1_2_for_a_client_of_tls_1_3_alone() -> Peer:
    return _hello(client_config(versions=("TLS 1.3",)))


@refusal(MissingExtension, "RFC 9846 §4.2.4")
def server_of_tls_1_2_sends_the_random_of_a_retry() -> Peer:
    return _hello(random=HELLO_RETRY_REQUEST_RANDOM)


for _offered, _chosen, _byte in (
    ((TLS12, TLS13), TLS12, 1),
    ((TLS12, TLS13), TLS12, 0),
    (ALL, TLS11, 0),
    (ALL, TLS11, 1),
    (ALL, TLS10, 0),
    ((TLS10, TLS11, TLS12), TLS11, 0),
    ((TLS10, TLS11, TLS12), TLS10, 0),
):
    refused(
        f"server_marks_its_choice_of_{_chosen:04x}_with_{_byte}_for_a_client_of_{max(_offered):04x}_down_to_"
        f"{min(_offered):04x}",
        DowngradeDetected,
        "RFC 9846 §4.2.3",
        partial(
            lambda offered, chosen, byte: _hello(
                _offering(*offered), version=chosen, random=bytes(24) + b"DOWNGRD" + bytes((byte,))
            ),
            _offered,
            _chosen,
            _byte,
        ),
    )


# Cipher suite

for _name, _code in {
    "export_rsa": 0x0003,
    "export_rsa_des": 0x0008,
    "export_dhe": 0x0014,
    "export_anonymous": 0x0019,
    "anonymous_dh": 0x0034,
    "anonymous_ecdh": 0xC018,
    "null": 0x0002,
    "null_null": 0x0000,
    "null_ecdhe": 0xC006,
    "rc4": 0x0005,
    "3des": 0x000A,
    "des": 0x0009,
    "rsa": 0x002F,
    "the_other_certificate": 0xC013,
    "psk": 0x008C,
    "renegotiation_scsv": 0x00FF,
    "fallback_scsv": 0x5600,
    "grease": 0x0A0A,
    "tls_1_3": 0x1301,
}.items():
    refused(
        f"server_chooses_the_unoffered_suite_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.1.3",
        partial(_hello, cipher_suite=_code),
    )


@refusal(IllegalParameter, "RFC 5246 §7.4.1.3")
def server_chooses_a_suite_of_tls_1_2_for_tls_1_1() -> Peer:
    config = client12(versions=("TLS 1.1", "TLS 1.2"), cipher_suites=(CBC_SUITE, ECDSA_SUITE))
    peer = HostileServer12(config, suite=ECDSA_SUITE, version=TLS11)
    return peer.send(peer.server_hello())


@refusal(IllegalParameter, "RFC 5246 §7.4.1.3")
def server_chooses_a_suite_of_tls_1_3_for_tls_1_2() -> Peer:
    return _hello(_offering(TLS12, TLS13), cipher_suite=0x1301)


# Compression and session

for _method in (1, 64, 255):
    refused(
        f"server_of_tls_1_2_chooses_compression_{_method}",
        IllegalParameter,
        "RFC 5246 §7.4.1.3",
        partial(_hello, legacy_compression_method=_method),
    )


@refusal(IllegalParameter, "RFC 5246 §7.4.1.3")
def server_resumes_a_session_that_was_never_offered() -> Peer:
    peer = HostileServer12(_offering(TLS12, TLS13), suite=CBC_SUITE)
    return peer.send(peer.server_hello(legacy_session_id_echo=peer.client_hello.legacy_session_id))


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def server_goes_on_as_if_a_session_were_resumed() -> Peer:
    peer = HostileServer12(suite=CBC_SUITE)
    peer.send(peer.server_hello(legacy_session_id_echo=bytes(32)))
    return peer.deliver(peer.clear(20, b"\x01"))


# Extensions


def _extra(code: int, body: bytes, **config: Any) -> Peer:
    peer = HostileServer12(client12(ECDSA_SUITE, **config))
    hello = peer.server_hello()
    hello.extensions = with_extension(hello.extensions, code, body)
    return peer.send(hello)


for _name, _code, _body in (
    ("alpn", 16, b"\0\x03\x02h2"),
    ("status_request", 5, b""),
    ("max_fragment_length", 1, b"\x01"),
    ("timestamps", 18, b"\0\x03\0\x01a"),
    ("heartbeat", 15, b"\x01"),
    ("encrypt_then_mac", 22, b""),
    ("record_size_limit", 28, b"\x40\x00"),
    ("next_protocol_negotiation", 13172, b""),
    ("an_unknown_extension", 0xFF77, b"abc"),
    ("a_grease_extension", 0x4A4A, b""),
    ("supported_versions", 43, b"\x03\x03"),
    ("supported_versions_of_tls_1_3", 43, b"\x03\x04"),
    ("key_share", 51, b"\0\x1d\0\x01a"),
    ("pre_shared_key", 41, b"\0\0"),
):
    refused(
        f"server_of_tls_1_2_answers_{_name}_that_was_not_sent",
        UnsupportedExtension,
        "RFC 9846 §4.3",
        partial(_extra, _code, _body),
    )


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def server_answers_the_extended_main_secret_that_was_not_offered() -> Peer:
    return _extra(23, b"", extended_master_secret="off")


@refusal(IllegalParameter, "RFC 9846 §4.3")
def server_of_tls_1_2_answers_signature_algorithms() -> Peer:
    return _extra(13, b"\0\x02\x04\x03")


@refusal(UnsupportedExtension, "RFC 9846 §4.3")
def server_of_tls_1_2_answers_its_name_to_a_client_that_named_none() -> Peer:
    return _extra(0xFE0D, b"")


for _name, _code, _body, _clause in (
    ("server_name", 0, b"\0\0", "RFC 6066 §3"),
    ("extended_master_secret", 23, b"\0", "RFC 7627 §5.1"),
    ("session_ticket", 35, b"a ticket", "RFC 5077 §3.2"),
    ("ec_point_formats_of_nothing", 11, b"\0", "RFC 8422 §5.2"),
    ("ec_point_formats_cut", 11, b"\x02\0", "RFC 8422 §5.2"),
    ("renegotiation_info_of_nothing", 0xFF01, b"", "RFC 5746 §3.2"),
    ("renegotiation_info_cut", 0xFF01, b"\x0c" + bytes(11), "RFC 5746 §3.2"),
    ("renegotiation_info_left_over", 0xFF01, b"\0\0", "RFC 5746 §3.2"),
    ("supported_groups_odd", 10, b"\0\x01\0", "RFC 8422 §5.1.1"),
):
    refused(
        f"server_of_tls_1_2_sends_a_malformed_{_name}", DecodeError, _clause, partial(_extra, _code, _body)
    )


@refusal(DecodeError, "RFC 7366 §2")
def server_sends_encrypt_then_mac_with_a_body() -> Peer:
    peer = HostileServer12(suite=CBC_SUITE)
    return peer.send(peer.server_hello((22, b"\0")))


for _formats in (b"\x01\x01", b"\x02\x01\x02"):
    refused(
        f"server_reads_points_in_{len(_formats) - 1}_other_formats",
        IllegalParameter,
        "RFC 8422 §5.2",
        partial(_extra, 11, _formats),
    )


@refusal(DecodeError, "RFC 9846 §4.3")
def server_hello_of_tls_1_2_has_an_extension_twice() -> Peer:
    peer = HostileServer12()
    honest = peer.server_hello()
    block = honest.extensions.body()
    twice = block[2:] + block[2:7]
    return peer.send(handshake_message(2, honest.body().removesuffix(block) + len(twice).to_bytes(2) + twice))


# ALPN


def _alpn(body: bytes) -> Peer:
    return _extra(16, body, alpn=("h2",))


refused(
    "server_of_tls_1_2_chooses_a_protocol_that_was_not_offered",
    IllegalParameter,
    "RFC 7301 §3.1",
    partial(_alpn, b"\0\x09\x08http/1.1"),
)
for _name, _body in {
    "two_protocols": b"\0\x06\x02h2\x02h3",
    "no_protocol": b"\0\0",
    "the_empty_protocol": b"\0\x01\0",
}.items():
    refused(f"server_of_tls_1_2_chooses_{_name}", DecodeError, "RFC 7301 §3.1", partial(_alpn, _body))


# Extended main secret, encrypt-then-MAC, renegotiation_info


def _of_today(**choices: Any) -> Any:
    return client_config(versions=("TLS 1.2",), **choices)


@refusal(NegotiationFailure, "RFC 7627 §5.2")
def server_drops_the_extended_main_secret() -> Peer:
    peer = HostileServer12(_of_today(), ems=False)
    return peer.send(peer.server_hello())


def _required_mac() -> Any:
    return client12(CBC_SUITE, encrypt_then_mac="require")


@refusal(NegotiationFailure, "RFC 7366 §3.1")
def server_drops_encrypt_then_mac_that_is_required() -> Peer:
    return _hello(_required_mac())


@refusal(IllegalParameter, "RFC 7366 §3")
def server_answers_encrypt_then_mac_to_an_aead() -> Peer:
    config = client12(ECDSA_SUITE, cipher_suites=(ECDSA_SUITE, CBC_SUITE))
    peer = HostileServer12(config, suite=ECDSA_SUITE)
    return peer.send(peer.server_hello((sh12.ENCRYPT_THEN_MAC, True)))


@refusal(NegotiationFailure, "RFC 5746 §4.1")
def server_does_not_know_secure_renegotiation() -> Peer:
    peer = HostileServer12(_of_today())
    honest = peer.server_hello()
    return peer.send(
        peer.server_hello(extensions=extensions("ServerHello12", *list(honest.extensions.raw.items())[1:]))
    )


for _length in (1, 12, 24, 255):
    refused(
        f"server_of_a_first_handshake_has_{_length}_bytes_of_renegotiation_info",
        NegotiationFailure,
        "RFC 5746 §3.4",
        partial(_extra, 0xFF01, bytes((_length,)) + bytes(_length)),
    )


# Form


def _edited(edit: Callable[[bytes], bytes]) -> Peer:
    peer = HostileServer12()
    return peer.send(handshake_message(2, edit(peer.server_hello().body())))


for _name, _edit in {
    "is_cut_in_its_random": lambda body: body[:20],
    "is_cut_in_its_extensions": lambda body: body[:-1],
    "has_a_byte_too_many": lambda body: body + b"\0",
    "has_a_session_id_of_33_bytes": lambda body: body[:34] + b"\x21" + bytes(33) + body[35:],
}.items():
    refused(f"server_hello_of_tls_1_2_{_name}", DecodeError, "RFC 9846 §4.2.3", partial(_edited, _edit))


# Records around it


@refusal(UnexpectedMessage, "RFC 5246 §7.1")
def change_cipher_spec_comes_before_a_server_hello_of_tls_1_2() -> Peer:
    peer = HostileServer12(_offering(TLS12, TLS13), suite=CBC_SUITE).deliver(plain(20, b"\x01"))
    return peer.send(peer.server_hello())


@refusal(UnexpectedMessage, "RFC 9846 §5")
def change_cipher_spec_comes_first_to_a_client_of_tls_1_2_alone() -> Peer:
    return HostileServer12().deliver(plain(20, b"\x01"))
