"""What both sides refuse in records of TLS 1.2 and before (RFC 5246 §6), and floods of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lucidtls.errors import (
    BadRecordMac,
    DecodeError,
    IllegalParameter,
    PeerError,
    RecordOverflow,
    UnexpectedMessage,
    UnsupportedVersion,
)
from lucidtls.handshake.driver import MAX_EMPTY_RECORDS, MAX_HELLO_REQUESTS, MAX_WARNINGS
from lucidtls.handshake.post12 import MAX_RENEGOTIATIONS
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.versions import SSL30, TLS10, TLS11, TLS12, TLS13
from tests.conformance.refusal import refusal, refused
from tests.flows.choices12 import CBC_SUITE, ECDSA_SUITE
from tests.flows.hostile import Peer, encoded, plain
from tests.flows.hostile12 import HostileClient12, HostileServer12, Peer12, Reach12
from tests.flows.protection12 import Protector

HANDSHAKE, ALERT, DATA = ContentType.HANDSHAKE, ContentType.ALERT, ContentType.APPLICATION_DATA
CHANGE = ContentType.CHANGE_CIPHER_SPEC

ATTACKERS: dict[str, Reach12] = {"client": HostileServer12.before, "server": HostileClient12.before}
CLEAR = {"client": "certificate", "server": "client_key_exchange"}
"""A step at which the version is known and nothing is protected."""

_NULL = "TLS_RSA_WITH_NULL_SHA256"
_CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
_3DES = "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
_CBC_384 = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"

PROTECTIONS: dict[str, tuple[str, int, bool]] = {
    "gcm": (ECDSA_SUITE, TLS12, False),
    "chacha": (_CHACHA, TLS12, False),
    "cbc_of_tls_1_2": (CBC_SUITE, TLS12, False),
    "cbc_of_tls_1_1": (CBC_SUITE, TLS11, False),
    "cbc_of_tls_1_0": (CBC_SUITE, TLS10, False),
    "cbc_sha384": (_CBC_384, TLS12, False),
    "3des": (_3DES, TLS10, False),
    "encrypt_then_mac": (CBC_SUITE, TLS12, True),
    "encrypt_then_mac_of_tls_1_0": (CBC_SUITE, TLS10, True),
    "null": (_NULL, TLS12, False),
}
"""By name: suite, version, and whether the MAC goes over the ciphertext."""


def connected(role: str, protection: str = "gcm", step: str = "data") -> Peer12:
    """A victim that opens records with a protection."""
    suite, version, etm = PROTECTIONS[protection]
    return ATTACKERS[role](step, suite=suite, version=version, etm=etm)


Act = Callable[[Peer12], Peer]


def _act(role: str, protection: str, step: str, act: Act) -> Peer:
    return act(connected(role, protection, step))


def both(
    name: str,
    error: type[PeerError],
    clause: str,
    act: Act,
    step: str | dict[str, str] = "data",
    protection: str = "gcm",
) -> None:
    """Add a row for each role."""
    for role in ATTACKERS:
        at = step if isinstance(step, str) else step[role]
        refused(
            f"{role}_of_tls_1_2_before_{at}_gets_{name}",
            error,
            clause,
            partial(_act, role, protection, at, act),
        )


def _own(peer: Peer12) -> Protector:
    assert peer.protector is not None, "there are no keys yet"
    return peer.protector


def _clear(content_type: int, content: bytes) -> Act:
    return lambda peer: peer.deliver(peer.clear(content_type, content))


def _record(content_type: int, content: bytes) -> Act:
    return lambda peer: peer.deliver(peer.record(content_type, content))


def _marked(version: int) -> Act:
    return lambda peer: peer.deliver(plain(HANDSHAKE, bytes(40), version))


def _sealed_and_marked(version: int) -> Act:
    return lambda peer: peer.deliver(_own(peer).seal(DATA, b"hello", version=version))


# What does not authenticate


def _altered(at: int) -> Act:
    def act(peer: Peer12) -> Peer:
        record = bytearray(peer.sealed(DATA, b"hello" * 20))
        record[at] ^= 1
        return peer.deliver(bytes(record))

    return act


def _sequence(number: int) -> Act:
    return lambda peer: peer.deliver(_own(peer).seal(DATA, b"hello", sequence=number))


def _replayed(peer: Peer12) -> Peer:
    record = peer.sealed(DATA, b"pay a hundred")
    return peer.deliver(record).deliver(record)


def _dropped(peer: Peer12) -> Peer:
    peer.sealed(DATA, b"not delivered")
    return peer.deliver(peer.sealed(DATA, b"hello"))


def _other_type(peer: Peer12) -> Peer:
    record = peer.sealed(DATA, b"\x01\0")
    return peer.deliver(bytes((ALERT,)) + record[1:])


def _cut(count: int) -> Act:
    def act(peer: Peer12) -> Peer:
        fragment = peer.sealed(DATA, b"hello" * 20)[5:-count]
        return peer.deliver(plain(DATA, fragment, peer.version))

    return act


def _fragment(fragment: bytes) -> Act:
    return lambda peer: peer.deliver(plain(DATA, fragment, peer.version))


_FAULTS: dict[str, Act] = {
    "an_altered_first_byte": _altered(5),
    "an_altered_byte_in_the_middle": _altered(40),
    "an_altered_last_byte": _altered(-1),
    "an_altered_type": _other_type,
    "a_record_twice": _replayed,
    "a_record_after_one_was_dropped": _dropped,
    "a_record_with_a_later_number": _sequence(7),
    "a_record_cut_by_a_byte": _cut(1),
    "a_record_cut_by_a_block": _cut(16),
    "a_record_of_no_bytes": _fragment(b""),
    "a_record_of_one_byte": _fragment(b"a"),
    "a_record_of_fifteen_bytes": _fragment(bytes(15)),
    "a_record_of_one_block": _fragment(bytes(16)),
    "a_record_of_two_blocks": _fragment(bytes(32)),
    "a_record_of_noise": _fragment(bytes(range(256))),
}
for _protection in PROTECTIONS:
    for _name, _fault in _FAULTS.items():
        both(
            f"{_name}_under_{_protection}",
            BadRecordMac,
            "RFC 5246 §6.2.3.2",
            _fault,
            protection=_protection,
        )
for _name, _fault in _FAULTS.items():
    if _name != "a_record_twice":
        both(
            f"{_name}_in_place_of_it",
            BadRecordMac,
            "RFC 5246 §6.2.3.2",
            _fault,
            "finished",
        )

for _name, _content_type, _content in (
    ("handshake_in_the_clear", HANDSHAKE, b"\0\0\0\0"),
    ("data_in_the_clear", DATA, b"x" * 100),
    ("an_alert_in_the_clear", ALERT, b"\x02\x28"),
    ("a_change_cipher_spec_in_the_clear", CHANGE, b"\x01"),
):
    both(
        _name,
        BadRecordMac,
        "RFC 5246 §6.2.3.2",
        _clear(_content_type, _content),
    )


# CBC: padding, MAC and length (RFC 5246 §6.2.3.2, CVE-2003-0078, CVE-2013-0169, CVE-2014-3566)

Plaintext = Callable[[bytes, bytes], bytes]
"""Makes the plaintext of a record out of content and MAC."""


def _padded(whole: bytes, block: int, *, extra: int = 0) -> bytes:
    missing = block - 1 - len(whole) % block + extra * block
    return whole + bytes((missing,)) * (missing + 1)


def _wrong_padding(at: int) -> Plaintext:
    def make(content: bytes, mac: bytes) -> bytes:
        plaintext = bytearray(_padded(content + mac, 16, extra=3))
        plaintext[at] ^= 0x80
        return bytes(plaintext)

    return make


CBC_FAULTS: dict[str, Plaintext] = {
    "a_wrong_length_of_padding": lambda content, mac: _padded(content + mac, 16)[:-1] + b"\x60",
    "a_wrong_first_byte_of_padding": _wrong_padding(-64),
    "a_wrong_byte_of_padding": _wrong_padding(-20),
    "a_wrong_byte_before_the_last_of_padding": _wrong_padding(-2),
    "padding_longer_than_the_record": lambda content, mac: bytes(32) + b"\xff" * 32,
    "padding_as_long_as_the_record": lambda content, mac: b"\x3f" * 64,
    "padding_that_leaves_no_room_for_the_mac": lambda content, mac: bytes(16) + b"\x2f" * 48,
    "the_padding_of_ssl_3": lambda content, mac: (
        _padded(content + mac, 16, extra=1)[:-16] + bytes(15) + b"\x0f"
    ),
    "a_wrong_mac": lambda content, mac: _padded(content + bytes((mac[0] ^ 1,)) + mac[1:], 16),
    "a_wrong_last_byte_of_its_mac": lambda content, mac: _padded(
        content + mac[:-1] + bytes((mac[-1] ^ 1,)), 16
    ),
    "a_wrong_mac_and_the_longest_padding": lambda content, mac: _padded(
        content + bytes(len(mac)), 16, extra=14
    ),
    "the_mac_of_other_content": lambda content, mac: _padded(b"other" + mac, 16),
    "nothing_but_padding": lambda content, mac: b"\x0f" * 16,
    "no_mac": lambda content, mac: _padded(content, 16),
}


def spoiled(peer: Peer12, make: Plaintext) -> bytes:
    """A record of CBC with this plaintext; with encrypt-then-MAC, its MAC is right."""
    own = _own(peer)
    content = b"hello, world"
    plaintext = make(content, own.mac(DATA, content))
    if own.etm:
        return own.record(DATA, own.with_mac(DATA, own.encrypt(plaintext)))
    return own.record(DATA, own.encrypt(plaintext))


def _spoiled(make: Plaintext) -> Act:
    return lambda peer: peer.deliver(spoiled(peer, make))


for _protection in ("cbc_of_tls_1_2", "cbc_of_tls_1_1", "cbc_of_tls_1_0"):
    for _name, _make in CBC_FAULTS.items():
        both(
            f"{_name}_under_{_protection}",
            BadRecordMac,
            "RFC 5246 §6.2.3.2",
            _spoiled(_make),
            protection=_protection,
        )
for _protection in ("encrypt_then_mac", "encrypt_then_mac_of_tls_1_0"):
    for _name in (
        "a_wrong_length_of_padding",
        "a_wrong_byte_of_padding",
        "padding_longer_than_the_record",
    ):
        both(
            f"{_name}_under_{_protection}",
            BadRecordMac,
            "RFC 5246 §6.2.3.2",
            _spoiled(CBC_FAULTS[_name]),
            protection=_protection,
        )
    both(
        f"no_ciphertext_and_a_right_mac_under_{_protection}",
        BadRecordMac,
        "RFC 5246 §6.2.3.2",
        lambda peer: peer.deliver(_own(peer).record(DATA, _own(peer).with_mac(DATA, b""))),
        protection=_protection,
    )
    both(
        f"half_a_block_and_a_right_mac_under_{_protection}",
        BadRecordMac,
        "RFC 5246 §6.2.3.2",
        lambda peer: peer.deliver(_own(peer).record(DATA, _own(peer).with_mac(DATA, bytes(40)))),
        protection=_protection,
    )


# Headers

for _version in (SSL30, TLS11, TLS13, 0x0404):
    for _step in ("data", CLEAR):
        both(
            f"a_record_marked_{_version:04x}",
            UnsupportedVersion,
            "RFC 5246 §6.2.1",
            _marked(_version),
            _step,
        )
    both(
        f"a_sealed_record_marked_{_version:04x}",
        UnsupportedVersion,
        "RFC 5246 §6.2.1",
        _sealed_and_marked(_version),
    )
for _name, _type in {"heartbeat": 24, "connection_id": 25, "unknown": 99, "zero": 0}.items():
    for _step in ("data", CLEAR):
        both(
            f"a_record_of_type_{_name}",
            UnexpectedMessage,
            "RFC 5246 §6",
            _record(_type, b"abc"),
            _step,
        )
both(
    "application_data_in_the_clear",
    UnexpectedMessage,
    "RFC 5246 §6",
    lambda peer: peer.deliver(peer.clear(DATA, b"x")),
    CLEAR,
)
both(
    "the_header_of_an_oversized_record",
    RecordOverflow,
    "RFC 5246 §6.2.1",
    lambda peer: peer.deliver(b"\x16\x03\x03" + (2**14 + 1).to_bytes(2)),
    CLEAR,
)
both(
    "the_header_of_an_oversized_sealed_record",
    RecordOverflow,
    "RFC 5246 §6.2.3",
    lambda peer: peer.deliver(b"\x17\x03\x03" + (2**14 + 2049).to_bytes(2)),
)
for _protection in PROTECTIONS:
    if PROTECTIONS[_protection][1] == TLS12:
        both(
            f"a_record_that_opens_to_too_much_under_{_protection}",
            RecordOverflow,
            "RFC 5246 §6.2.1",
            lambda peer: peer.deliver(peer.sealed(DATA, bytes(2**14 + 1))),
            protection=_protection,
        )


# Empty records, alerts and floods


def _many(count: int, record: Callable[[Peer12], bytes]) -> Act:
    return lambda peer: peer.deliver(b"".join(record(peer) for _ in range(count)))


for _step in ("data", CLEAR):
    both(
        "an_empty_alert",
        UnexpectedMessage,
        "RFC 9846 §5.4",
        lambda peer: peer.deliver(peer.record(ALERT, b"")),
        _step,
    )
    for _name, _content in {
        "half_an": b"\x02",
        "one_and_a_half": b"\x02\x28\x02",
        "two": b"\x01\x64" * 2,
    }.items():
        both(
            f"{_name}_alert_in_a_record",
            DecodeError,
            "RFC 9846 §5.1",
            _record(ALERT, _content),
            _step,
        )
    for _level in (0, 3, 255):
        for _name, _code in {"close_notify": 0, "handshake_failure": 40, "user_canceled": 90}.items():
            both(
                f"{_name}_of_level_{_level}",
                IllegalParameter,
                "RFC 5246 §7.2",
                _record(ALERT, bytes((_level, _code))),
                _step,
            )
    both(
        "a_flood_of_warnings",
        UnexpectedMessage,
        "RFC 5246 §7.2.2",
        _many(MAX_WARNINGS + 1, lambda peer: peer.record(ALERT, b"\x01\x64")),
        _step,
    )
both(
    "a_flood_of_empty_data",
    UnexpectedMessage,
    "RFC 9846 §5.4",
    _many(MAX_EMPTY_RECORDS + 1, lambda peer: peer.sealed(DATA, b"")),
)


@refusal(UnexpectedMessage, "RFC 5246 §7.2.2")
def warnings_flood_a_client_before_the_server_hello() -> Peer:
    return HostileServer12().deliver(plain(ALERT, b"\x01\x70") * (MAX_WARNINGS + 1))


@refusal(UnexpectedMessage, "RFC 5246 §7.4.1.1")
def hello_requests_flood_a_client_in_its_handshake() -> Peer:
    peer = HostileServer12.before("server_hello_done")
    return peer.deliver(peer.clear(HANDSHAKE, bytes(4)) * (MAX_HELLO_REQUESTS + 1))


@refusal(UnexpectedMessage, "RFC 5246 §7.4.1.1")
def hello_requests_flood_a_client_in_one_record() -> Peer:
    peer = HostileServer12.before("server_key_exchange")
    return peer.deliver(peer.clear(HANDSHAKE, bytes(4 * (MAX_HELLO_REQUESTS + 1))))


@refusal(UnexpectedMessage, "RFC 5246 §7.2.2")
def hello_requests_flood_a_client_after_its_handshake() -> Peer:
    peer = HostileServer12.before("data")
    return _many(MAX_RENEGOTIATIONS + 1, lambda peer: peer.sealed(HANDSHAKE, bytes(4)))(peer)


@refusal(UnexpectedMessage, "RFC 5246 §7.2.2")
def client_hellos_flood_a_server_after_its_handshake() -> Peer:
    peer = HostileClient12.before("data")
    hello = encoded(peer.client_hello())
    return _many(MAX_RENEGOTIATIONS + 1, lambda peer: peer.sealed(HANDSHAKE, hello))(peer)


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def data_comes_in_the_middle_of_a_hello_request() -> Peer:
    peer = HostileServer12.before("data")
    return peer.deliver(peer.sealed(HANDSHAKE, bytes(3))).deliver(peer.sealed(DATA, b"x"))
