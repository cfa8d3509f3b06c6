"""What a client refuses in a ServerHello (RFC 9846 §4.2.3)."""

from __future__ import annotations

from functools import partial

from lucidtls.crypto.ffdh import FFDHE2048
from lucidtls.crypto.groups import GROUPS
from lucidtls.errors import (
    DecodeError,
    DowngradeDetected,
    IllegalParameter,
    MissingExtension,
    UnexpectedMessage,
    UnsupportedExtension,
    UnsupportedVersion,
)
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.extensions import KeyShareEntry, sh
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import (
    SECP256R1,
    TLS13,
    X25519,
    HostileServer,
    Peer,
    encoded,
    extensions,
    plain,
    with_extension,
)
from tests.flows.parties import client_config

VERSION = (sh.SUPPORTED_VERSIONS, TLS13)


# Fixed fields


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_picks_a_suite_that_was_not_offered() -> Peer:
    peer = HostileServer(client_config(cipher_suites=("TLS_AES_256_GCM_SHA384",)))
    return peer.send_server_hello()


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_picks_a_grease_suite() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(cipher_suite=0x0A0A))


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_picks_a_tls_1_2_suite() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(cipher_suite=0xC02F))


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_echoes_another_session_id() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(legacy_session_id_echo=bytes(32)))


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_echoes_a_session_id_that_was_not_sent() -> Peer:
    peer = HostileServer(client_config(compatibility_mode=False))
    return peer.send_server_hello(peer.server_hello(legacy_session_id_echo=bytes(32)))


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_echoes_no_session_id() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(legacy_session_id_echo=b""))


@refusal(IllegalParameter, "RFC 9846 §4.2.3")
def server_chooses_compression() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(legacy_compression_method=1))


@refusal(UnsupportedVersion, "RFC 9846 §4.2.3")
def server_says_tls_1_3_in_legacy_version() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(legacy_version=0x0304))


@refusal(UnsupportedVersion, "RFC 9846 §4.2.3")
def server_says_tls_1_1_in_legacy_version() -> Peer:
    peer = HostileServer()
    return peer.send_server_hello(peer.server_hello(legacy_version=0x0302))


# Version


@refusal(UnsupportedVersion, "RFC 9846 §4.3.1")
def server_negotiates_tls_1_2() -> Peer:
    peer = HostileServer(client_config(versions=("TLS 1.3",)))
    return peer.send(peer.server_hello((ExtensionType.RENEGOTIATION_INFO, b"\0"), cipher_suite=0xC02F))


@refusal(UnsupportedVersion, "RFC 9846 §4.3.1")
def server_negotiates_tls_1_0_without_extensions() -> Peer:
    peer = HostileServer()
    hello = peer.server_hello(VERSION, legacy_version=0x0301, extensions=extensions("ServerHello"))
    return peer.send(hello)


def _downgrade(sentinel: bytes) -> Peer:
    peer = HostileServer()
    block = extensions("ServerHello")
    return peer.send(peer.server_hello(VERSION, random=bytes(24) + sentinel, extensions=block))


for _byte in (1, 0):
    refused(
        f"server_that_knows_tls_1_3_was_made_to_choose_less_{_byte}",
        DowngradeDetected,
        "RFC 9846 §4.2.3",
        partial(_downgrade, b"DOWNGRD" + bytes((_byte,))),
    )


def _version(version: int) -> Peer:
    peer = HostileServer()
    honest = peer.server_hello()
    honest.extensions = with_extension(honest.extensions, 43, version.to_bytes(2))
    return peer.send_server_hello(honest)


for _number in (0x0303, 0x0301, 0x0305, 0x7F1C, 0x0A0A):
    refused(
        f"server_selects_version_{_number:04x}",
        IllegalParameter,
        "RFC 9846 §4.3.1",
        partial(_version, _number),
    )


# Key share


@refusal(MissingExtension, "RFC 9846 §9.2")
def server_sends_no_key_share() -> Peer:
    peer = HostileServer()
    return peer.send(peer.server_hello(VERSION))


def _share(group: int, share: bytes, offered: int | None = None) -> Peer:
    name = GROUPS[group if offered is None else offered].name
    peer = HostileServer(client_config(groups=(name, "secp256r1"), shares=(name,)), group=group)
    return peer.send(peer.server_hello(VERSION, (sh.KEY_SHARE, KeyShareEntry(group, share))))


_POINT = bytes.fromhex(
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)  # the generator of P-256

_SHARES: dict[str, tuple[str, int, bytes, int | None]] = {
    "for_a_group_without_a_client_share": ("RFC 9846 §4.3.8", SECP256R1, _POINT, X25519),
    "for_a_group_that_was_not_offered": ("RFC 9846 §4.3.8", 0x001E, bytes(56), X25519),
    "for_a_grease_group": ("RFC 9846 §4.3.8", 0x2A2A, bytes(1), X25519),
    "that_is_too_short": ("RFC 9846 §4.3.8.2", X25519, bytes(31), None),
    "that_is_too_long": ("RFC 9846 §4.3.8.2", X25519, bytes(33), None),
    "that_gives_the_all_zero_secret": ("RFC 9846 §7.4.2", X25519, bytes(32), None),
    "of_small_order": ("RFC 9846 §7.4.2", X25519, (1).to_bytes(32, "little"), None),
    "of_small_order_on_x448": ("RFC 9846 §7.4.2", 0x001E, bytes(56), None),
    "that_is_a_compressed_point": ("RFC 9846 §4.3.8.2", SECP256R1, b"\x02" + _POINT[1:], None),
    "that_is_a_hybrid_point": ("RFC 9846 §4.3.8.2", SECP256R1, b"\x07" + _POINT[1:], None),
    "that_is_not_on_the_curve": ("RFC 9846 §4.3.8.2", SECP256R1, _POINT[:-1] + b"\0", None),
    "that_is_the_point_at_infinity": ("RFC 9846 §4.3.8.2", SECP256R1, b"\0", None),
    "beyond_the_field": ("RFC 9846 §4.3.8.2", SECP256R1, b"\x04" + b"\xff" * 64, None),
    "that_lacks_the_curve_half": ("RFC 10024 §4", 0x11EC, bytes(1088), None),
    "whose_curve_half_is_of_small_order": ("RFC 9846 §7.4.2", 0x11EC, bytes(1088 + 32), None),
}
for _name, (_clause, _group, _bytes, _offered) in _SHARES.items():
    _attack = partial(_share, _group, _bytes, _offered)
    refused(f"server_sends_a_key_share_{_name}", IllegalParameter, _clause, _attack)

if GROUPS[0x0100].available():
    _PRIME = FFDHE2048.prime
    for _name, _value in {"zero": 0, "one": 1, "minus_one": _PRIME - 1, "the_modulus": _PRIME}.items():
        refused(
            f"server_sends_the_finite_field_value_{_name}",
            IllegalParameter,
            "RFC 9846 §4.3.8.1",
            partial(_share, 0x0100, _value.to_bytes(256)),
        )


@refusal(DecodeError, "RFC 9846 §4.3.8")
def server_sends_an_empty_key_share() -> Peer:
    peer = HostileServer()
    return peer.send(peer.server_hello(VERSION, (ExtensionType.KEY_SHARE, b"\x00\x1d\x00\x00")))


@refusal(DecodeError, "RFC 9846 §4.3.8")
def server_sends_a_list_of_key_shares() -> Peer:
    peer = HostileServer()
    share = KeyShareEntry(X25519, bytes(32))
    return peer.send(
        peer.server_hello(VERSION, (ExtensionType.KEY_SHARE, b"\0\x24\0\x1d\0\x20" + share.key_exchange))
    )


# Extensions


def _extra(code: int, body: bytes) -> Peer:
    peer = HostileServer(client_config(alpn=("h2",)))
    honest = peer.server_hello()
    honest.extensions = with_extension(honest.extensions, code, body)
    return peer.send_server_hello(honest)


for _name, _code, _body in (
    ("pre_shared_key", 41, b"\0\0"),
    ("cookie", 44, b"\0\x01c"),
    ("status_request", 5, b""),
    ("an_unknown_extension", 0xFF77, b""),
    ("a_grease_extension", 0x3A3A, b""),
):
    refused(
        f"server_hello_answers_{_name}_that_was_not_sent",
        UnsupportedExtension,
        "RFC 9846 §4.3",
        partial(_extra, _code, _body),
    )

for _name, _code, _body in (
    ("alpn", 16, b"\0\x03\x02h2"),
    ("server_name", 0, b""),
    ("supported_groups", 10, b"\0\x02\0\x1d"),
    ("signature_algorithms", 13, b"\0\x02\x04\x03"),
):
    refused(
        f"server_hello_carries_{_name}_that_belongs_elsewhere",
        IllegalParameter,
        "RFC 9846 §4.3",
        partial(_extra, _code, _body),
    )


@refusal(DecodeError, "RFC 9846 §4.3")
def server_hello_has_an_extension_twice() -> Peer:
    peer = HostileServer()
    honest = peer.server_hello()
    block = honest.extensions.body()
    twice = block[2:] + block[2:8]
    raw = honest.body().removesuffix(block) + len(twice).to_bytes(2) + twice
    return peer.send(handshake_message(2, raw))


# Framing


@refusal(DecodeError, "RFC 9846 §4.2.3")
def server_hello_has_a_byte_too_many() -> Peer:
    peer = HostileServer()
    return peer.send(handshake_message(2, peer.server_hello().body() + b"\0"))


@refusal(DecodeError, "RFC 9846 §4.2.3")
def server_hello_is_empty() -> Peer:
    return HostileServer().send(handshake_message(2, b""))


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def handshake_data_follows_the_server_hello_in_its_record() -> Peer:
    peer = HostileServer()
    raw = encoded(peer.server_hello()) + encoded(peer.encrypted_extensions())
    return peer.deliver(plain(22, raw))


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def one_byte_follows_the_server_hello_in_its_record() -> Peer:
    peer = HostileServer()
    return peer.deliver(plain(22, encoded(peer.server_hello()) + b"\x08"))


# EncryptedExtensions (RFC 9846 §4.4.1)


def _encrypted(*items: tuple[int, bytes], alpn: tuple[str, ...] = ()) -> Peer:
    peer = HostileServer.at("WAIT_EE", client_config(alpn=alpn))
    return peer.send(peer.encrypted_extensions(*items))


_ENCRYPTED_UNASKED = {
    "alpn": (16, b"\0\x03\x02h2"),
    "early_data": (42, b""),
    "record_size_limit": (28, b"\x40\x01"),
    "pre_shared_key": (41, b"\0\0"),
    "an_unknown_extension": (0xFF77, b"abc"),
    "a_grease_extension": (0x1A1A, b""),
}
for _name, _item in _ENCRYPTED_UNASKED.items():
    refused(
        f"encrypted_extensions_answer_{_name}_that_was_not_sent",
        UnsupportedExtension,
        "RFC 9846 §4.3",
        partial(_encrypted, _item),
    )

for _name, _item in {
    "key_share": (51, b"\0\x1d\0\x01\0"),
    "supported_versions": (43, b"\x03\x04"),
    "signature_algorithms": (13, b"\0\x02\x04\x03"),
}.items():
    refused(
        f"encrypted_extensions_carry_{_name}_that_belongs_elsewhere",
        IllegalParameter,
        "RFC 9846 §4.3",
        partial(_encrypted, _item),
    )

_H2 = ("h2",)
refused(
    "server_chooses_a_protocol_that_was_not_offered",
    IllegalParameter,
    "RFC 7301 §3.1",
    partial(_encrypted, (16, b"\0\x09\x08http/1.1"), alpn=_H2),
)
refused(
    "server_chooses_two_protocols",
    DecodeError,
    "RFC 7301 §3.1",
    partial(_encrypted, (16, b"\0\x06\x02h2\x02h3"), alpn=_H2),
)
refused(
    "server_chooses_no_protocol",
    DecodeError,
    "RFC 7301 §3.1",
    partial(_encrypted, (16, b"\0\0"), alpn=_H2),
)
refused(
    "server_chooses_the_empty_protocol",
    DecodeError,
    "RFC 7301 §3.1",
    partial(_encrypted, (16, b"\0\x02\0\0"), alpn=_H2),
)
refused(
    "server_answers_server_name_with_a_name",
    DecodeError,
    "RFC 6066 §3",
    partial(_encrypted, (0, b"\0\x04\0\0\x01a")),
)


@refusal(DecodeError, "RFC 9846 §4.4.1")
def encrypted_extensions_have_a_byte_too_many() -> Peer:
    peer = HostileServer.at("WAIT_EE")
    return peer.send(handshake_message(8, b"\0\0\0"))


@refusal(DecodeError, "RFC 9846 §4.4.1")
def encrypted_extensions_are_cut_in_an_extension() -> Peer:
    peer = HostileServer.at("WAIT_EE")
    return peer.send(handshake_message(8, b"\0\x03\0\0\0"))


@refusal(DecodeError, "RFC 9846 §4.3")
def encrypted_extensions_have_an_extension_twice() -> Peer:
    peer = HostileServer.at("WAIT_EE")
    return peer.send(handshake_message(8, b"\0\x08" + bytes(8)))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def hello_request_comes_before_a_server_hello_of_tls_1_3() -> Peer:
    """A client that offers TLS 1.2 too passes over it until it knows the version."""
    peer = HostileServer()
    peer.deliver(plain(22, bytes(4)))
    return peer.send_server_hello()


@refusal(UnexpectedMessage, "RFC 9846 §4")
def hello_request_comes_to_a_client_of_tls_1_3_alone() -> Peer:
    return HostileServer(client_config(versions=("TLS 1.3",))).deliver(plain(22, bytes(4)))
