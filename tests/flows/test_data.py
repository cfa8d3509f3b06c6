"""Application data: any size, any fragmentation, both interfaces, with and without padding."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from lucidtls.crypto.suites import SUITES_13
from lucidtls.errors import BadRecordMac, UsageError
from lucidtls.events import ApplicationData, HandshakeCompleted
from lucidtls.handshake.driver import MAX_EMPTY_RECORDS
from lucidtls.trace import RecordTraced
from lucidtls.wire.records import MAX_PLAINTEXT
from tests.flows.hostile import HostileClient, HostileServer, Peer, encoded, plain
from tests.flows.pair import Pair, connected
from tests.flows.parties import client_config, server_config

REACH: dict[str, Callable[[str], Peer]] = {"client": HostileServer.at, "server": HostileClient.at}


@pytest.mark.parametrize("chunk", [1, 2, 5, 7, 100])
def test_a_connection_works_a_few_bytes_at_a_time(chunk: int) -> None:
    """Records may arrive in pieces of any size, down to single bytes."""
    pair = Pair()
    pair.run(chunk)
    pair.client.connection.send_data(b"in small pieces")
    pair.server.connection.send_data(b"and back")
    pair.run(chunk)
    assert (pair.server.data, pair.client.data) == (b"in small pieces", b"and back")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 100])
@pytest.mark.parametrize("role", REACH)
def test_handshake_messages_may_come_in_fragments_of_any_size(role: str, size: int) -> None:
    """Handshake messages MAY be fragmented across several records (RFC 9846 §5.1)."""
    client = client_config(max_record_size=size) if role == "server" else None
    server = server_config(max_record_size=size) if role == "client" else None
    pair = Pair(client, server)
    assert len(pair.run()) == 3
    assert pair.client.event(HandshakeCompleted) and pair.server.event(HandshakeCompleted)


def test_all_messages_of_a_flight_may_share_a_record() -> None:
    """Handshake messages MAY be coalesced into a single record (RFC 9846 §5.1)."""
    peer = HostileServer.at("WAIT_EE")
    start = len(peer.transcript)
    peer.transcript.append(encoded(peer.encrypted_extensions()))
    peer.transcript.append(encoded(peer.certificate(peer.identity)))
    peer.transcript.append(encoded(peer.certificate_verify(peer.identity)))
    peer.transcript.append(encoded(peer.finished()))
    record = peer.sealed(22, b"".join(peer.transcript[start:]))
    peer.enter_application_keys()
    assert peer.deliver(record).state == "CONNECTED"


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 100_000])
@pytest.mark.parametrize("suite", [row.name for row in SUITES_13.values()])
def test_data_of_any_size_arrives(size: int, suite: str) -> None:
    """Application data is cut into records of at most 2^14 bytes (RFC 9846 §5.1)."""
    pair = connected(client_config(cipher_suites=(suite,)), server_config(cipher_suites=(suite,)))
    data = random.Random(size).randbytes(size)
    pair.client.connection.send_data(data)
    pair.run()
    assert pair.server.data == data
    assert len(pair.server.events) == -(-size // MAX_PLAINTEXT)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_sent_and_received(kind: type) -> None:
    """bytes, bytearray and memoryview all carry data, in both directions."""
    pair = connected()
    pair.client.connection.send_data(kind(b"abc" * 10_000))
    pair.server.connection.receive_data(kind(pair.client.connection.data_to_send()))
    pair.server.step()
    assert pair.server.data == b"abc" * 10_000


def test_what_is_sent_is_copied() -> None:
    """A buffer may be used again as soon as send_data has returned."""
    pair = connected()
    buffer = bytearray(b"first" * 5000)
    pair.client.connection.send_data(buffer)
    buffer[:] = bytes(len(buffer))
    pair.run()
    assert pair.server.data == b"first" * 5000


def test_what_is_received_is_copied() -> None:
    """A receive buffer may be used again as soon as receive_data has returned."""
    pair = connected()
    pair.client.connection.send_data(b"kept")
    buffer = bytearray(pair.client.connection.data_to_send())
    pair.server.connection.receive_data(memoryview(buffer)[:9])
    pair.server.connection.receive_data(memoryview(buffer)[9:])
    buffer[:] = bytes(len(buffer))
    pair.server.step()
    assert pair.server.data == b"kept"


def test_pieces_for_a_gathering_write_are_the_same_bytes() -> None:
    """chunks_to_send gives what data_to_send would, unjoined, and takes it away."""
    pair = connected()
    pair.client.connection.send_data(bytes(40_000))
    pieces = pair.client.connection.chunks_to_send()
    assert len(pieces) > 1
    assert pair.client.connection.data_to_send() == b""
    assert pair.client.connection.chunks_to_send() == []
    pair.server.receive(b"".join(pieces))
    assert pair.server.data == bytes(40_000)


def test_nothing_is_sent_before_the_handshake_is_done() -> None:
    """Application data before the handshake is done is the program's mistake."""
    pair = Pair()
    with pytest.raises(UsageError, match="WAIT_SH"):
        pair.client.connection.send_data(b"x")
    with pytest.raises(UsageError, match="START"):
        pair.server.connection.update_keys()


def test_a_server_may_send_as_soon_as_the_client_has_finished() -> None:
    """Data that a server sends with its last word arrives with it."""
    pair = Pair()
    pair.run()
    pair.server.connection.send_data(b"banner")
    pair.server.connection.close()
    pair.run()
    assert pair.client.data == b"banner"


# The fast path


def read_all(pair: Pair, size: int) -> bytes:
    """Read with read_into until it makes no progress."""
    buffer, found = bytearray(size), b""
    while count := pair.server.connection.read_into(buffer):
        found += bytes(buffer[:count])
    return found


@pytest.mark.parametrize("size", [MAX_PLAINTEXT + 1, 20_000, 70_000])
def test_records_are_opened_straight_into_a_buffer(size: int) -> None:
    """read_into decrypts as many whole records as fit the caller's buffer."""
    pair = connected()
    data = random.Random(1).randbytes(100_000)
    pair.client.connection.send_data(data)
    pair.server.connection.receive_data(pair.client.connection.data_to_send())
    assert read_all(pair, size) == data
    assert pair.server.connection.next_event() is None


def test_a_buffer_that_is_too_small_makes_no_progress() -> None:
    """A record that does not fit is left for next_event."""
    pair = connected()
    pair.client.connection.send_data(bytes(100))
    pair.server.connection.receive_data(pair.client.connection.data_to_send())
    assert pair.server.connection.read_into(bytearray(100)) == 0
    assert pair.server.connection.next_event() == ApplicationData(bytes(100))


def test_both_ways_of_reading_can_be_mixed() -> None:
    """next_event and read_into take turns on one stream without loss."""
    pair = connected()
    for number in range(10):
        pair.client.connection.send_data(b"%d," % number)
    pair.server.connection.receive_data(pair.client.connection.data_to_send())
    buffer, found = bytearray(4), b""
    while True:
        count = pair.server.connection.read_into(buffer)
        found += bytes(buffer[:count])
        event = pair.server.connection.next_event()
        if event is None:
            break
        assert isinstance(event, ApplicationData)
        found += event.data
    assert found == b"0,1,2,3,4,5,6,7,8,9,"


@pytest.mark.parametrize("role", REACH)
def test_the_fast_path_stops_at_whatever_is_no_data(role: str) -> None:
    """A KeyUpdate between two records of data is left for next_event; what follows has to wait."""
    peer: Peer = REACH[role]("CONNECTED")
    first = peer.sealed(23, b"before") + peer.sealed(22, b"\x18\0\0\x01\0")
    peer.rekey()
    peer.victim.receive_data(first + peer.sealed(23, b"after"))
    buffer = bytearray(100)
    assert peer.victim.read_into(buffer) == 6
    assert peer.victim.read_into(buffer) == 0
    assert type(peer.victim.next_event()).__name__ == "KeysUpdated"
    assert peer.victim.read_into(buffer) == 5
    assert bytes(buffer[:5]) == b"after"


@pytest.mark.parametrize("role", REACH)
def test_a_forged_record_leaves_nothing_in_the_buffer(role: str) -> None:
    """Unauthenticated plaintext is wiped, and the error comes out of next_event."""
    peer: Peer = REACH[role]("CONNECTED")
    forged = bytearray(peer.sealed(23, b"secret text"))
    forged[-1] ^= 1
    good = bytes(peer.sealer.seal(b"good\x17", sequence=0)) if peer.sealer else b""
    peer.victim.receive_data(good + bytes(forged))
    buffer = bytearray(b"\xaa" * 64)
    assert peer.victim.read_into(buffer) == 4
    assert bytes(buffer[:4]) == b"good"
    assert b"secret" not in buffer
    with pytest.raises(BadRecordMac):
        peer.victim.next_event()
    assert peer.victim.read_into(buffer) == 0


@pytest.mark.parametrize(
    "inner",
    [b"\x17", b"\x17" + bytes(9), bytes(10), b"\x01\0\x15", b"", b"x\x16"],
    ids=lambda value: value.hex(),
)
def test_the_fast_path_leaves_odd_records_alone(inner: bytes) -> None:
    """Empty data, padding alone and other types are looked at by next_event, and the buffer stays clean."""
    peer = HostileServer.at("CONNECTED")
    assert peer.sealer is not None
    peer.victim.receive_data(peer.sealer.seal(inner))
    buffer = bytearray(64)
    assert peer.victim.read_into(buffer) == 0
    assert buffer == bytes(64)


def test_the_fast_path_waits_for_pending_events() -> None:
    """Before the handshake's own event has been taken there is no data to read."""
    peer = HostileServer.at("WAIT_FINISHED")
    record = peer.say(peer.finished())
    peer.enter_application_keys()
    peer.victim.receive_data(record + peer.sealed(23, b"data"))
    assert peer.victim.read_into(bytearray(100)) == 0
    assert isinstance(peer.victim.next_event(), HandshakeCompleted)
    assert peer.victim.read_into(bytearray(100)) == 4


def test_the_fast_path_is_traced_like_the_other() -> None:
    """A record that was read into a buffer is in the trace."""
    pair = connected()
    pair.client.connection.send_data(b"seen")
    pair.server.connection.receive_data(pair.client.connection.data_to_send())
    pair.server.connection.read_into(bytearray(100))
    last = pair.log.of("server")[-1]
    assert isinstance(last, RecordTraced) and (last.direction, last.length) == ("received", 4)


# Padding (RFC 9846 §5.4)


@pytest.mark.parametrize("padding", [1, 100, 16384])
@pytest.mark.parametrize("role", REACH)
def test_padded_records_are_stripped(role: str, padding: int) -> None:
    """Zeros after the content type are padding and are taken off, however many there are."""
    peer: Peer = REACH[role]("CONNECTED")
    content = b"short" if padding < 16384 else b""
    peer.deliver(peer.sealed(23, content, padding=padding))
    peer.deliver(peer.sealed(23, b"ends with zeros\0\0\0", padding=padding % 16384))
    data = b"".join(event.data for event in peer.events if isinstance(event, ApplicationData))
    assert data == content + b"ends with zeros\0\0\0"


def test_padded_records_are_stripped_on_the_fast_path() -> None:
    """The fast path takes padding off as well."""
    peer = HostileServer.at("CONNECTED")
    peer.victim.receive_data(peer.sealed(23, b"a\0b\0", padding=500))
    buffer = bytearray(1000)
    assert peer.victim.read_into(buffer) == 4
    assert bytes(buffer[:4]) == b"a\0b\0"


def test_a_padding_policy_hides_lengths() -> None:
    """With padding to a multiple of 256 all short messages look alike on the wire."""
    policy = client_config(padding=lambda content_type, length: -length % 256)
    pair = connected(policy)
    sizes = set()
    for length in range(1, 257, 5):
        pair.client.connection.send_data(bytes(length))
        data = pair.client.connection.data_to_send()
        sizes.add(len(data))
        pair.server.receive(data)
    assert sizes == {5 + 256 + 1 + 16}


def test_padding_never_exceeds_the_limit_of_a_record() -> None:
    """A policy that asks for too much gets as much as fits into 2^14+1 (RFC 9846 §5.4)."""
    pair = connected(client_config(padding=lambda content_type, length: 10**9))
    pair.client.connection.send_data(b"x" * 20_000)
    data = pair.client.connection.data_to_send()
    assert int.from_bytes(data[3:5]) == MAX_PLAINTEXT + 1 + 16
    pair.server.receive(data)
    assert pair.server.data == b"x" * 20_000


def test_a_negative_padding_is_none() -> None:
    """A policy cannot take anything away."""
    pair = connected(client_config(padding=lambda content_type, length: -5))
    pair.client.connection.send_data(b"whole")
    pair.run()
    assert pair.server.data == b"whole"


def test_a_padding_policy_sees_content_types() -> None:
    """Handshake messages and alerts can be padded as data can."""
    seen: set[int] = set()

    def policy(content_type: int, length: int) -> int:
        seen.add(content_type)
        return 16

    pair = connected(client_config(padding=policy))
    pair.client.connection.send_data(b"x")
    pair.client.connection.close()
    pair.run()
    assert seen == {21, 22, 23}


# Empty records and their limit


@pytest.mark.parametrize("role", REACH)
def test_empty_records_are_passed_over(role: str) -> None:
    """Zero-length application data MAY be sent, and means nothing (RFC 9846 §5.1)."""
    peer: Peer = REACH[role]("CONNECTED")
    for _ in range(3):
        for _ in range(MAX_EMPTY_RECORDS):
            peer.send_data(b"")
        peer.send_data(b"x")
    assert peer.error is None
    assert [event for event in peer.events if isinstance(event, ApplicationData)] == [
        ApplicationData(b"x")
    ] * 3


# Memory


def test_what_has_been_read_is_not_kept() -> None:
    """A connection that has given out its data holds nothing of it."""
    pair = connected()
    for _ in range(20):
        pair.client.connection.send_data(bytes(50_000))
        pair.server.receive(pair.client.connection.data_to_send())
        pair.server.events.clear()
    assert pair.server.connection._channel.reader.buffered == 0
    assert len(pair.server.connection._channel.incoming) == 0


def test_after_a_failure_nothing_is_buffered() -> None:
    """Bytes that come after a failure are not even stored."""
    peer = HostileServer.at("CONNECTED").deliver(plain(23, bytes(50)))
    assert peer.error is not None
    peer.victim.receive_data(bytes(10**6))
    assert peer.victim._channel.reader.buffered == 0
