"""What goes wrong in the key exchange of TLS 1.2 and before: shares, fields, signatures, secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from lucidtls.crypto.ffdh import FFDHE2048
from lucidtls.crypto.primes import modp_prime
from lucidtls.errors import (
    BadRecordMac,
    BadSignature,
    DecodeError,
    IllegalParameter,
    InsufficientSecurity,
    NegotiationFailure,
    UnexpectedMessage,
)
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.messages12 import DHParameters, ECDHParameters, ServerKeyExchange
from lucidtls.wire.versions import TLS10, TLS11, TLS12
from tests.certificates import chain, make_leaf
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, DHE_SUITE, ECDSA_SUITE, RSA_SUITE, client12, rsa_credential
from tests.flows.hostile import SECP256R1, X25519, Peer
from tests.flows.hostile12 import HostileClient12, HostileServer12
from tests.flows.parties import credential, root, seeded

ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"
DHE_PSK = "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256"
PLAIN_PSK = "TLS_PSK_WITH_AES_128_GCM_SHA256"
RSA_PSK = "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256"
DH_ANON = "TLS_DH_anon_WITH_AES_128_GCM_SHA256"
ECDH_ANON = "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"
ECDHE_RSA = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"

_POINT = bytes.fromhex(
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)

_BAD_SHARES: tuple[tuple[str, str, int, bytes], ...] = (
    ("that_is_too_short", "RFC 9846 §4.3.8.2", X25519, bytes(31)),
    ("that_is_too_long", "RFC 9846 §4.3.8.2", X25519, bytes(33)),
    ("that_gives_the_all_zero_secret", "RFC 9846 §7.4.2", X25519, bytes(32)),
    ("of_small_order", "RFC 9846 §7.4.2", X25519, (1).to_bytes(32, "little")),
    ("that_is_compressed", "RFC 9846 §4.3.8.2", SECP256R1, b"\x02" + _POINT[1:]),
    ("that_is_hybrid", "RFC 9846 §4.3.8.2", SECP256R1, b"\x07" + _POINT[1:]),
    ("that_is_not_on_the_curve", "RFC 9846 §4.3.8.2", SECP256R1, _POINT[:-1] + b"\0"),
    ("that_is_the_point_at_infinity", "RFC 9846 §4.3.8.2", SECP256R1, b"\0"),
    ("beyond_the_field", "RFC 9846 §4.3.8.2", SECP256R1, b"\x04" + b"\xff" * 64),
)


# The server's share on a curve


def _point(suite: str, group: int, public: bytes) -> Peer:
    peer = HostileServer12.before("server_key_exchange", suite=suite)
    peer.send(peer.server_key_exchange(ECDHParameters(group, public)))
    return peer if peer.error is not None else peer.send(peer.server_hello_done())


for _suite, _kind in ((ECDSA_SUITE, "signed"), (ECDHE_PSK, "psk"), (ECDH_ANON, "anonymous")):
    for _name, _clause, _group, _public in _BAD_SHARES:
        refused(
            f"server_sends_a_{_kind}_share_{_name}",
            IllegalParameter,
            _clause,
            partial(_point, _suite, _group, _public),
        )
    for _name, _group in {
        "secp521r1": 0x0019,
        "x448": 0x001E,
        "secp160k1": 0x000F,
        "an_explicit_prime": 0xFF01,
        "a_finite_field": 0x0100,
        "a_hybrid": 0x11EC,
        "grease": 0x1A1A,
    }.items():
        refused(
            f"server_sends_a_{_kind}_share_on_the_unoffered_curve_{_name}",
            IllegalParameter,
            "RFC 8422 §5.4",
            partial(_point, _suite, _group, _POINT),
        )


def _raw_exchange(body: bytes, suite: str = ECDSA_SUITE) -> Peer:
    step = "server_hello_done" if suite == PLAIN_PSK else "server_key_exchange"
    peer = HostileServer12.before(step, suite=suite)
    return peer.send(handshake_message(12, body))


_EXPLICIT = b"\x01" + b"\x01\x17" + b"\x01\x01" + b"\x01\x01" + b"\x01\x04" + b"\x01\x07" + b"\x01\x01"
for _name, _body in {
    "an_explicit_prime_curve": _EXPLICIT,
    "an_explicit_binary_curve": b"\x02" + _EXPLICIT[1:],
    "curve_type_0": b"\0\0\x17",
    "curve_type_4": b"\x04\0\x17",
}.items():
    refused(f"server_sends_{_name}", IllegalParameter, "RFC 8422 §5.4", partial(_raw_exchange, _body))
for _suite, _clause, _bodies in (
    (
        ECDSA_SUITE,
        "RFC 8422 §5.4",
        {
            "nothing": b"",
            "half_a_curve": b"\x03\0",
            "an_empty_point": b"\x03\0\x1d\0",
            "a_point_cut_short": b"\x03\0\x1d\x20" + bytes(31),
            "no_signature": b"\x03\0\x1d\x20" + bytes(32),
            "half_a_scheme": b"\x03\0\x1d\x20" + bytes(32) + b"\x04",
            "a_signature_cut_short": b"\x03\0\x1d\x20" + bytes(32) + b"\x04\x03\0\x08" + bytes(7),
            "a_byte_behind_its_signature": b"\x03\0\x1d\x20" + bytes(32) + b"\x04\x03\0\0\0",
        },
    ),
    (
        DHE_SUITE,
        "RFC 5246 §7.4.3",
        {
            "no_prime": b"\0\0" + b"\0\x01\x02" * 2,
            "no_generator": b"\0\x01\x17\0\0\0\x01\x02",
            "no_public_value": b"\0\x01\x17\0\x01\x02\0\0",
            "a_prime_cut_short": b"\x01\0" + bytes(255),
        },
    ),
    (
        PLAIN_PSK,
        "RFC 4279 §2",
        {"half_a_hint": b"\0", "a_hint_cut_short": b"\0\x04abc", "too_much": b"\0\0a"},
    ),
    (ECDHE_PSK, "RFC 5489 §2", {"a_hint_and_no_share": b"\0\0"}),
    (DHE_PSK, "RFC 4279 §3", {"a_hint_and_no_field": b"\0\0"}),
):
    for _name, _body in _bodies.items():
        refused(
            f"server_exchange_of_{_suite[4:].split('_WITH')[0].lower()}_has_{_name}",
            DecodeError,
            _clause,
            partial(_raw_exchange, _body, _suite),
        )


@refusal(DecodeError, "RFC 9846 §6")
def server_exchange_is_longer_than_any_can_be() -> Peer:
    peer = HostileServer12.before("server_key_exchange")
    return peer.deliver(peer.clear(22, b"\x0c\x04\0\0"))


# The server's finite field (Logjam, CVE-2015-4000)

PRIME = FFDHE2048.prime
ODD = 2**2048 - 1557
"""A prime that is not a safe one: there are elements of order 3."""


def _field(prime: int, generator: int, public: int | None = None, **choices: Any) -> Peer:
    suite, deaf = choices.pop("suite", DHE_SUITE), choices.pop("deaf", False)
    peer = HostileServer12.before("server_key_exchange", client12(suite, **choices), suite=suite)
    peer.deaf = deaf
    length = max(1, -(-prime.bit_length() // 8))
    value = 4 if public is None else public
    share = DHParameters(prime.to_bytes(length), generator.to_bytes(length), value.to_bytes(length + 1))
    peer.send(peer.server_key_exchange(share))
    return peer if peer.error is not None else peer.send(peer.server_hello_done())


for _bits, _prime in {
    0: 0,
    1: 1,
    8: 251,
    512: 2**512 - 569,
    768: modp_prime(768),
    1024: modp_prime(1024),
    1536: modp_prime(1536),
    2047: 2**2047 - 1,
}.items():
    refused(
        f"server_uses_a_field_of_{_bits}_bits",
        InsufficientSecurity,
        "RFC 7919 §3",
        partial(_field, _prime, 2),
    )
refused(
    "server_uses_a_field_of_511_bits_though_a_client_takes_anything",
    InsufficientSecurity,
    "RFC 7919 §3",
    partial(_field, 2**511 - 187, 2, minimum_dh_bits=512),
)
refused(
    "server_uses_a_field_too_long_to_test",
    InsufficientSecurity,
    "RFC 7919 §3",
    partial(_field, 2**8000 - 1, 2),
)
refused(
    "server_uses_a_known_field_with_another_generator_that_is_too_slow",
    InsufficientSecurity,
    "RFC 7919 §3",
    partial(_field, modp_prime(8192), 5),
)
for _name, _prime in {"even": PRIME - 1, "composite": PRIME - 2, "a_square": (2**1024 - 105) ** 2}.items():
    refused(
        f"server_uses_a_field_whose_modulus_is_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.3",
        partial(_field, _prime, 2),
    )
for _name, _generator in {"zero": 0, "one": 1, "minus_one": PRIME - 1, "the_modulus": PRIME}.items():
    refused(
        f"server_uses_the_generator_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.3",
        partial(_field, PRIME, _generator),
    )
for _suite, _kind in ((DHE_SUITE, "signed"), (DHE_PSK, "psk"), (DH_ANON, "anonymous")):
    for _name, _value in {
        "zero": 0,
        "one": 1,
        "minus_one": PRIME - 1,
        "the_modulus": PRIME,
        "more_than_the_modulus": PRIME + 1,
    }.items():
        refused(
            f"server_sends_the_{_kind}_public_value_{_name}",
            NegotiationFailure,
            "RFC 7919 §3",
            partial(_field, PRIME, 2, _value, suite=_suite),
        )


@refusal(NegotiationFailure, "RFC 7919 §5.1")
def server_forces_the_secret_into_a_small_subgroup() -> Peer:
    """One exponent in three turns an element of order 3 into 1."""
    element = pow(7, (ODD - 1) // 3, ODD)
    for number in range(20):
        peer = _field(ODD, 7, element, deaf=True, random=seeded(number))
        if peer.error is not None:
            return _field(ODD, 7, element, random=seeded(number))
    raise AssertionError("twenty exponents, and none is a multiple of three")


# The client's share

for _name, _clause, _group, _public in _BAD_SHARES:

    def _client_point(group: int, public: bytes) -> Peer:
        peer = HostileClient12.before("client_key_exchange", group=group)
        return peer.send(peer.client_key_exchange(exchange=public))

    refused(
        f"client_of_tls_1_2_sends_a_share_{_name}",
        IllegalParameter,
        _clause,
        partial(_client_point, _group, _public),
    )


def _client_field(value: int) -> Peer:
    peer = HostileClient12.before("client_key_exchange", suite=DHE_SUITE, group=0x0100)
    return peer.send(peer.client_key_exchange(exchange=value.to_bytes(257)))


for _name, _value in {"zero": 0, "one": 1, "minus_one": PRIME - 1, "the_modulus": PRIME}.items():
    refused(
        f"client_sends_the_public_value_{_name}",
        NegotiationFailure,
        "RFC 7919 §4",
        partial(_client_field, _value),
    )


def _raw_client_exchange(suite: str, body: bytes) -> Peer:
    peer = HostileClient12.before("client_key_exchange", suite=suite)
    return peer.send(handshake_message(16, body))


for _suite, _clause, _forms in (
    (RSA_SUITE, "RFC 5246 §7.4.7.1", (b"", b"\0", b"\0\x02a", b"\0\x01ab")),
    (ECDSA_SUITE, "RFC 8422 §5.7", (b"", b"\0", b"\x02a", b"\x01ab")),
    (DHE_SUITE, "RFC 5246 §7.4.7.2", (b"", b"\0\0", b"\0\x02a", b"\0\x01ab")),
    (PLAIN_PSK, "RFC 4279 §2", (b"", b"\0", b"\0\x02a", b"\0\x01ab")),
    (DHE_PSK, "RFC 4279 §3", (b"\0\x01a", b"\0\x01a\0\0")),
    (ECDHE_PSK, "RFC 5489 §2", (b"\0\x01a", b"\0\x01a\0")),
    (RSA_PSK, "RFC 4279 §4", (b"\0\x01a", b"\0\x01a\0\x02a")),
):
    for _number, _body in enumerate(_forms):
        refused(
            f"client_exchange_of_{_suite[4:].split('_WITH')[0].lower()}_is_malformed_{_number}",
            DecodeError,
            _clause,
            partial(_raw_client_exchange, _suite, _body),
        )


@refusal(BadRecordMac, "RFC 5246 §6.2.3.2")
def client_names_a_pre_shared_key_that_nobody_knows() -> Peer:
    peer = HostileClient12.before("client_key_exchange", suite=PLAIN_PSK)
    peer.send_exchange(peer.client_key_exchange(identity=b"nobody")).skip().play("finished")
    return peer.send(peer.finished())


@refusal(NegotiationFailure, "RFC 4279 §2")
def server_hints_at_a_pre_shared_key_that_the_client_has_not() -> Peer:
    config = client12(PLAIN_PSK, psk=lambda hint: None)
    return HostileServer12.before("server_hello_done", config, suite=PLAIN_PSK, hint=b"try that one").send(
        b"\x0e\0\0\0"
    )


# The server's signature (RFC 5246 §7.4.3)


def _exchange(edit: Callable[[HostileServer12], ServerKeyExchange], **choices: Any) -> Peer:
    peer = HostileServer12.before("server_key_exchange", choices.pop("config", None), **choices)
    return peer.send(edit(peer))


def _signed_over(content: Callable[[HostileServer12, bytes], bytes]) -> Callable[[Any], ServerKeyExchange]:
    def edit(peer: HostileServer12) -> ServerKeyExchange:
        message = peer.server_key_exchange()
        _, signature = peer.sign(content(peer, message.signed_params()))
        message.signature = signature
        return message

    return edit


@cache
def another() -> Credential:
    other = make_leaf(root(), "other.example.org", number=5)
    return Credential.load(list(chain(other)), other.key)


@cache
def _another_rsa() -> Credential:
    other = make_leaf(root(), "other.example.org", key="rsa2048", number=5)
    return Credential.load(list(chain(other)), other.key)


def _by_another(peer: HostileServer12) -> ServerKeyExchange:
    message = peer.server_key_exchange()
    content = peer.client_random + peer.server_random + message.signed_params()
    other = another() if peer.suite12.authentication == "ECDSA" else _another_rsa()
    _, message.signature = peer.sign(content, other)
    return message


def _from_another_connection(peer: HostileServer12) -> ServerKeyExchange:
    other = HostileServer12.before("server_key_exchange", client12(peer.suite12.name, random=seeded("other")))
    return other.server_key_exchange()


def _with_another_share(peer: HostileServer12) -> ServerKeyExchange:
    message = peer.server_key_exchange()
    message.parameters = peer.share()
    return message


_WRONG: dict[str, Callable[[HostileServer12], ServerKeyExchange]] = {
    "of_no_bytes": lambda peer: peer.server_key_exchange(signature=b""),
    "of_zeros": lambda peer: peer.server_key_exchange(signature=bytes(72)),
    "of_zero_numbers": lambda peer: peer.server_key_exchange(signature=bytes.fromhex("3006020100020100")),
    "over_another_client_random": _signed_over(lambda peer, p: bytes(32) + peer.server_random + p),
    "over_another_server_random": _signed_over(lambda peer, p: peer.client_random + bytes(32) + p),
    "over_both_randoms_swapped": _signed_over(lambda peer, p: peer.server_random + peer.client_random + p),
    "over_the_share_alone": _signed_over(lambda peer, p: p),
    "over_the_randoms_alone": _signed_over(lambda peer, p: peer.client_random + peer.server_random),
    "over_another_share": _with_another_share,
    "by_another_key": _by_another,
    "made_for_another_connection": _from_another_connection,
}
for _name, _edit in _WRONG.items():
    for _suite, _version in (
        (ECDSA_SUITE, TLS12),
        (CBC_SUITE, TLS10),
        (ECDHE_RSA, TLS12),
        (ECDHE_RSA, TLS11),
    ):
        if _suite != ECDSA_SUITE and _name == "made_for_another_connection":
            continue
        refused(
            f"server_signs_its_share_{_name}_{_suite.split('_')[2].lower()}_{_version:04x}",
            BadSignature,
            "RFC 5246 §7.4.3",
            partial(_exchange, _edit, suite=_suite, version=_version),
        )


def _named(scheme: int) -> Callable[[HostileServer12], ServerKeyExchange]:
    return lambda peer: peer.server_key_exchange(scheme=scheme)


for _name, _scheme in {
    "rsa_md5": 0x0101,
    "rsa_sha1": 0x0201,
    "ecdsa_sha1": 0x0203,
    "ecdsa_sha224": 0x0303,
    "dsa_sha1": 0x0202,
    "anonymous": 0x0400,
    "nothing": 0x0000,
    "private_use": 0xFF01,
    "grease": 0x0A0A,
    "mldsa44": 0x0904,
    "rsa_pkcs1_sha256_legacy": 0x0420,
    "rsa_pkcs1_sha256_for_an_ecdsa_key": 0x0401,
    "rsa_pss_for_an_ecdsa_key": 0x0804,
    "ed25519_for_an_ecdsa_key": 0x0807,
}.items():
    refused(
        f"server_signs_its_share_in_{_name}",
        IllegalParameter,
        "RFC 5246 §7.4.3" if "ecdsa_key" in _name else "RFC 5246 §7.4.1.4.1",
        partial(
            _exchange,
            _named(_scheme),
            config=client12(
                signature_schemes=(
                    "ecdsa_secp256r1_sha256",
                    "rsa_pss_rsae_sha256",
                    "ed25519",
                    "rsa_pkcs1_sha256",
                )
            ),
        ),
    )


@refusal(IllegalParameter, "RFC 5246 §7.4.1.4.1")
def server_signs_in_a_scheme_that_fits_and_was_not_offered() -> Peer:
    config = client12(signature_schemes=("ecdsa_secp384r1_sha384",))
    return _exchange(lambda peer: peer.server_key_exchange(), config=config)


@refusal(IllegalParameter, "RFC 5246 §7.4.1.4.1")
def server_signs_with_ed25519_before_tls_1_2() -> Peer:
    peer = HostileServer12.before(
        "server_key_exchange", suite=CBC_SUITE, version=TLS11, identity=credential("ed25519")
    )
    share = peer.share()
    return peer.send(ServerKeyExchange(None, share, None, bytes(64)))


# Messages that the key exchange has no place for


@refusal(UnexpectedMessage, "RFC 9846 §4")
def server_sends_a_key_exchange_with_rsa() -> Peer:
    """FREAK (CVE-2015-0204) came with an ephemeral RSA key of export grade."""
    peer = HostileServer12.before("server_hello_done", suite=RSA_SUITE)
    modulus = rsa_credential().key.public_key().public_numbers().n  # type: ignore[union-attr]
    body = b"\0\x40" + modulus.to_bytes(256)[:64] + b"\0\x03\x01\0\x01" + b"\x04\x01\0\x01a"
    return peer.send(handshake_message(12, body))


def _out_of_place(suite: str, step: str, kind: int, body: bytes) -> Peer:
    return HostileServer12.before(step, suite=suite).send(handshake_message(kind, body))


_REQUEST = b"\x01\x01\0\x02\x04\x01\0\0"
for _suite in (PLAIN_PSK, ECDHE_PSK, DHE_PSK, RSA_PSK, DH_ANON, ECDH_ANON):
    refused(
        f"certificate_is_requested_with_{_suite[4:].split('_WITH')[0].lower()}",
        UnexpectedMessage,
        "RFC 9846 §4",
        partial(_out_of_place, _suite, "server_hello_done", 13, _REQUEST),
    )
for _suite in (PLAIN_PSK, ECDHE_PSK, DH_ANON):
    refused(
        f"certificate_is_shown_with_{_suite[4:].split('_WITH')[0].lower()}",
        UnexpectedMessage,
        "RFC 9846 §4",
        partial(_out_of_place, _suite, "server_hello_done", 11, b"\0\0\0"),
    )
