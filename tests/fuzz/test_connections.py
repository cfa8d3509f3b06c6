"""Two honest ends with a hostile or a merely busy network between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import AlertReceived, PeerError, TruncatedStream
from lucidtls.events import ApplicationData, HandshakeCompleted
from lucidtls.trace import AlertTraced
from lucidtls.wire.versions import TLS10, TLS11, TLS12, VERSION_NAMES
from tests.flows.choices12 import (
    CBC_SUITE,
    DHE_SUITE,
    ECDSA_SUITE,
    PSK,
    RSA_SUITE,
    client12,
    rsa_credential,
    server12,
)
from tests.flows.hostile import encoded
from tests.flows.hostile12 import (
    CLIENT_STEPS,
    SERVER_STEPS,
    HostileClient12,
    HostileServer12,
    Peer12,
)
from tests.flows.pair import End, Pair
from tests.flows.parties import client_config, client_credential, seeded, server_config
from tests.fuzz.mutation import check_end, damaged, examples, relabelled

SEEDS = st.integers(0, 2**32)
GOOD_ERRORS = (PeerError, AlertReceived, TruncatedStream)

SETTINGS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({"shares": ()}, {}),
    ({}, {"cookie_key": b"k" * 32, "hello_retry": "always"}),
    ({"credentials": client_credential()}, {"client_authentication": "require"}),
    ({"alpn": ("h2",), "compatibility_mode": False}, {"alpn": ("h2",)}),
)


ECDHE_PSK = "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"
_CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"

OLDER: tuple[tuple[dict[str, Any], dict[str, Any], str, int], ...] = (
    ({}, {}, ECDSA_SUITE, TLS12),
    ({"alpn": ("h2",)}, {"alpn": ("h2",)}, _CHACHA, TLS12),
    (
        {"credentials": client_credential(), "extended_master_secret": "off"},
        {"client_authentication": "require"},
        CBC_SUITE,
        TLS12,
    ),
    ({}, {"encrypt_then_mac": "off"}, CBC_SUITE, TLS10),
    ({}, {}, RSA_SUITE, TLS11),
    ({}, {"credentials": rsa_credential()}, DHE_SUITE, TLS12),
    ({"psk": PSK}, {"psk_identity_hint": b"a hint"}, ECDHE_PSK, TLS12),
)
"""What two ends before TLS 1.3 are told: choices of the client, of the server, suite and version."""


def pair_of(number: int, seed: int) -> Pair:
    """A pair with one of the settings."""
    client, server = SETTINGS[number]
    return Pair(
        client_config(random=seeded(("client", seed)), **client),
        server_config(random=seeded(("server", seed)), **server),
    )


def older_pair(number: int, seed: int) -> Pair:
    """A pair before TLS 1.3 with one of the settings."""
    client, server, suite, version = OLDER[number]
    return Pair(
        client12(suite, version, random=seeded(("client", seed)), **client),
        server12(suite, version, random=seeded(("server", seed)), **server),
    )


def both_versions(seed: int) -> Pair:
    """A pair that has TLS 1.3 and TLS 1.2, and every reason to use the first."""
    return Pair(
        client_config(random=seeded(("client", seed))), server_config(random=seeded(("server", seed)))
    )


MAKERS: tuple[Callable[[int], Pair], ...] = (
    *(partial(pair_of, number) for number in range(len(SETTINGS))),
    *(partial(older_pair, number) for number in range(len(OLDER))),
    both_versions,
)


def best_of(pair: Pair) -> str:
    """The best version that both ends have: damage must not lead to less."""
    configs = (pair.client.connection._driver._config, pair.server.connection._driver._config)
    common = set(configs[0].algorithms.versions) & set(configs[1].algorithms.versions)
    return VERSION_NAMES[max(common)]


@pytest.mark.parametrize("make", MAKERS)
@examples(80)
@given(seed=SEEDS)
def test_what_is_changed_on_the_way_is_noticed(make: Callable[[int], Pair], seed: int) -> None:
    """Two ends that both complete a handshake have seen the same one (RFC 9846 §F.1, RFC 5246 §F.1.1)."""
    source = Random(seed)
    pair = make(seed)
    victim, at = source.choice((0, 1)), source.randrange(4)
    for turn in range(8):
        sender, receiver = ((pair.client, pair.server), (pair.server, pair.client))[turn % 2]
        sender.step()
        data = sender.connection.data_to_send()
        if turn % 2 == victim and turn // 2 == at:
            data = damaged(source, data)
        if data:
            receiver.receive(data)
    for end in (pair.client, pair.server):
        assert end.error is None or isinstance(end.error, GOOD_ERRORS), repr(end.error)
    done = [
        any(isinstance(event, HandshakeCompleted) for event in end.events)
        for end in (pair.client, pair.server)
    ]
    if all(done):
        assert pair.log.secrets("client") == pair.log.secrets("server")
        ours, theirs = (end.event(HandshakeCompleted).negotiated for end in (pair.client, pair.server))
        assert (ours.cipher_suite, ours.group, ours.alpn) == (theirs.cipher_suite, theirs.group, theirs.alpn)
        assert ours.version == theirs.version == best_of(pair)
        assert ours.extended_master_secret == theirs.extended_master_secret
        assert ours.encrypt_then_mac == theirs.encrypt_then_mac


@pytest.mark.parametrize("make", MAKERS)
@examples(15)
@given(seed=SEEDS)
def test_any_way_of_cutting_the_stream_will_do(make: Callable[[int], Pair], seed: int) -> None:
    """TCP may cut a stream anywhere: a handshake works however its bytes arrive."""
    source = Random(seed)
    pair = make(seed)
    for _ in range(6):
        for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
            sender.step()
            data = sender.connection.data_to_send()
            while data:
                size = source.choice((1, 2, 5, 6, 50, 1000))
                receiver.receive(data[:size])
                data = data[size:]
    assert pair.client.event(HandshakeCompleted) and pair.server.event(HandshakeCompleted)


class Stream:
    """One direction: what was written, what is on the way, and what was read."""

    def __init__(self, sender: End, receiver: End) -> None:
        self.sender, self.receiver = sender, receiver
        self.written, self.read = bytearray(), bytearray()
        self.wire = bytearray()

    def write(self, source: Random) -> None:
        """Send some data."""
        data = source.randbytes(source.choice((1, 10, 1000, 16384, 16385, 40_000)))
        self.sender.connection.send_data(data)
        self.written += data

    def move(self, source: Random) -> None:
        """Carry some bytes, as many as the network likes."""
        self.wire += self.sender.connection.data_to_send()
        size = source.choice((1, 100, 5000, 10**6))
        if self.wire:
            self.receiver.connection.receive_data(bytes(self.wire[:size]))
            del self.wire[:size]

    def take(self, source: Random) -> None:
        """Read with whichever interface."""
        if source.random() < 0.5:
            buffer = bytearray(source.choice((100, 16385, 50_000)))
            while count := self.receiver.connection.read_into(buffer):
                self.read += buffer[:count]
        while (event := self.receiver.connection.next_event()) is not None:
            if isinstance(event, ApplicationData):
                self.read += event.data


@examples(40)
@given(seed=SEEDS)
def test_both_streams_survive_any_traffic(seed: int) -> None:
    """Data, key updates, padding and two ways of reading, in any order: what is written is what is read."""
    source = Random(seed)
    padding = (lambda content_type, length: length % 7) if source.random() < 0.5 else None
    pair = Pair(
        client_config(rekey_after_records=source.choice((None, 3, 20)), padding=padding),
        server_config(max_record_size=source.choice((100, 1000, 16384))),
    )
    pair.run()
    streams = (Stream(pair.client, pair.server), Stream(pair.server, pair.client))
    for _ in range(60):
        stream = source.choice(streams)
        match source.randrange(8):
            case 0 | 1:
                stream.write(source)
            case 2:
                stream.sender.connection.update_keys(request_peer=source.random() < 0.5)
            case 3 | 4 | 5:
                stream.move(source)
            case _:
                stream.take(source)
    for _ in range(3000):
        for stream in streams:
            stream.move(source)
            stream.take(source)
        if not any(stream.wire for stream in streams):
            break
    assert all(stream.read == stream.written for stream in streams)


@pytest.mark.parametrize("make", MAKERS[-8:])
@examples(30)
@given(seed=SEEDS)
def test_damage_to_data_is_noticed(make: Callable[[int], Pair], seed: int) -> None:
    """What is read is a prefix of what was written, however records are damaged, dropped or repeated."""
    source = Random(seed)
    pair = make(seed)
    pair.run()
    pair.client.events.clear()
    pair.server.events.clear()
    written = bytearray()
    for _ in range(4):
        data = source.randbytes(source.choice((5, 200, 20_000)))
        pair.client.connection.send_data(data)
        written += data
    wire = pair.client.connection.data_to_send()
    pair.server.receive(damaged(source, wire))
    pair.server.receive(b"")
    assert bytes(written).startswith(pair.server.data)
    assert isinstance(pair.server.error, GOOD_ERRORS)


@pytest.mark.parametrize("number", range(len(OLDER)))
@examples(20)
@given(seed=SEEDS)
def test_older_streams_survive_any_traffic(number: int, seed: int) -> None:
    """Before TLS 1.3 too: what is written is what is read, in any pieces and by either interface."""
    source = Random(seed)
    pair = older_pair(number, seed)
    pair.run()
    streams = (Stream(pair.client, pair.server), Stream(pair.server, pair.client))
    for _ in range(30):
        stream = source.choice(streams)
        source.choice((stream.write, stream.move, stream.move, stream.take))(source)
    for _ in range(3000):
        for stream in streams:
            stream.move(source)
            stream.take(source)
        if not any(stream.wire for stream in streams):
            break
    assert all(stream.read == stream.written for stream in streams)


# One side alone, at every step of a handshake before TLS 1.3

_STEPS = (
    *(("client", step) for step in SERVER_STEPS),
    *(("server", step) for step in CLIENT_STEPS),
)
_SUITES = (ECDSA_SUITE, CBC_SUITE, RSA_SUITE, DHE_SUITE, ECDHE_PSK)


def older_victim(role: str, step: str, suite: str) -> Peer12 | None:
    """A victim before a step; None where the suite has no such step."""
    if role == "client":
        certified = not suite.startswith("TLS_ECDHE_PSK")
        server = HostileServer12(suite=suite, request=certified, ticket=True)
        return server.play(step) if step in (*server.steps, "data") else None
    client = HostileClient12(suite=suite, asked=not suite.startswith("TLS_ECDHE_PSK"))
    return client.play(step) if step in (*client.steps, "data") else None


def honest(peer: Peer12) -> bytes:
    """What an honest peer would say next, with its header."""
    match peer.next_step:
        case "change_cipher_spec":
            return b"\x14\0\0\x0c" + bytes(12)
        case "data":
            return bytes(4) if peer.role == "server" else encoded(getattr(peer, "client_hello")())  # noqa: B009
        case step:
            return encoded(getattr(peer, step)())


def check_older_end(peer: Peer12) -> None:
    """Check how a victim ended; saying no to a renegotiation is no end."""
    peer.tape.entries = [
        entry
        for entry in peer.tape.entries
        if not isinstance(entry, AlertTraced) or entry.name != "no_renegotiation"
    ]
    check_end(peer)


@pytest.mark.parametrize("suite", _SUITES)
@pytest.mark.parametrize(("role", "step"), _STEPS)
@examples(8)
@given(seed=SEEDS)
def test_a_damaged_message_before_tls_1_3_ends_in_good_order(
    suite: str, role: str, step: str, seed: int
) -> None:
    """Whatever a message is turned into: a PeerError, one alert, and little memory."""
    source = Random(seed)
    peer = older_victim(role, step, suite)
    if peer is None:
        return
    peer.deaf = True
    message = honest(peer)
    for _ in range(3):
        peer.deliver(peer.record(22, relabelled(source, message)))
    peer.end()
    check_older_end(peer)


@pytest.mark.parametrize("suite", _SUITES)
@pytest.mark.parametrize(("role", "step"), _STEPS)
@examples(8)
@given(seed=SEEDS)
def test_damaged_records_before_tls_1_3_end_in_good_order(
    suite: str, role: str, step: str, seed: int
) -> None:
    """Records of any type and content, damaged or not, are refused or taken, and nothing else happens."""
    source = Random(seed)
    peer = older_victim(role, step, suite)
    if peer is None:
        return
    peer.deaf = True
    for _ in range(4):
        content = source.choice(
            (honest(peer), b"\x01", b"\x01\x64", source.randbytes(source.choice((0, 1, 60))))
        )
        record = peer.record(source.choice((20, 21, 22, 22, 23)), content)
        peer.deliver(damaged(source, record) if source.random() < 0.7 else record)
    peer.end()
    check_older_end(peer)
