"""Bytes from the transport, in pieces of any size."""

from __future__ import annotations

import random

import pytest

from lucidtls.record.framing import RecordBuffer


def take(buffer: RecordBuffer, count: int) -> bytes | None:
    """Take bytes out, or nothing if there are too few."""
    if not buffer.gather(count):
        return None
    found = bytes(buffer.data[buffer.at : buffer.at + count])
    buffer.at += count
    return found


@pytest.mark.parametrize("seed", range(20))
def test_what_goes_in_comes_out_however_it_is_cut(seed: int) -> None:
    """Pieces and records need not have anything to do with each other."""
    source = random.Random(seed)
    data = source.randbytes(5000)
    buffer, out, fed = RecordBuffer(), b"", 0
    while len(out) < len(data):
        wanted = min(source.choice((1, 5, 100, 2000)), len(data) - len(out))
        while (found := take(buffer, wanted)) is None:
            size = source.choice((1, 1, 2, 700, 1500))
            buffer.feed(data[fed : fed + size])
            fed = min(fed + size, len(data))
            assert len(buffer) == fed - len(out)
        out += found
    assert out == data and len(buffer) == max(0, fed - len(out))


def test_thousands_of_single_bytes_are_joined() -> None:
    """A peer that sends byte by byte does not cost a piece for each."""
    buffer = RecordBuffer()
    for number in range(3000):
        buffer.feed(bytes((number % 256,)))
        assert len(buffer._pieces) <= 1
    assert take(buffer, 3000) == bytes(number % 256 for number in range(3000))


def test_an_idle_buffer_holds_nothing() -> None:
    """When all has been read, the last piece is let go."""
    buffer = RecordBuffer()
    buffer.feed(bytes(10_000))
    assert take(buffer, 10_000) and take(buffer, 5) is None
    assert len(buffer.data) == 0 and len(buffer) == 0


def test_clearing_forgets_everything() -> None:
    """After clear there is nothing."""
    buffer = RecordBuffer()
    for _ in range(3):
        buffer.feed(b"abc")
    buffer.clear()
    assert len(buffer) == 0 and not buffer.gather(1)
