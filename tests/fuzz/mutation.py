"""Seeded damage to bytes and messages, and what a victim may and may not do about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import settings

from lucidtls.config import MAX_CERTIFICATE_MESSAGE
from lucidtls.errors import AlertReceived, PeerError, TLSError, TruncatedStream
from lucidtls.trace import AlertTraced
from lucidtls.wire.extensions import OfferedPsks, PskIdentity, StatusRequest, ch, ee
from lucidtls.wire.messages13 import KeyUpdate
from tests.conformance.attacks.after import ticket
from tests.flows.hostile import X25519, HostileClient, HostileServer, Part, Peer, encoded

STATES: tuple[tuple[str, str], ...] = (
    *(("client", state) for state in HostileServer.STATES),
    *(("server", state) for state in HostileClient.STATES),
)
"""Every state of either role, as (role, state)."""

INTERESTING = (0, 1, 2, 3, 4, 16, 20, 21, 22, 23, 24, 31, 32, 33, 63, 64, 127, 128, 254, 255)
MAX_HELD = 2**18
"""Bytes a victim may hold of an unfinished record and message."""


def reach(role: str, state: str) -> Peer:
    """An attacker whose victim is in a state."""
    peer: Peer = HostileServer.at(state) if role == "client" else HostileClient.at(state)
    peer.deaf = True
    return peer


def examples(quick: int) -> settings:
    """So many examples in the quick profile, and two hundred times as many in a longer one."""
    longer = os.environ.get("HYPOTHESIS_PROFILE", "quick") != "quick"
    return settings(max_examples=200 * quick if longer else quick)


def _flip(source: Random, data: bytearray) -> None:
    if data:
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _set(source: Random, data: bytearray) -> None:
    if data:
        data[source.randrange(len(data))] = source.choice(INTERESTING)


def _insert(source: Random, data: bytearray) -> None:
    at = source.randint(0, len(data))
    data[at:at] = source.randbytes(source.choice((1, 1, 2, 4, 40)))


def _delete(source: Random, data: bytearray) -> None:
    at = source.randint(0, len(data))
    del data[at : at + source.choice((1, 1, 2, 4, 40))]


def _repeat(source: Random, data: bytearray) -> None:
    start = source.randint(0, len(data))
    end = min(len(data), start + source.choice((1, 4, 8, 100)))
    data[end:end] = data[start:end]


def _cut(source: Random, data: bytearray) -> None:
    del data[source.randint(0, len(data)) :]


def _swap(source: Random, data: bytearray) -> None:
    if len(data) > 8:
        one, two = sorted(source.sample(range(len(data) - 3), 2))
        data[one : one + 2], data[two : two + 2] = data[two : two + 2], data[one : one + 2]


DAMAGES: tuple[Callable[[Random, bytearray], None], ...] = (
    _flip,
    _set,
    _insert,
    _delete,
    _repeat,
    _cut,
    _swap,
)


def damaged(source: Random, data: bytes) -> bytes:
    """The data with one to four things wrong with it."""
    altered = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        source.choice(DAMAGES)(source, altered)
    return bytes(altered)


def relabelled(source: Random, message: bytes) -> bytes:
    """A handshake message with its body damaged and its length put right again, most of the time."""
    body = damaged(source, message[4:])
    length = len(body) if source.random() < 0.9 else source.randrange(2**24)
    return message[:1] + (length & 0xFFFFFF).to_bytes(3) + body


def honest_messages(peer: Peer) -> list[bytes]:
    """What an honest peer could say next, each message with its header."""
    return [encoded(part) for part in (_servers(peer) if isinstance(peer, HostileServer) else _clients(peer))]


def _servers(peer: HostileServer) -> list[Part]:
    match peer.state:
        case "WAIT_SH":
            return [peer.server_hello(), peer.retry_request()]
        case "WAIT_EE":
            return [peer.encrypted_extensions((ee.SERVER_NAME, True), (ee.SUPPORTED_GROUPS, (X25519,)))]
        case "WAIT_CERT_CR":
            return [peer.certificate(peer.identity), peer.certificate_request()]
        case "WAIT_CERT":
            return [peer.certificate(peer.identity)]
        case "WAIT_CV":
            return [peer.certificate_verify(peer.identity)]
        case "WAIT_FINISHED":
            return [peer.finished()]
        case _:
            return [ticket((42, bytes(4))), KeyUpdate(1)]


def _clients(peer: Peer) -> list[Part]:
    assert isinstance(peer, HostileClient)
    match peer.state:
        case "START":
            return [peer.client_hello(*MORE), peer.client_hello()]
        case "WAIT_CH2":
            return [peer.second_hello()]
        case "WAIT_CERT":
            return [peer.certificate(peer.identity)]
        case "WAIT_CV":
            return [peer.certificate_verify(peer.identity)]
        case "WAIT_FINISHED":
            return [peer.finished()]
        case _:
            return [KeyUpdate(0)]


MORE: tuple[tuple[Any, Any], ...] = (
    (ch.ALPN, (b"h2", b"http/1.1")),
    (ch.STATUS_REQUEST, StatusRequest()),
    (ch.SIGNED_CERTIFICATE_TIMESTAMP, True),
    (ch.SIGNATURE_ALGORITHMS_CERT, (0x0401, 0x0403)),
    (ch.RECORD_SIZE_LIMIT, 16385),
    (ch.COMPRESS_CERTIFICATE, (1, 2)),
    (ch.CERTIFICATE_AUTHORITIES, (b"\x30\x00",)),
    (ch.PSK_KEY_EXCHANGE_MODES, (1,)),
    (ch.POST_HANDSHAKE_AUTH, True),
    (ch.EARLY_DATA, True),
    (ch.PADDING, 20),
    (ch.PRE_SHARED_KEY, OfferedPsks((PskIdentity(b"a ticket", 1), PskIdentity(b"b", 2)), (bytes(32),) * 2)),
)
"""Extensions that give damage something to work on."""


def check_end(peer: Peer) -> None:
    """Check that a victim that met damage behaves: the right kind of error, one alert, little memory."""
    error = peer.error
    assert error is None or isinstance(error, PeerError | AlertReceived | TruncatedStream), repr(error)
    assert error is None or isinstance(error, TLSError)
    channel = peer.victim._channel
    assert channel.reader.buffered + len(channel.incoming) < MAX_HELD + MAX_CERTIFICATE_MESSAGE
    if error is None:
        return
    assert peer.victim.closed and peer.state == "FAILED"
    assert channel.reader.buffered == 0 and len(channel.incoming) == 0
    alerts = [e for e in peer.tape.entries if isinstance(e, AlertTraced) and e.direction == "sent"]
    assert len(alerts) == isinstance(error, PeerError)
    assert peer.victim.next_event() is None
