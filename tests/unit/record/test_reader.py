"""The record reader by itself: protection, order, early data, and what it leaves behind."""

from __future__ import annotations

import pytest

from lucidtls.crypto.suites import SUITES_13, CipherSuite
from lucidtls.errors import BadRecordMac, NotTLS, UnexpectedMessage
from lucidtls.record.reader import RecordReader
from lucidtls.record.writer import RecordWriter
from lucidtls.wire.records import MAX_PLAINTEXT

SECRET = bytes(range(32))
IV = bytes(range(12))


def ends(suite: CipherSuite) -> tuple[RecordWriter, RecordReader]:
    """A writer and a reader with the same key."""
    key = suite.aead.new(SECRET[: suite.aead.key_length])
    writer, reader = RecordWriter(), RecordReader()
    writer.install(key, IV, suite.aead.tag_length, 1000)
    reader.install(key, IV, suite.aead.tag_length)
    reader.started = True
    return writer, reader


every_suite = pytest.mark.parametrize("suite", SUITES_13.values(), ids=lambda row: row.name)


@every_suite
@pytest.mark.parametrize("size", [1, 2, 100, MAX_PLAINTEXT, MAX_PLAINTEXT + 1, 50_000])
def test_what_is_written_is_read(suite: CipherSuite, size: int) -> None:
    """Sealed content comes back with its type, cut into records of at most 2^14 bytes."""
    writer, reader = ends(suite)
    data = bytes(number % 251 for number in range(size))
    writer.write(23, data)
    reader.feed(writer.take())
    records = []
    while (record := reader.read()) is not None:
        records.append(record)
    assert b"".join(content for _, content in records) == data
    assert {kind for kind, _ in records} == {23}
    assert [len(content) for _, content in records[:-1]] == [MAX_PLAINTEXT] * (len(records) - 1)


@every_suite
def test_records_must_come_in_order(suite: CipherSuite) -> None:
    """The sequence number is part of the nonce: a record out of order does not open (RFC 9846 §5.3)."""
    writer, reader = ends(suite)
    writer.write(23, b"one")
    first = writer.take()
    writer.write(23, b"two")
    reader.feed(writer.take() + first)
    with pytest.raises(BadRecordMac):
        reader.read()


@every_suite
def test_the_nonce_is_the_iv_with_the_sequence_number(suite: CipherSuite) -> None:
    """The nonce is the static IV XOR the sequence number, padded to the left (RFC 9846 §5.3)."""
    writer, _ = ends(suite)
    key = suite.aead.new(SECRET[: suite.aead.key_length])
    for number in range(300):
        writer.write(21, b"\x01\0")
        record = writer.take()
        nonce = bytes(a ^ b for a, b in zip(IV, number.to_bytes(12), strict=True))
        assert key.decrypt(nonce, record[5:], record[:5]) == b"\x01\0\x15"


@every_suite
def test_a_new_key_starts_at_zero(suite: CipherSuite) -> None:
    """Each sequence number is set to zero whenever the key is changed (RFC 9846 §5.3)."""
    writer, reader = ends(suite)
    writer.write(23, b"x")
    reader.feed(writer.take())
    assert reader.read() == (23, b"x")
    other = suite.aead.new(SECRET[::-1][: suite.aead.key_length])
    writer.install(other, IV, suite.aead.tag_length, 10)
    reader.install(other, IV, suite.aead.tag_length)
    writer.write(23, b"y")
    assert writer.sequence == 1
    reader.feed(writer.take())
    assert reader.read() == (23, b"y")


@every_suite
def test_every_altered_byte_is_noticed(suite: CipherSuite) -> None:
    """Header, ciphertext and tag are all authenticated (RFC 9846 §5.2)."""
    writer, _ = ends(suite)
    writer.write(23, b"text")
    record = writer.take()
    for at in (1, 2, *range(5, len(record))):
        _, reader = ends(suite)
        altered = bytearray(record)
        altered[at] ^= 0x80
        reader.feed(bytes(altered))
        with pytest.raises(BadRecordMac):
            reader.read()


def test_records_before_keys_travel_as_they_are() -> None:
    """Without keys a record's fragment is its content."""
    reader = RecordReader()
    assert not reader.protected and reader.buffered == 0
    reader.feed(b"\x16\x03\x01\0\x03abc\x15\x03\x03\0\x02\x02\x28\x16")
    assert reader.read() == (22, b"abc")
    assert reader.read() == (21, b"\x02\x28")
    assert reader.read() is None and reader.buffered == 1
    writer, sealed = ends(SUITES_13[0x1301])
    before = [end.protected for end in (writer, sealed)]
    sealed.drop_keys()
    writer.drop_keys()
    assert (before, [end.protected for end in (writer, sealed)]) == ([True, True], [False, False])


def test_what_is_no_tls_is_recognised_by_its_first_bytes() -> None:
    """Another protocol on the port is named, once there are enough bytes to tell."""
    reader = RecordReader()
    reader.feed(b"GET ")
    assert reader.read() is None
    reader.feed(b"/ HTTP/1.1\r\n")
    with pytest.raises(NotTLS) as caught:
        reader.read()
    assert caught.value.service == "HTTP"


def test_early_data_is_skipped_up_to_a_limit() -> None:
    """Records that do not open are passed over until one does (RFC 9846 §4.3.10)."""
    writer, reader = ends(SUITES_13[0x1301])
    writer.write(22, b"finished")
    reader.skip_early_data(3 * 37 + 10)
    junk = b"\x17\x03\x03\0\x20" + bytes(32)
    reader.feed(junk * 3 + writer.take())
    assert reader.read() == (22, b"finished")
    reader.feed(junk)
    with pytest.raises(BadRecordMac):
        reader.read()


def test_early_data_over_the_limit_is_refused() -> None:
    """More early data than is allowed ends the connection (RFC 9846 §4.3.10)."""
    _, reader = ends(SUITES_13[0x1301])
    reader.skip_early_data(63)
    reader.feed((b"\x17\x03\x03\0\x20" + bytes(32)) * 2)
    with pytest.raises(UnexpectedMessage):
        reader.read()


def test_the_fast_path_does_not_skip() -> None:
    """While early data may come, records are looked at one by one."""
    writer, reader = ends(SUITES_13[0x1301])
    writer.write(23, b"data")
    reader.skip_early_data(3 * 37 + 10)
    reader.feed(writer.take())
    assert reader.read_into(memoryview(bytearray(100))) == 0
    assert reader.read() == (23, b"data")


@pytest.mark.parametrize("cut", [0, 3, 5, 20])
def test_the_fast_path_waits_for_a_whole_record(cut: int) -> None:
    """Half a record is left until the rest has come."""
    writer, reader = ends(SUITES_13[0x1301])
    writer.write(23, b"data")
    record = writer.take()
    buffer = bytearray(100)
    reader.feed(record[:cut])
    assert reader.read_into(memoryview(buffer)) == 0
    reader.feed(record[cut:])
    assert reader.read_into(memoryview(buffer)) == 4
    assert bytes(buffer[:4]) == b"data"


def test_the_fast_path_leaves_records_in_the_clear_alone() -> None:
    """A record that is not application data on the outside is left for read."""
    _, reader = ends(SUITES_13[0x1301])
    reader.feed(b"\x15\x03\x03\0\x02\x02\x28")
    assert reader.read_into(memoryview(bytearray(100))) == 0
    reader.clear_alert_allowed = True
    assert reader.read() == (21, b"\x02\x28")
