"""Two honest ends with a hostile or a merely busy network between them."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import AlertReceived, PeerError, TruncatedStream
from lucidtls.events import ApplicationData, HandshakeCompleted
from tests.flows.pair import End, Pair
from tests.flows.parties import client_config, client_credential, seeded, server_config
from tests.fuzz.mutation import damaged, examples

SEEDS = st.integers(0, 2**32)
GOOD_ERRORS = (PeerError, AlertReceived, TruncatedStream)

SETTINGS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({"shares": ()}, {}),
    ({}, {"cookie_key": b"k" * 32, "hello_retry": "always"}),
    ({"credentials": client_credential()}, {"client_authentication": "require"}),
    ({"alpn": ("h2",), "compatibility_mode": False}, {"alpn": ("h2",)}),
)


def pair_of(number: int, seed: int) -> Pair:
    """A pair with one of the settings."""
    client, server = SETTINGS[number]
    return Pair(
        client_config(random=seeded(("client", seed)), **client),
        server_config(random=seeded(("server", seed)), **server),
    )


@pytest.mark.parametrize("number", range(len(SETTINGS)))
@examples(80)
@given(seed=SEEDS)
def test_what_is_changed_on_the_way_is_noticed(number: int, seed: int) -> None:
    """Two ends that both complete a handshake have seen the same one (RFC 9846 §F.1)."""
    source = Random(seed)
    pair = pair_of(number, seed)
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


@pytest.mark.parametrize("number", range(len(SETTINGS)))
@examples(15)
@given(seed=SEEDS)
def test_any_way_of_cutting_the_stream_will_do(number: int, seed: int) -> None:
    """TCP may cut a stream anywhere: a handshake works however its bytes arrive."""
    source = Random(seed)
    pair = pair_of(number, seed)
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


@examples(60)
@given(seed=SEEDS)
def test_damage_to_data_is_noticed(seed: int) -> None:
    """What is read is a prefix of what was written, however records are damaged, dropped or repeated."""
    source = Random(seed)
    pair = Pair()
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
