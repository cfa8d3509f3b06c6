"""What both sides refuse after the handshake (RFC 9846 §4.7)."""

from __future__ import annotations

from functools import partial

from lucidtls.errors import DecodeError, IllegalParameter, UnexpectedMessage
from lucidtls.handshake.post import MAX_KEY_UPDATES
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.messages13 import KeyUpdate, NewSessionTicket
from tests.conformance.attacks.records import ATTACKERS, Reach
from tests.conformance.refusal import refusal, refused
from tests.flows.hostile import HostileServer, Peer, extensions
from tests.flows.parties import client_config, client_credential


def _post(reach: Reach, raw: bytes) -> Peer:
    return reach("CONNECTED").send_post(raw)


def _flood(reach: Reach, request: int) -> Peer:
    peer = reach("CONNECTED")
    for _ in range(MAX_KEY_UPDATES + 1):
        peer.deliver(peer.sealed(22, b"\x18\0\0\x01" + bytes((request,))))
        peer.rekey()
    return peer


for _role, _reach in ATTACKERS.items():
    for _value in (2, 255):
        refused(
            f"{_role}_gets_a_key_update_of_value_{_value}",
            IllegalParameter,
            "RFC 9846 §4.7.3",
            partial(_post, _reach, b"\x18\0\0\x01" + bytes((_value,))),
        )
    for _name, _raw in {"no_bytes": b"\x18\0\0\0", "two_bytes": b"\x18\0\0\x02\0\0"}.items():
        refused(
            f"{_role}_gets_a_key_update_of_{_name}",
            DecodeError,
            "RFC 9846 §4.7.3" if _name == "no_bytes" else "RFC 9846 §6",
            partial(_post, _reach, _raw),
        )
    refused(
        f"{_role}_gets_a_flood_of_key_updates",
        UnexpectedMessage,
        "RFC 9846 §4.7.3",
        partial(_flood, _reach, 0),
    )


def ticket(*items: tuple[int, bytes], lifetime: int = 3600, nonce: bytes = b"\0") -> NewSessionTicket:
    """A NewSessionTicket."""
    return NewSessionTicket(lifetime, 7, nonce, b"ticket", extensions("NewSessionTicket", *items))


def _ticket(raw: bytes) -> Peer:
    return _post(HostileServer.at, raw)


for _name, _item in {"key_share": (51, b"\0\x1d"), "alpn": (16, b"\0\x03\x02h2")}.items():
    refused(
        f"ticket_carries_{_name}",
        IllegalParameter,
        "RFC 9846 §4.3",
        partial(_ticket, handshake_message(4, ticket(_item).body())),
    )
refused(
    "ticket_has_an_early_data_size_of_three_bytes",
    DecodeError,
    "RFC 9846 §4.3.10",
    partial(_ticket, handshake_message(4, ticket((42, bytes(3))).body())),
)
refused(
    "ticket_is_empty",
    DecodeError,
    "RFC 9846 §4.7.1",
    partial(_ticket, handshake_message(4, bytes(4 + 4 + 1 + 2 + 2))),
)
refused(
    "ticket_has_a_byte_too_many",
    DecodeError,
    "RFC 9846 §4.7.1",
    partial(_ticket, handshake_message(4, ticket().body() + b"\0")),
)
refused("ticket_is_cut_short", DecodeError, "RFC 9846 §4.7.1", partial(_ticket, b"\x04\0\0\x03\0\0\0"))


@refusal(UnexpectedMessage, "RFC 9846 §4")
def certificate_is_requested_after_a_handshake_without_post_handshake_auth() -> Peer:
    peer = HostileServer.at("CONNECTED", client_config(credentials=client_credential()))
    return peer.send_post(peer.certificate_request(context=b"later"))


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def data_comes_in_the_middle_of_a_ticket() -> Peer:
    peer = HostileServer.at("CONNECTED")
    raw = handshake_message(4, ticket().body())
    return peer.deliver(peer.sealed(22, raw[:9])).send_data(b"x")


@refusal(UnexpectedMessage, "RFC 9846 §5.1")
def key_update_is_split_by_data() -> Peer:
    peer = HostileServer.at("CONNECTED")
    return peer.deliver(peer.sealed(22, handshake_message(24, KeyUpdate(0).body())[:4])).send_data(b"x")
