"""The record writer by itself: fragments, padding, pieces."""

from __future__ import annotations

import pytest

from lucidtls.crypto.suites import TLS_AES_128_GCM_SHA256 as SUITE
from lucidtls.record.writer import CHANGE_CIPHER_SPEC_RECORD, RecordWriter
from lucidtls.trace import Recorder, RecordTraced

KEY, IV = bytes(16), bytes(12)


def sealed(writer: RecordWriter) -> list[bytes]:
    """What is inside the records that a writer with the key above has made."""
    data, found, sequence = writer.take(), [], 0
    while data:
        end = 5 + int.from_bytes(data[3:5])
        assert data[:3] == b"\x17\x03\x03"
        nonce = sequence.to_bytes(12)
        found.append(SUITE.aead.new(KEY).decrypt(nonce, data[5:end], data[:5]))
        data, sequence = data[end:], sequence + 1
    return found


def writer_with_key(max_content: int = 2**14, padding: int | None = None) -> RecordWriter:
    """A writer that seals."""
    policy = None if padding is None else lambda content_type, length: padding
    writer = RecordWriter(max_content, policy)
    writer.install(SUITE.aead.new(KEY), IV, 16, 100)
    return writer


def test_content_is_cut_to_size() -> None:
    """No record has more content than the limit says."""
    writer = writer_with_key(max_content=4)
    writer.write(22, b"0123456789")
    assert sealed(writer) == [b"0123\x16", b"4567\x16", b"89\x16"]
    assert writer.sequence == 3


def test_padding_fills_records_and_never_exceeds_them() -> None:
    """Padding is zeros behind the type, and content and padding together stay within the limit."""
    writer = writer_with_key(max_content=8, padding=5)
    writer.write(23, b"0123456789abc")
    assert sealed(writer) == [b"01234567\x17", b"89abc\x17" + bytes(3)]


def test_staged_records_do_not_leak_into_each_other() -> None:
    """A record's padding is zeros even where a longer one was before it."""
    writer = writer_with_key(max_content=100, padding=10)
    writer.write(23, b"\xff" * 100)
    writer.write(23, b"ab")
    assert sealed(writer)[1] == b"ab\x17" + bytes(10)


def test_records_before_keys_are_marked_with_the_right_version() -> None:
    """An initial ClientHello is marked 0x0301, in all its fragments; all else 0x0303 (RFC 9846 §5.1)."""
    writer = RecordWriter(max_content=3)
    writer.write(22, b"\x01hello")
    assert writer.take() == b"\x16\x03\x01\0\x03\x01he\x16\x03\x01\0\x03llo"
    writer.write(22, b"\x01again")
    assert writer.take()[:3] == b"\x16\x03\x03"
    server = RecordWriter()
    server.write(22, b"\x02")
    assert server.take() == b"\x16\x03\x03\0\x01\x02"
    alert = RecordWriter()
    alert.write(21, b"\x02\x28")
    assert alert.take()[:3] == b"\x15\x03\x03"


def test_the_dummy_record_goes_out_now_or_before_the_next_sealed_one() -> None:
    """The change_cipher_spec of compatibility mode has its place (RFC 9846 §E.4)."""
    writer = RecordWriter()
    writer.send_compatibility_record(now=True)
    assert writer.take() == CHANGE_CIPHER_SPEC_RECORD == b"\x14\x03\x03\0\x01\x01"
    writer.send_compatibility_record(now=False)
    assert writer.take() == b""
    writer.install(SUITE.aead.new(KEY), IV, 16, 100)
    writer.write(22, b"x")
    writer.write(22, b"y")
    data = writer.take()
    assert data.startswith(CHANGE_CIPHER_SPEC_RECORD) and data.count(CHANGE_CIPHER_SPEC_RECORD) == 1


@pytest.mark.parametrize("size", [10, 1006, 1007, 1008, 2000])
def test_pieces_join_to_the_same_bytes(size: int) -> None:
    """Large records come as header and body, and joined they are what take gives."""
    one, two = writer_with_key(), writer_with_key()
    for writer in (one, two):
        writer.write(23, bytes(size))
    assert b"".join(one.chunks()) == two.take()
    assert one.chunks() == [] and one.take() == b""


def test_every_record_is_traced_with_its_content_length() -> None:
    """The tracer sees content without padding and tag."""
    tape = Recorder()
    writer = RecordWriter(10, lambda content_type, length: 3, tape)
    writer.write(22, b"\x02" * 12)
    writer.install(SUITE.aead.new(KEY), IV, 16, 100)
    writer.write(23, b"x" * 11)
    assert [(e.content_type, e.length, e.protected) for e in tape.entries if isinstance(e, RecordTraced)] == [
        (22, 10, False), (22, 2, False), (23, 10, True), (23, 1, True),
    ]  # fmt: skip
