"""What a server refuses in a first ClientHello (RFC 9846 §4.2.2, §9.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lucidtls.crypto.ffdh import FFDHE2048
from lucidtls.crypto.groups import GROUPS
from lucidtls.errors import (
    DecodeError,
    IllegalParameter,
    MissingExtension,
    NegotiationFailure,
    NoApplicationProtocol,
    UnexpectedMessage,
    UnrecognizedName,
    UnsupportedVersion,
)
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import OfferedPsks, PskIdentity, ch
from lucidtls.wire.hello import ClientHello
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import (
    SECP256R1,
    X25519,
    HostileClient,
    Peer,
    encoded,
    extensions,
    plain,
    with_extension,
    without_extension,
)
from tests.flows.parties import server_config

PSKS = OfferedPsks((PskIdentity(b"ticket", 0),), (bytes(32),))


def _changed(change: Callable[[ClientHello], None], **config: Any) -> Peer:
    """Send a hello after `change` has had it."""
    peer = HostileClient(server_config(**config))
    hello = peer.client_hello()
    change(hello)
    return peer.send_hello(hello)


def _fields(**changes: Any) -> Peer:
    peer = HostileClient(server_config(versions=("TLS 1.3",)))
    return peer.send_hello(peer.client_hello(**changes))


def _with(code: int, body: bytes, **config: Any) -> Peer:
    def change(hello: ClientHello) -> None:
        hello.extensions = with_extension(hello.extensions, code, body)

    return _changed(change, **config)


def _without(*codes: int, **config: Any) -> Peer:
    def change(hello: ClientHello) -> None:
        hello.extensions = without_extension(hello.extensions, *codes)

    return _changed(change, **config)


# Version


NEWEST = {"versions": ("TLS 1.3",)}
refused(
    "client_does_not_speak_tls_1_3",
    UnsupportedVersion,
    "RFC 9846 §4.3.1",
    partial(_without, 43, **NEWEST),
)
refused(
    "client_lists_tls_1_2_only",
    UnsupportedVersion,
    "RFC 9846 §4.3.1",
    partial(_with, 43, b"\x02\x03\x03", **NEWEST),
)
refused(
    "client_lists_unknown_versions_only",
    UnsupportedVersion,
    "RFC 9846 §4.3.1",
    partial(_with, 43, b"\x04\x7f\x1c\x0a\x0a"),
)
refused(
    "client_sends_no_extensions_at_all",
    UnsupportedVersion,
    "RFC 9846 §4.3.1",
    partial(_fields, extensions=extensions("ClientHello")),
)
refused(
    "client_says_tls_1_3_in_legacy_version",
    UnsupportedVersion,
    "RFC 9846 §4.2.2",
    partial(_fields, legacy_version=0x0304),
)
refused(
    "client_says_ssl_3_in_legacy_version",
    UnsupportedVersion,
    "RFC 7568 §3",
    partial(_fields, legacy_version=0x0300),
)


# Fixed fields

for _name, _methods in {"deflate": b"\x01", "null_and_deflate": b"\0\x01", "null_twice": b"\0\0"}.items():
    refused(
        f"client_offers_compression_{_name}",
        IllegalParameter,
        "RFC 9846 §4.2.2",
        partial(_fields, legacy_compression_methods=_methods),
    )
refused(
    "client_offers_no_compression_method",
    DecodeError,
    "RFC 9846 §4.2.2",
    partial(_fields, legacy_compression_methods=b""),
)
refused(
    "client_sends_a_session_id_of_33_bytes",
    DecodeError,
    "RFC 9846 §4.2.2",
    partial(_fields, legacy_session_id=bytes(33)),
)
refused("client_offers_no_cipher_suite", DecodeError, "RFC 9846 §4.2.2", partial(_fields, cipher_suites=()))


def _raw(edit: Callable[[bytes], bytes]) -> Peer:
    peer = HostileClient()
    return peer.send(handshake_message(1, edit(peer.client_hello().body())))


refused(
    "client_hello_has_a_byte_too_many",
    DecodeError,
    "RFC 9846 §4.2.2",
    partial(_raw, lambda body: body + b"\0"),
)
refused("client_hello_is_cut_short", DecodeError, "RFC 9846 §4.2.2", partial(_raw, lambda body: body[:-1]))
refused(
    "client_hello_ends_in_its_random", DecodeError, "RFC 9846 §4.2.2", partial(_raw, lambda body: body[:20])
)
refused("client_hello_is_empty", DecodeError, "RFC 9846 §4.2.2", partial(_raw, lambda _: b""))
refused(
    "client_hello_has_an_odd_number_of_suite_bytes",
    DecodeError,
    "RFC 9846 §4.2.2",
    partial(_raw, lambda body: body[:67] + b"\0\x03\x13\x01\x13\x01\0\0\0"),
)


# Mandatory extensions

for _name, _code in {"supported_groups": 10, "key_share": 51, "signature_algorithms": 13}.items():
    refused(f"client_sends_no_{_name}", MissingExtension, "RFC 9846 §9.2", partial(_without, _code))


@refusal(MissingExtension, "RFC 9846 §4.3.9")
def client_offers_a_psk_and_no_way_to_use_it() -> Peer:
    peer = HostileClient()
    return peer.send_hello(peer.client_hello((ch.PRE_SHARED_KEY, PSKS)))


@refusal(MissingExtension, "RFC 9846 §4.3.3")
def client_offers_only_a_psk_that_is_not_known() -> Peer:
    peer = HostileClient()
    hello = peer.client_hello((ch.PSK_KEY_EXCHANGE_MODES, (1,)), (ch.PRE_SHARED_KEY, PSKS))
    hello.extensions = without_extension(hello.extensions, 13)
    return peer.send_hello(hello)


# Nothing in common

refused(
    "client_offers_no_suite_of_the_server",
    NegotiationFailure,
    "RFC 9846 §4.2.1",
    partial(_fields, cipher_suites=(0x0A0A, 0xC02F, 0x00FF)),
)
refused(
    "client_offers_no_group_of_the_server",
    NegotiationFailure,
    "RFC 9846 §4.2.1",
    lambda: HostileClient(server_config(groups=("x448",))).send_hello(),
)
refused(
    "client_accepts_no_signature_of_the_server",
    NegotiationFailure,
    "RFC 9846 §4.3.3",
    partial(_with, 13, b"\0\x04\x06\x03\x08\x08"),
)
refused(
    "client_accepts_signatures_that_are_for_certificates_only",
    NegotiationFailure,
    "RFC 9846 §4.3.3",
    partial(_with, 13, b"\0\x06\x04\x01\x02\x01\x02\x03"),
)
refused(
    "client_offers_no_protocol_of_the_server",
    NoApplicationProtocol,
    "RFC 7301 §3.2",
    partial(_with, 16, b"\0\x05\x04imap", alpn=("h2", "http/1.1")),
)
refused(
    "client_asks_for_a_name_that_is_not_served",
    UnrecognizedName,
    "RFC 6066 §3",
    partial(_with, 0, b"\0\x0e\0\0\x0bother.local", require_known_name=True),
)


# Key shares


def _shares(*entries: tuple[int, bytes], groups: tuple[int, ...] = (X25519, SECP256R1)) -> Peer:
    def change(hello: ClientHello) -> None:
        body = b"".join(g.to_bytes(2) + len(s).to_bytes(2) + s for g, s in entries)
        hello.extensions = with_extension(hello.extensions, 51, len(body).to_bytes(2) + body)
        packed = b"".join(group.to_bytes(2) for group in groups)
        hello.extensions = with_extension(hello.extensions, 10, len(packed).to_bytes(2) + packed)

    names = tuple(GROUPS[group].name for group in groups if group in GROUPS)
    return _changed(change, groups=names)


_X = (X25519, bytes(31) + b"\x09")
refused(
    "client_sends_two_shares_for_one_group", IllegalParameter, "RFC 9846 §4.3.8", partial(_shares, _X, _X)
)
refused(
    "client_sends_a_share_for_a_group_it_does_not_list",
    IllegalParameter,
    "RFC 9846 §4.3.8",
    partial(_shares, _X, (0x001E, bytes(56))),
)
for _name, _clause, _group, _value in (
    ("that_is_too_short", "RFC 9846 §4.3.8.2", X25519, bytes(31)),
    ("that_gives_the_all_zero_secret", "RFC 9846 §7.4.2", X25519, bytes(32)),
    ("that_is_a_compressed_point", "RFC 9846 §4.3.8.2", SECP256R1, b"\x02" + bytes(64)),
    ("that_is_not_on_the_curve", "RFC 9846 §4.3.8.2", SECP256R1, b"\x04" + bytes(63) + b"\x01"),
    ("of_zeros_for_a_hybrid", "RFC 9846 §7.4.2", 0x11EC, bytes(1184 + 32)),
    ("with_an_ml_kem_key_out_of_range", "FIPS 203 §7.2", 0x11EC, b"\xff" * 1184 + _X[1]),
    ("of_the_server_length_for_a_hybrid", "RFC 10024 §4", 0x11EC, bytes(1088 + 32)),
):
    refused(
        f"client_sends_a_share_{_name}",
        IllegalParameter,
        _clause,
        partial(_shares, (_group, _value), groups=(_group,)),
    )
if GROUPS[0x0100].available():
    for _name, _number in {"zero": 0, "one": 1, "minus_one": FFDHE2048.prime - 1}.items():
        refused(
            f"client_sends_the_finite_field_value_{_name}",
            IllegalParameter,
            "RFC 9846 §4.3.8.1",
            partial(_shares, (0x0100, _number.to_bytes(256)), groups=(0x0100,)),
        )


# Extensions


@refusal(IllegalParameter, "RFC 9846 §4.3.11")
def pre_shared_key_is_not_last() -> Peer:
    peer = HostileClient()
    hello = peer.client_hello((ch.PSK_KEY_EXCHANGE_MODES, (1,)), (ch.PRE_SHARED_KEY, PSKS), (0xFF77, b""))
    return peer.send_hello(hello)


@refusal(IllegalParameter, "RFC 9846 §4.3")
def client_hello_carries_oid_filters() -> Peer:
    return _with(48, b"\0\0")


@refusal(DecodeError, "RFC 9846 §4.3")
def client_hello_has_an_extension_twice() -> Peer:
    peer = HostileClient()
    hello = peer.client_hello()
    block = hello.extensions.body()
    twice = block[2:] + b"\xff\x77\0\0" * 2
    raw = hello.body().removesuffix(block) + len(twice).to_bytes(2) + twice
    return peer.send(handshake_message(1, raw))


@refusal(IllegalParameter, "RFC 9846 §4.3.2")
def client_returns_a_cookie_it_never_got() -> Peer:
    return _with(44, b"\0\x01c")


# Framing and the beginning of a connection


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def handshake_data_follows_the_client_hello_in_its_record() -> Peer:
    peer = HostileClient()
    return peer.deliver(plain(22, encoded(peer.client_hello()) + b"\x14"))


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def handshake_data_follows_a_client_hello_that_needs_a_retry() -> Peer:
    peer = HostileClient(server_config(groups=("secp256r1",)))
    return peer.deliver(plain(22, encoded(peer.client_hello()) + b"\x01"))


@refusal(UnexpectedMessage, "RFC 9846 §5")
def change_cipher_spec_comes_before_the_client_hello() -> Peer:
    return HostileClient().deliver(plain(20, b"\x01"))


@refusal(UnexpectedMessage, "RFC 9846 §5")
def application_data_comes_before_the_client_hello() -> Peer:
    return HostileClient().deliver(plain(23, bytes(40)))
