"""The reader's bounds and words, and the encoders' limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucidtls.errors import DecodeError
from lucidtls.wire import codec
from lucidtls.wire.codec import Reader


def test_numbers_are_big_endian() -> None:
    """All values are transmitted in network byte order (RFC 9846 §3.3)."""
    reader = Reader(bytes(range(1, 11)), "Test")
    assert (reader.u8("a"), reader.u16("b"), reader.u24("c"), reader.u32("d")) == (
        0x01,
        0x0203,
        0x040506,
        0x0708090A,
    )
    reader.finish()
    assert codec.u8(1) + codec.u16(0x0203) + codec.u24(0x040506) + codec.u32(0x0708090A) == bytes(
        range(1, 11)
    )


@pytest.mark.parametrize("width", [8, 16, 24])
def test_a_vector_is_its_length_and_its_content(width: int) -> None:
    """The length of a vector precedes its content, in as many bytes as its maximum needs (RFC 9846 §3.4)."""
    encoded = getattr(codec, f"vector{width}")(b"content")
    assert encoded == bytes(width // 8 - 1) + b"\x07content"
    reader = Reader(encoded + b"next", "Test")
    assert getattr(reader, f"vector{width}")("field") == b"content"
    assert reader.rest("rest") == b"next"
    nested = getattr(Reader(encoded, "Test"), f"reader{width}")("field")
    assert (nested.where, nested.remaining, nested.rest("all")) == ("Test.field", 7, b"content")


@pytest.mark.parametrize("width", [8, 16, 24])
def test_a_vector_keeps_to_its_range(width: int) -> None:
    """A vector's actual length lies between its floor and its ceiling, inclusively (RFC 9846 §3.4)."""
    encoded = getattr(codec, f"vector{width}")(b"seven77")
    for kind in ("vector", "reader"):
        for minimum, maximum in ((7, 7), (0, 7), (7, 9)):
            getattr(Reader(encoded, "Test"), f"{kind}{width}")("field", minimum, maximum)
        for minimum, maximum in ((8, 9), (0, 6)):
            with pytest.raises(
                DecodeError, match=rf"^Test\.field is 7 bytes long, not {minimum} to {maximum}"
            ):
                getattr(Reader(encoded, "Test"), f"{kind}{width}")("field", minimum, maximum)


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("u8", b""), ("u16", b"1"), ("u24", b"12"), ("u32", b"123"),
        ("vector8", b""), ("vector8", b"\2x"), ("vector16", b"\0"), ("vector16", b"\0\2x"),
        ("vector24", b"\0\0"), ("vector24", b"\0\0\2x"),
        ("reader8", b"\2x"), ("reader16", b"\0\2x"), ("reader24", b"\0\0\2x"),
        ("whole16", b"\0"), ("whole16", b"\0\2x"),
        ("numbers8", b"\2x"), ("pairs8", b"\2x"), ("pairs16", b"\0\2x"), ("pairs8", b""), ("pairs16", b"\0"),
    ],
)  # fmt: skip
def test_what_is_not_there_cannot_be_read(operation: str, data: bytes) -> None:
    """A field that reaches past the end of its structure is a decode_error (RFC 9846 §6.2)."""
    with pytest.raises(DecodeError, match=r"^Test\.field is cut short") as caught:
        getattr(Reader(data, "Test", "RFC 9846 §4.2.2"), operation)("field")
    assert caught.value.clause == "RFC 9846 §4.2.2"
    assert str(caught.value.alert) == "decode_error(50)"


def test_a_list_of_numbers_has_whole_elements() -> None:
    """A 17-byte vector of uint16 would be illegal (RFC 9846 §3.4)."""
    assert Reader(b"\4\0\1\0\2", "Test").pairs8("list") == (1, 2)
    assert Reader(b"\0\4\0\1\0\2", "Test").pairs16("list") == (1, 2)
    for reader in (Reader(b"\3\0\1\0", "Test"), Reader(b"\0\3\0\1\0", "Test")):
        with pytest.raises(DecodeError, match="Test: list has an odd length"):
            reader.pairs8("list") if reader.data[0] else reader.pairs16("list")


def test_a_nested_reader_stays_inside() -> None:
    """A structure inside a structure cannot take bytes from what follows it."""
    outer = Reader(b"\0\2ab" + b"cd", "Test")
    inner = outer.reader16("inner")
    with pytest.raises(DecodeError, match=r"Test\.inner\.field is cut short"):
        inner.take(3, "field")
    assert inner.take(2, "field") == b"ab"
    inner.finish()
    assert outer.take(2, "field") == b"cd"


def test_leftovers_are_counted_and_placed() -> None:
    """Trailing data is a decode_error, and the error says how much of it there is and where."""
    reader = Reader(b"\0\2ab", "ServerHello")
    share = reader.reader16("key_share")
    with pytest.raises(DecodeError, match=r"^2 bytes left over after ServerHello\.key_share"):
        share.finish()
    share.u8("x")
    with pytest.raises(DecodeError, match=r"^1 byte left over after ServerHello\.key_share"):
        share.finish()
    with pytest.raises(DecodeError, match=r"^1 byte left over after ServerHello"):
        Reader(b"\0\1ab", "ServerHello").whole16("list")
    with pytest.raises(DecodeError, match=r"list is 1 bytes long, not 2 to 65535"):
        Reader(b"\0\1a", "ServerHello").whole16("list", 2)


def test_positions_are_those_of_the_whole_message() -> None:
    """Readers in readers share the message's bytes, so a field's place in the whole message is known."""
    reader = Reader(b"\1\0\5\0\3abc", "Test")
    reader.u8("first")
    inner = reader.reader16("inner").reader16("innermost")
    assert (inner.position, inner.end) == (5, 8)


def test_tagged_entries() -> None:
    """An extension is two bytes of type, two of length and the data (RFC 9846 §4.3)."""
    data = codec.tagged16(43, b"ab") + codec.tagged16(51, b"")
    assert data == b"\0\x2b\0\2ab\0\x33\0\0"
    reader = Reader(data, "Test")
    assert list(reader.tagged16("type", "data")) == [(43, 4, 6), (51, 10, 10)]
    reader.finish()
    for cut in (1, 3):
        with pytest.raises(DecodeError, match=r"Test\.type is cut short"):
            list(Reader(data[:cut], "Test").tagged16("type", "data"))
    with pytest.raises(DecodeError, match=r"Test\.data is cut short"):
        list(Reader(data[:5], "Test").tagged16("type", "data"))
    with pytest.raises(DecodeError, match=r"Test\.data is 0 bytes long, not 1 to 65535"):
        list(Reader(data, "Test").tagged16("type", "data", 1))


TOO_LARGE: list[tuple[Callable[[Any], bytes], Any]] = [
    (codec.u8, 256),
    (codec.u8, -1),
    (codec.u16, 1 << 16),
    (codec.u24, 1 << 24),
    (codec.u32, 1 << 32),
    (codec.vector8, bytes(256)),
    (codec.vector16, bytes(1 << 16)),
    (codec.vector24, bytes(1 << 24)),
    (codec.numbers8, (256,)),
    (codec.pairs8, (1 << 16,)),
    (codec.pairs8, (0,) * 128),
    (codec.pairs16, (1 << 16,)),
]


@pytest.mark.parametrize(("encode", "value"), TOO_LARGE)
def test_encoders_refuse_what_does_not_fit(encode: Callable[[Any], bytes], value: object) -> None:
    """A value that is too large for its field would be our own mistake, and is not sent."""
    with pytest.raises(ValueError, match=r"does not fit|must be in range"):
        encode(value)


def test_tagged_entries_refuse_what_does_not_fit() -> None:
    """An extension longer than its length can say would be our own mistake."""
    with pytest.raises(ValueError, match="65536 does not fit into 2 bytes"):
        codec.tagged16(1, bytes(1 << 16))


def test_lists_of_numbers_encode_with_their_length() -> None:
    """Lists of codes are vectors of one- or two-byte numbers."""
    assert codec.numbers8((1, 0)) == b"\2\1\0"
    assert codec.pairs8((0x0304, 0x0303)) == b"\4\3\4\3\3"
    assert codec.pairs16([29, 23]) == b"\0\4\0\x1d\0\x17"
    assert Reader(b"\2\1\0", "Test").numbers8("modes") == (1, 0)
