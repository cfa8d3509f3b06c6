"""What both sides refuse in records and in how messages lie in them (RFC 9846 §5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lucidtls.errors import (
    BadRecordMac,
    DecodeError,
    IllegalParameter,
    NotTLS,
    PeerError,
    RecordOverflow,
    UnexpectedMessage,
)
from lucidtls.handshake.driver import MAX_EMPTY_RECORDS
from lucidtls.record.reader import MAX_CHANGE_CIPHER_SPECS
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.extensions import ch
from lucidtls.wire.messages13 import KeyUpdate
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import HostileClient, HostileServer, Peer, encoded, plain
from tests.flows.parties import client_config, server_config

HANDSHAKE, ALERT, DATA = ContentType.HANDSHAKE, ContentType.ALERT, ContentType.APPLICATION_DATA
CHANGE_CIPHER_SPEC = ContentType.CHANGE_CIPHER_SPEC

Reach = Callable[[str], Peer]
ATTACKERS: dict[str, Reach] = {"client": HostileServer.at, "server": HostileClient.at}
"""Who attacks which victim."""

CLEAR = {"client": "WAIT_SH", "server": "START"}
SEALED = {"client": "WAIT_EE", "server": "WAIT_FINISHED"}


def both(
    name: str,
    error: type[PeerError],
    clause: str,
    act: Callable[[Peer], Peer],
    states: dict[str, str] | None = None,
    alert: str | None = None,
) -> None:
    """Add a row for each role, with the victim connected unless `states` says otherwise."""
    for role, reach in ATTACKERS.items():
        state = "CONNECTED" if states is None else states[role]
        refused(f"{role}_{state.lower()}_{name}", error, clause, partial(_act, reach, state, act), alert)


def _act(reach: Reach, state: str, act: Callable[[Peer], Peer]) -> Peer:
    return act(reach(state))


def _record(content_type: int, content: bytes) -> Callable[[Peer], Peer]:
    """Send one record, sealed where there are keys."""
    return lambda peer: peer.deliver(peer.record(content_type, content))


def _clear(content_type: int, content: bytes) -> Callable[[Peer], Peer]:
    """Send one record in the clear."""
    return lambda peer: peer.deliver(plain(content_type, content))


def _inner(inner: bytes) -> Callable[[Peer], Peer]:
    """Seal a TLSInnerPlaintext as it is."""

    def act(peer: Peer) -> Peer:
        assert peer.sealer is not None, "there are no keys yet"
        return peer.deliver(peer.sealer.seal(inner))

    return act


# Types

for _states in (CLEAR, SEALED, None):
    for _name, _type in {"heartbeat": 24, "unknown": 99, "invalid": 0}.items():
        if _states is CLEAR and _name != "heartbeat":
            continue  # at the very beginning, such bytes are no TLS at all
        both(
            f"gets_a_record_in_the_clear_of_type_{_name}",
            UnexpectedMessage,
            "RFC 9846 §5" if _states is CLEAR else "RFC 9846 §5.2",
            _clear(_type, b"abc"),
            _states,
        )
both("gets_application_data_in_the_clear", UnexpectedMessage, "RFC 9846 §5", _clear(DATA, b"x" * 40), CLEAR)
for _states in (SEALED, None):
    both(
        "gets_handshake_in_the_clear",
        UnexpectedMessage,
        "RFC 9846 §5.2",
        _clear(HANDSHAKE, b"\x18\0\0\x01\0"),
        _states,
    )
    for _name, _type in {"change_cipher_spec": 20, "heartbeat": 24, "unknown": 99}.items():
        both(
            f"gets_a_sealed_record_of_type_{_name}",
            UnexpectedMessage,
            "RFC 9846 §5",
            _record(_type, b"\x01"),
            _states,
        )
    for _name, _content in {"nothing": b"", "padding": bytes(1), "much_padding": bytes(2**14 + 1)}.items():
        both(
            f"gets_a_sealed_record_with_no_type_but_{_name}",
            UnexpectedMessage,
            "RFC 9846 §5.4",
            _inner(_content),
            _states,
        )
both("gets_an_alert_in_the_clear", UnexpectedMessage, "RFC 9846 §5.2", _clear(ALERT, b"\x02\x28"))
refused(
    "client_wait_ee_gets_an_alert_in_the_clear",
    UnexpectedMessage,
    "RFC 9846 §5.2",
    lambda: HostileServer.at("WAIT_EE").deliver(plain(ALERT, b"\x02\x28")),
)


@refusal(UnexpectedMessage, "RFC 9846 §5.2")
def server_wait_cv_gets_an_alert_in_the_clear_after_a_sealed_record() -> Peer:
    return HostileClient.at("WAIT_CV").deliver(plain(ALERT, b"\x02\x28"))


# Lengths

_TOO_LONG = b"\x16\x03\x03" + (2**14 + 1).to_bytes(2)
_SEALED_TOO_LONG = b"\x17\x03\x03" + (2**14 + 257).to_bytes(2)
both(
    "gets_the_header_of_an_oversized_record",
    RecordOverflow,
    "RFC 9846 §5.1",
    lambda peer: peer.deliver(_TOO_LONG),
    CLEAR,
)
for _states in (SEALED, None):
    both(
        "gets_the_header_of_an_oversized_sealed_record",
        RecordOverflow,
        "RFC 9846 §5.1",
        lambda peer: peer.deliver(_SEALED_TOO_LONG),
        _states,
    )
    both(
        "gets_a_record_that_opens_to_too_much_data",
        RecordOverflow,
        "RFC 9846 §5.4",
        _inner(bytes(2**14 + 1) + b"\x17"),
        _states,
    )
    both(
        "gets_a_record_that_opens_to_too_much_padding",
        RecordOverflow,
        "RFC 9846 §5.4",
        _inner(b"a\x17" + bytes(2**14)),
        _states,
    )


# Protection


def _altered(at: int) -> Callable[[Peer], Peer]:
    def act(peer: Peer) -> Peer:
        record = bytearray(peer.record(DATA, b"hello"))
        record[at] ^= 1
        return peer.deliver(bytes(record))

    return act


def _sequence(number: int) -> Callable[[Peer], Peer]:
    def act(peer: Peer) -> Peer:
        assert peer.sealer is not None, "there are no keys yet"
        return peer.deliver(peer.sealer.seal(b"hello\x17", sequence=number))

    return act


def _replayed(peer: Peer) -> Peer:
    record = peer.record(DATA, b"pay a hundred")
    return peer.deliver(record).deliver(record)


def _next_keys(peer: Peer) -> Peer:
    """Use the keys that a KeyUpdate would bring, without one."""
    peer.rekey()
    return peer.send_data(b"hello")


for _name, _act_on in {
    "whose_ciphertext_was_altered": _altered(7),
    "whose_tag_was_altered": _altered(-1),
    "whose_header_was_altered": _altered(2),
    "out_of_order": _sequence(1),
    "sealed_with_the_largest_sequence_number": _sequence(2**64 - 1),
    "sealed_with_keys_that_were_not_announced": _next_keys,
    "that_was_sent_before": _replayed,
    "shorter_than_a_tag": lambda peer: peer.deliver(plain(DATA, bytes(15))),
    "of_length_zero": lambda peer: peer.deliver(plain(DATA, b"")),
}.items():
    both(f"gets_a_record_{_name}", BadRecordMac, "RFC 9846 §5.2", _act_on)
both("gets_a_record_of_noise", BadRecordMac, "RFC 9846 §5.2", _clear(DATA, bytes(64)), SEALED)


# change_cipher_spec

_DURING = {"client": "WAIT_SH", "server": "WAIT_FINISHED"}
for _name, _content in {"0": b"\0", "2": b"\x02", "two_bytes": b"\x01\x01", "nothing": b""}.items():
    both(
        f"gets_a_change_cipher_spec_of_{_name}",
        UnexpectedMessage,
        "RFC 9846 §5",
        _clear(CHANGE_CIPHER_SPEC, _content),
        _DURING,
    )
both(
    "gets_a_change_cipher_spec_after_the_handshake",
    UnexpectedMessage,
    "RFC 9846 §5",
    _clear(CHANGE_CIPHER_SPEC, b"\x01"),
)
both(
    "gets_a_flood_of_change_cipher_spec",
    UnexpectedMessage,
    "RFC 9846 §5",
    lambda peer: peer.deliver(plain(CHANGE_CIPHER_SPEC, b"\x01") * (MAX_CHANGE_CIPHER_SPECS + 1)),
    _DURING,
)


# Messages in records

_PARTIAL = b"\x18\0\0\x01"
for _states in (CLEAR, SEALED, None):
    both(
        "gets_an_empty_handshake_record", UnexpectedMessage, "RFC 9846 §5.1", _record(HANDSHAKE, b""), _states
    )
    both("gets_an_empty_alert_record", UnexpectedMessage, "RFC 9846 §5.4", _record(ALERT, b""), _states)
    for _name, _content in {
        "half_an": b"\x02",
        "one_and_a_half": b"\x02\x28\x02",
        "two": b"\x02\x28" * 2,
    }.items():
        both(
            f"gets_{_name}_alert_in_a_record", DecodeError, "RFC 9846 §5.1", _record(ALERT, _content), _states
        )
both(
    "gets_an_empty_handshake_record_with_padding",
    UnexpectedMessage,
    "RFC 9846 §5.1",
    lambda peer: peer.deliver(peer.sealed(HANDSHAKE, b"", padding=100)),
)
both(
    "gets_data_in_the_middle_of_a_message",
    UnexpectedMessage,
    "RFC 9846 §5.1",
    lambda peer: peer.deliver(peer.sealed(HANDSHAKE, _PARTIAL) + peer.sealed(DATA, b"x")),
)
both(
    "gets_an_alert_in_the_middle_of_a_message",
    UnexpectedMessage,
    "RFC 9846 §5.1",
    lambda peer: peer.deliver(peer.sealed(HANDSHAKE, _PARTIAL) + peer.sealed(ALERT, b"\x01\0")),
)
both(
    "gets_handshake_data_behind_a_key_update",
    UnexpectedMessage,
    "RFC 9846 §5.1",
    lambda peer: peer.deliver(peer.sealed(HANDSHAKE, encoded(KeyUpdate(0)) * 2)),
)
both(
    "gets_application_data_before_the_handshake_is_done",
    UnexpectedMessage,
    "RFC 9846 §4.5.3",
    _record(DATA, b"early bird"),
    SEALED,
)
both(
    "gets_empty_application_data_before_the_handshake_is_done",
    UnexpectedMessage,
    "RFC 9846 §4.5.3",
    _record(DATA, b""),
    SEALED,
)


# Floods and sizes


def _many(count: int, record: Callable[[Peer], bytes]) -> Callable[[Peer], Peer]:
    return lambda peer: peer.deliver(b"".join(record(peer) for _ in range(count)))


both(
    "gets_a_flood_of_empty_records",
    UnexpectedMessage,
    "RFC 9846 §5.4",
    _many(MAX_EMPTY_RECORDS + 1, lambda peer: peer.sealed(DATA, b"")),
)
both(
    "gets_a_flood_of_records_with_nothing_but_padding_in_them",
    UnexpectedMessage,
    "RFC 9846 §5.4",
    _many(MAX_EMPTY_RECORDS + 1, lambda peer: peer.sealed(DATA, b"", padding=50)),
)


def _huge(message_type: int) -> Callable[[Peer], Peer]:
    return lambda peer: peer.deliver(peer.record(HANDSHAKE, bytes((message_type,)) + b"\xff\xff\xff"))


for _role, _state, _type in (
    ("client", "WAIT_SH", 2),
    ("client", "WAIT_EE", 8),
    ("client", "WAIT_CERT_CR", 13),
    ("client", "WAIT_CERT", 11),
    ("client", "WAIT_CV", 15),
    ("client", "WAIT_FINISHED", 20),
    ("client", "CONNECTED", 4),
    ("server", "START", 1),
    ("server", "WAIT_CERT", 11),
    ("server", "WAIT_FINISHED", 20),
    ("server", "CONNECTED", 24),
):
    refused(
        f"{_role}_{_state.lower()}_is_told_of_a_message_of_16_megabytes",
        IllegalParameter if _type in (11, 13) else DecodeError,
        "RFC 9846 §4.5.1" if _type in (11, 13) else "RFC 9846 §6",
        partial(_act, ATTACKERS[_role], _state, _huge(_type)),
    )


@refusal(IllegalParameter, "RFC 9846 §4.5.1")
def certificate_message_is_larger_than_the_config_allows() -> Peer:
    peer = HostileServer.at("WAIT_CERT_CR", client_config(max_certificate_message=100))
    return peer.send(peer.certificate(peer.identity))


# Early data that nobody can read (RFC 9846 §4.3.10)


def _early(limit: int, *, retry: bool) -> HostileClient:
    groups = ("secp256r1",) if retry else ("x25519",)
    peer = HostileClient(server_config(groups=groups, max_skipped_early_data=limit))
    peer.send_hello(peer.client_hello((ch.EARLY_DATA, True)))
    return peer


@refusal(UnexpectedMessage, "RFC 9846 §4.3.10")
def more_early_data_comes_than_is_passed_over() -> Peer:
    return _early(100, retry=False).deliver(plain(DATA, bytes(60)) * 2)


@refusal(UnexpectedMessage, "RFC 9846 §4.3.10")
def more_early_data_comes_after_a_retry_than_is_passed_over() -> Peer:
    return _early(100, retry=True).deliver(plain(DATA, bytes(60)) * 2)


@refusal(BadRecordMac, "RFC 9846 §5.2")
def early_data_comes_that_was_not_announced() -> Peer:
    return HostileClient.at("WAIT_FINISHED").deliver(plain(DATA, bytes(60)))


@refusal(UnexpectedMessage, "RFC 9846 §5")
def early_data_that_was_not_announced_comes_after_a_retry() -> Peer:
    return HostileClient.at("WAIT_CH2").deliver(plain(DATA, bytes(60)))


@refusal(BadRecordMac, "RFC 9846 §5.2")
def a_record_that_cannot_be_read_comes_after_early_data_has_ended() -> Peer:
    peer = _early(1000, retry=False)
    peer.deliver(plain(DATA, bytes(60)))
    raw = encoded(peer.finished())
    return peer.deliver(peer.sealed(HANDSHAKE, raw[:5])).deliver(plain(DATA, bytes(60)))


# What is no TLS

_OTHERS = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "smtp": b"220 mail.example.org ESMTP\r\n",
    "noise": bytes(range(200, 240)),
    "sslv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
    "zeros": bytes(16),
    "record_of_an_unknown_type": b"\x63\x03\x03\x00\x01a",
}
for _name, _first in _OTHERS.items():
    both(
        f"gets_{_name}",
        NotTLS,
        "RFC 6176 §3" if _name == "sslv2" else "RFC 9846 §5.1",
        partial(lambda first, peer: peer.deliver(first), _first),
        CLEAR,
        "protocol_version" if _name == "sslv2" else None,
    )
