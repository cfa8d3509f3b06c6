"""Messages and changes of keys that are missing, repeated, early, late or in pieces before TLS 1.3."""

from __future__ import annotations

from functools import partial

from lucidtls.errors import BadRecordMac, DecodeError, IllegalParameter, PeerError, UnexpectedMessage
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.codepoints import ContentType
from tests.conformance.refusal import refused
from tests.flows.hostile import Peer, encoded
from tests.flows.hostile12 import CCS, CLIENT_STEPS, SERVER_STEPS, HostileClient12, HostileServer12, Peer12

HANDSHAKE, CHANGE, DATA = ContentType.HANDSHAKE, ContentType.CHANGE_CIPHER_SPEC, ContentType.APPLICATION_DATA
ALERT = ContentType.ALERT

STEPS = {"client": SERVER_STEPS, "server": CLIENT_STEPS}
"""By victim: the steps of the attacker's longest handshake."""

FIRST = {"server_hello", "client_hello"}
SEALED = {"finished", "data"}

TYPES = {
    "hello_request": 0,
    "client_hello": 1,
    "server_hello": 2,
    "new_session_ticket": 4,
    "encrypted_extensions": 8,
    "certificate": 11,
    "server_key_exchange": 12,
    "certificate_request": 13,
    "server_hello_done": 14,
    "certificate_verify": 15,
    "client_key_exchange": 16,
    "finished": 20,
    "certificate_status": 22,
    "key_update": 24,
    "message_hash": 254,
}

ALSO = {
    ("client", "certificate_request"): {"server_hello_done"},
    ("client", "server_key_exchange"): {"certificate_status"},
    ("client", "data"): {"hello_request"},
    ("server", "data"): {"client_hello"},
}
"""What else may come at a step than the step itself. A client passes over every hello_request."""


def reach(role: str, step: str) -> Peer12:
    """A victim before a step of the longest handshake."""
    if role == "client":
        status = step in ("certificate_status", "server_key_exchange")
        return HostileServer12.before(step, request=True, ticket=True, status=status)
    return HostileClient12.before(step, asked=True)


def allowed(role: str, step: str) -> set[str]:
    """The message types that are read at a step."""
    return {step} | ALSO.get((role, step), set())


def clause_of_order(role: str, step: str, next_step: str) -> str:
    """What text is broken when `next_step` comes in place of `step`."""
    if next_step != "change_cipher_spec":
        return "RFC 9846 §4"
    return "RFC 9846 §5" if step in FIRST else "RFC 5246 §7.1"


# Any other message


def _type(role: str, step: str, message_type: int) -> Peer:
    peer = reach(role, step)
    return peer.deliver(peer.record(HANDSHAKE, handshake_message(message_type, bytes(40))))


for _role, _steps in STEPS.items():
    for _step in _steps:
        for _name, _number in TYPES.items():
            passed_over = _role == "client" and _name == "hello_request"
            if _name in allowed(_role, _step) or passed_over:
                continue
            refused(
                f"{_role}_awaits_the_{_step}_and_gets_a_{_name}",
                UnexpectedMessage,
                "RFC 9846 §4",
                partial(_type, _role, _step, _number),
            )


# A message left out, or said twice

OPTIONAL = {"certificate_request", "certificate_status"}


def _skip(role: str, step: str) -> Peer:
    peer = reach(role, step).skip()
    following = peer.next_step
    if following == "data":
        return peer.send_data(b"as if all were well")
    if following == "client_key_exchange":
        return peer.send(handshake_message(16, b"\x20" + bytes(32)))
    peer.take(following)
    return peer


def _twice(role: str, step: str) -> Peer:
    peer = reach(role, step)
    peer.at += 1
    if step == "change_cipher_spec":
        return peer.change_cipher_spec().deliver(peer.sealed(CHANGE, CCS))
    if step == "client_key_exchange":
        peer.take(step)
        return peer.send(handshake_message(16, b"\x20" + bytes(32)))
    raw = encoded(getattr(peer, step)())
    return peer.send(raw).send(raw)


for _role, _steps in STEPS.items():
    for _number, _step in enumerate(_steps[:-1]):
        _next = _steps[_number + 1]
        if _step not in OPTIONAL:
            _clause = "RFC 9846 §4.5.3" if _step == "finished" else clause_of_order(_role, _step, _next)
            if (_role, _step) == ("client", "server_hello_done"):
                # The ticket that was promised comes next.
                _clause = "RFC 9846 §4"
            refused(f"{_role}_gets_no_{_step}", UnexpectedMessage, _clause, partial(_skip, _role, _step))
        if _step != "client_hello":
            refused(
                f"{_role}_gets_the_{_step}_twice",
                UnexpectedMessage,
                "RFC 5246 §7.1" if _step == "change_cipher_spec" else "RFC 9846 §4",
                partial(_twice, _role, _step),
            )


# ChangeCipherSpec (CVE-2014-0224)


def _change(role: str, step: str, content: bytes = CCS) -> Peer:
    peer = reach(role, step)
    return peer.deliver(peer.record(CHANGE, content))


def _change_in_a_message(role: str, step: str) -> Peer:
    peer = reach(role, step)
    first = peer.record(HANDSHAKE, bytes((TYPES[step], 0)))
    return peer.deliver(first).deliver(peer.record(CHANGE, CCS))


def _leftover(role: str, raw: bytes) -> Peer:
    peer = reach(role, "change_cipher_spec")
    return peer.deliver(peer.clear(HANDSHAKE, raw)).deliver(peer.clear(CHANGE, CCS))


def _change_in_the_clear(role: str) -> Peer:
    peer = reach(role, "finished")
    return peer.deliver(peer.clear(CHANGE, CCS))


for _role, _steps in STEPS.items():
    for _step in _steps:
        if _step != "change_cipher_spec":
            refused(
                f"{_role}_awaits_the_{_step}_and_gets_a_change_cipher_spec",
                UnexpectedMessage,
                "RFC 9846 §5" if _step in FIRST else "RFC 5246 §7.1",
                partial(_change, _role, _step),
            )
        if _step not in ("change_cipher_spec", "data"):
            refused(
                f"{_role}_gets_a_change_cipher_spec_within_the_{_step}",
                UnexpectedMessage,
                "RFC 9846 §5" if _step in FIRST else "RFC 9846 §5.1",
                partial(_change_in_a_message, _role, _step),
            )
    for _name, _content in {"0": b"\0", "2": b"\x02", "two_bytes": b"\1\1", "nothing": b""}.items():
        refused(
            f"{_role}_of_tls_1_2_gets_a_change_cipher_spec_of_{_name}",
            IllegalParameter,
            "RFC 5246 §7.1",
            partial(_change, _role, "change_cipher_spec", _content),
        )
    refused(
        f"{_role}_gets_half_a_finished_before_its_change_cipher_spec",
        UnexpectedMessage,
        "RFC 9846 §5.1",
        partial(_leftover, _role, b"\x14\0\0"),
    )
    refused(
        f"{_role}_gets_a_finished_in_the_clear_before_its_change_cipher_spec",
        UnexpectedMessage,
        "RFC 9846 §4",
        partial(_leftover, _role, b"\x14\0\0\x0c" + bytes(12)),
    )
    refused(
        f"{_role}_gets_a_second_change_cipher_spec_in_the_clear",
        BadRecordMac,
        "RFC 5246 §6.2.3.2",
        partial(_change_in_the_clear, _role),
    )


# What lies behind or between messages


def _behind(role: str, step: str, more: bytes) -> Peer:
    peer = reach(role, step)
    peer.at += 1
    return peer.deliver(peer.record(HANDSHAKE, encoded(getattr(peer, step)()) + more))


for _role, _step in (("client", "server_hello_done"), ("server", "client_hello")):
    for _name, _more in {"a_byte": b"\x14", "a_finished": b"\x14\0\0\x0c" + bytes(12)}.items():
        refused(
            f"{_name}_follows_the_{_step}_in_its_record",
            UnexpectedMessage,
            "RFC 9846 §5.1",
            partial(_behind, _role, _step, _more),
        )
for _role in STEPS:
    refused(
        f"{_role}_of_tls_1_2_gets_a_byte_behind_the_finished_in_its_record",
        UnexpectedMessage,
        "RFC 9846 §5.1",
        partial(_behind, _role, "finished", b"\0"),
    )


def _within(role: str, step: str, content_type: int, content: bytes) -> Peer:
    peer = reach(role, step)
    peer.deliver(peer.record(HANDSHAKE, bytes((TYPES[step], 0))))
    return peer.deliver(peer.record(content_type, content))


def _lone(role: str, step: str, content_type: int, content: bytes) -> Peer:
    peer = reach(role, step)
    return peer.deliver(peer.record(content_type, content))


for _role, _steps in STEPS.items():
    for _step in _steps:
        refused(
            f"{_role}_awaits_the_{_step}_and_gets_an_empty_handshake_record",
            UnexpectedMessage,
            "RFC 9846 §5.1",
            partial(_lone, _role, _step, HANDSHAKE, b""),
        )
        if _step == "data":
            continue
        if _step != "change_cipher_spec":
            refused(
                f"{_role}_gets_an_alert_within_the_{_step}",
                UnexpectedMessage,
                "RFC 9846 §5.1",
                partial(_within, _role, _step, ALERT, b"\x01\x64"),
            )
        if _step in FIRST:
            _clause = "RFC 9846 §5"
        else:
            _clause = "RFC 9846 §4.5.3" if _step in SEALED else "RFC 5246 §6"
        refused(
            f"{_role}_awaits_the_{_step}_and_gets_application_data",
            UnexpectedMessage,
            _clause,
            partial(_lone, _role, _step, DATA, b"early bird"),
        )


# Messages without a body that have one, and messages too long to be


def _header(role: str, step: str, raw: bytes) -> Peer:
    peer = reach(role, step)
    return peer.deliver(peer.record(HANDSHAKE, raw))


_LONG: tuple[tuple[str, str, str, bytes, type[PeerError], str], ...] = (
    (
        "a_server_hello_done_with_a_body",
        "client",
        "server_hello_done",
        b"\x0e\0\0\1",
        DecodeError,
        "RFC 9846 §6",
    ),
    ("a_hello_request_with_a_body", "client", "certificate", b"\0\0\0\1", DecodeError, "RFC 9846 §6"),
    ("a_late_hello_request_with_a_body", "client", "data", b"\0\0\0\1", DecodeError, "RFC 9846 §6"),
    ("a_finished_of_65_bytes", "client", "finished", b"\x14\0\0\x41", DecodeError, "RFC 9846 §6"),
    (
        "a_client_exchange_of_a_megabyte",
        "server",
        "client_key_exchange",
        b"\x10\x10\0\0",
        DecodeError,
        "RFC 9846 §6",
    ),
    ("a_proof_of_a_megabyte", "server", "certificate_verify", b"\x0f\x10\0\0", DecodeError, "RFC 9846 §6"),
    ("a_ticket_of_a_megabyte", "client", "new_session_ticket", b"\x04\x10\0\0", DecodeError, "RFC 9846 §6"),
    (
        "a_request_of_a_megabyte",
        "client",
        "certificate_request",
        b"\x0d\x10\0\0",
        IllegalParameter,
        "RFC 9846 §4.5.1",
    ),
    (
        "a_status_of_a_megabyte",
        "client",
        "certificate_status",
        b"\x16\x10\0\0",
        IllegalParameter,
        "RFC 9846 §4.5.1",
    ),
    ("a_late_hello_of_16_megabytes", "server", "data", b"\x01\xff\xff\xff", DecodeError, "RFC 9846 §6"),
)
for _name, _role, _step, _raw, _error, _clause in _LONG:
    refused(f"{_role}_is_told_of_{_name}", _error, _clause, partial(_header, _role, _step, _raw))
