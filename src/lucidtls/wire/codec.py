"""The two idioms of the wire codec: a bounded `Reader` to decode, functions that return bytes to encode.

RFC 9846 §3 is the language: big-endian numbers, vectors with a length in front whose minimum and
maximum are part of the type. A length makes a new reader; whoever makes a reader finishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import ClassVar, Protocol, Self, TypeVar

from lucidtls.errors import DecodeError
from lucidtls.wire.codepoints import MESSAGE_NAMES

_unpack_two = Struct(">HH").unpack_from
_pack_two = Struct(">HH").pack
_pack_u8 = Struct(">B").pack
_pack_u16 = Struct(">H").pack


@lru_cache(maxsize=64)
def _pairs(count: int) -> Struct:
    """Return what packs and unpacks that many two-byte numbers."""
    return Struct(f">{count}H")


class Reader:
    """A view on part of some bytes that hands out fields from front to back and never reads past its end.

    `where` is the path that errors name (`ClientHello.key_share`), `clause` the text that defines
    the structure being read. `position` and `end` are offsets in `data`, which readers nested in
    each other share, so they say where in the whole message a field stands.
    """

    __slots__ = ("clause", "data", "end", "position", "where")

    def __init__(
        self,
        data: bytes,
        where: str,
        clause: str = "RFC 9846 §4",
        position: int = 0,
        end: int | None = None,
    ) -> None:
        self.data = data
        self.where = where
        self.clause = clause
        self.position = position
        self.end = len(data) if end is None else end

    def window(self, where: str, position: int, end: int) -> Self:
        """Return a reader on another part of the same bytes; all nested readers are made here."""
        return self.__class__(self.data, where, self.clause, position, end)

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self.end - self.position

    def u8(self, field: str) -> int:
        """Read one byte as a number."""
        position = self.position
        if position >= self.end:
            raise self.cut_short(field, 1)
        self.position = position + 1
        return self.data[position]

    def u16(self, field: str) -> int:
        """Read two bytes as a number."""
        position = self.position
        if position + 2 > self.end:
            raise self.cut_short(field, 2)
        self.position = position + 2
        data = self.data
        return data[position] << 8 | data[position + 1]

    def u24(self, field: str) -> int:
        """Read three bytes as a number."""
        return int.from_bytes(self.take(3, field), "big")

    def u32(self, field: str) -> int:
        """Read four bytes as a number."""
        return int.from_bytes(self.take(4, field), "big")

    def take(self, length: int, field: str) -> bytes:
        """Read exactly `length` bytes."""
        position = self.position
        after = position + length
        if after > self.end:
            raise self.cut_short(field, length)
        self.position = after
        return self.data[position:after]

    def rest(self, field: str) -> bytes:
        """Read everything that is left, which may be nothing."""
        position = self.position
        self.position = self.end
        return self.data[position : self.end]

    def vector8(self, field: str, minimum: int = 0, maximum: int = 0xFF) -> bytes:
        """Read an opaque vector whose length takes one byte."""
        start = self.position + 1
        if start <= self.end:
            after = start + self.data[start - 1]
            if after <= self.end and minimum <= after - start <= maximum:
                self.position = after
                return self.data[start:after]
        raise self._bad_vector(1, field, minimum, maximum)

    def vector16(self, field: str, minimum: int = 0, maximum: int = 0xFFFF) -> bytes:
        """Read an opaque vector whose length takes two bytes."""
        start = self.position + 2
        if start <= self.end:
            data = self.data
            after = start + (data[start - 2] << 8 | data[start - 1])
            if after <= self.end and minimum <= after - start <= maximum:
                self.position = after
                return data[start:after]
        raise self._bad_vector(2, field, minimum, maximum)

    def vector24(self, field: str, minimum: int = 0, maximum: int = 0xFFFFFF) -> bytes:
        """Read an opaque vector whose length takes three bytes."""
        return self.data[slice(*self._bounds24(field, minimum, maximum))]

    def reader8(self, field: str, minimum: int = 0, maximum: int = 0xFF) -> Self:
        """Return a reader on a vector whose length takes one byte; the caller finishes it."""
        start = self.position + 1
        self.vector8(field, minimum, maximum)
        return self.window(f"{self.where}.{field}", start, self.position)

    def reader16(self, field: str, minimum: int = 0, maximum: int = 0xFFFF) -> Self:
        """Return a reader on a vector whose length takes two bytes; the caller finishes it."""
        start = self.position + 2
        if start <= self.end:
            data = self.data
            after = start + (data[start - 2] << 8 | data[start - 1])
            if after <= self.end and minimum <= after - start <= maximum:
                self.position = after
                return self.window(f"{self.where}.{field}", start, after)
        raise self._bad_vector(2, field, minimum, maximum)

    def reader24(self, field: str, minimum: int = 0, maximum: int = 0xFFFFFF) -> Self:
        """Return a reader on a vector whose length takes three bytes; the caller finishes it."""
        return self.window(f"{self.where}.{field}", *self._bounds24(field, minimum, maximum))

    def whole16(self, field: str, minimum: int = 0) -> Self:
        """Return a reader on a vector, with two bytes of length, that is all there is left to read."""
        start = self.position + 2
        if start <= self.end:
            data = self.data
            length = data[start - 2] << 8 | data[start - 1]
            if minimum <= length == self.end - start:
                self.position = start
                return self
        raise self._bad_whole(field, minimum)

    def tagged16(self, tag: str, content: str, minimum: int = 0) -> Iterator[tuple[int, int, int]]:
        """Read to the end what begins with a number and the length of what follows, each of two bytes.

        Yields the number and where in `data` the content starts and ends.
        """
        data, position, end = self.data, self.position, self.end
        while position < end:
            self.position = position
            start = position + 4
            if start > end:
                raise self.cut_short(tag, 4)
            code, length = _unpack_two(data, position)
            position = start + length
            if position > end or length < minimum:
                self.position = start - 2
                raise self._bad_vector(2, content, minimum, 0xFFFF)
            yield code, start, position
        self.position = end

    def numbers8(self, field: str, minimum: int = 0, maximum: int = 0xFF) -> tuple[int, ...]:
        """Read one-byte numbers in a vector whose length takes one byte."""
        return tuple(self.vector8(field, minimum, maximum))

    def pairs8(self, field: str, minimum: int = 0, maximum: int = 0xFE) -> tuple[int, ...]:
        """Read two-byte numbers in a vector whose length takes one byte and must be even."""
        start = self.position + 1
        if start <= self.end:
            length = self.data[start - 1]
            after = start + length
            if after <= self.end and minimum <= length <= maximum and not length & 1:
                self.position = after
                return _pairs(length >> 1).unpack_from(self.data, start)
        raise self._bad_pairs(1, field, minimum, maximum)

    def pairs16(self, field: str, minimum: int = 0, maximum: int = 0xFFFE) -> tuple[int, ...]:
        """Read two-byte numbers in a vector whose length takes two bytes and must be even."""
        start = self.position + 2
        if start <= self.end:
            data = self.data
            length = data[start - 2] << 8 | data[start - 1]
            after = start + length
            if after <= self.end and minimum <= length <= maximum and not length & 1:
                self.position = after
                return _pairs(length >> 1).unpack_from(data, start)
        raise self._bad_pairs(2, field, minimum, maximum)

    def finish(self) -> None:
        """Check that nothing is left.

        "receivers MUST abort the handshake with a "decode_error" alert if there is data left over
        after parsing the structure" (RFC 9846 §4.3, for extensions; §6.2 for messages).
        """
        if self.position != self.end:
            raise self._left_over(self.end - self.position)

    def refuse(self, problem: str, **fields: object) -> DecodeError:
        """Return the error for a `problem` with what this reader reads; the caller raises it."""
        return DecodeError(f"{self.where}: {problem}", clause=self.clause, **fields)

    def cut_short(self, field: str, wanted: int) -> DecodeError:
        """Return the error for a `field` that would reach past the end; the caller raises it."""
        return DecodeError(
            f"{self.where}.{field} is cut short",
            clause=self.clause,
            wanted=wanted,
            left=self.end - self.position,
        )

    def _bounds24(self, field: str, minimum: int, maximum: int) -> tuple[int, int]:
        """Pass a vector whose length takes three bytes and return where its content starts and ends."""
        start = self.position + 3
        if start <= self.end:
            after = start + int.from_bytes(self.data[start - 3 : start], "big")
            if after <= self.end and minimum <= after - start <= maximum:
                self.position = after
                return start, after
        raise self._bad_vector(3, field, minimum, maximum)

    def _bad_vector(self, width: int, field: str, minimum: int, maximum: int) -> DecodeError:
        """Return the error for a vector that is cut short or outside its "subrange of legal lengths"."""
        if self.remaining < width:
            return self.cut_short(field, width)
        length = int.from_bytes(self.take(width, field), "big")
        if minimum <= length <= maximum:
            return self.cut_short(field, length)
        return DecodeError(
            f"{self.where}.{field} is {length} bytes long, not {minimum} to {maximum}",
            clause=self.clause,
            length=length,
        )

    def _left_over(self, left: int) -> DecodeError:
        """Return the error for bytes after the end of a structure."""
        count = f"{left} byte{'s' if left > 1 else ''}"
        return DecodeError(f"{count} left over after {self.where}", clause=self.clause, left=left)

    def _bad_whole(self, field: str, minimum: int) -> DecodeError:
        """Return the error for a vector that is cut short, too short, or not the last thing."""
        if self.remaining < 2:
            return self.cut_short(field, 2)
        length = int.from_bytes(self.data[self.position : self.position + 2], "big")
        left = self.remaining - 2 - length
        return self._left_over(left) if left > 0 else self._bad_vector(2, field, minimum, 0xFFFF)

    def _bad_pairs(self, width: int, field: str, minimum: int, maximum: int) -> DecodeError:
        """Return the error for a list of two-byte numbers.

        "The length of an encoded vector must be an exact multiple of the length of a single element (e.g.,
        a 17-byte vector of uint16 would be illegal)" (RFC 9846 §3.4).
        """
        length = int.from_bytes(self.data[self.position : self.position + width], "big")
        if minimum <= length <= self.remaining - width and length & 1:
            return self.refuse(f"{field} has an odd length", length=length)
        return self._bad_vector(width, field, minimum, maximum)


def u8(value: int) -> bytes:
    """Return a number as one byte."""
    try:
        return _pack_u8(value)
    except StructError:
        raise _too_big(value, 1) from None


def u16(value: int) -> bytes:
    """Return a number as two bytes."""
    try:
        return _pack_u16(value)
    except StructError:
        raise _too_big(value, 2) from None


def u24(value: int) -> bytes:
    """Return a number as three bytes."""
    try:
        return value.to_bytes(3, "big")
    except OverflowError:
        raise _too_big(value, 3) from None


def u32(value: int) -> bytes:
    """Return a number as four bytes."""
    try:
        return value.to_bytes(4, "big")
    except OverflowError:
        raise _too_big(value, 4) from None


def vector8(body: bytes) -> bytes:
    """Return `body` behind its length in one byte."""
    try:
        return _pack_u8(len(body)) + body
    except StructError:
        raise _too_big(len(body), 1) from None


def vector16(body: bytes) -> bytes:
    """Return `body` behind its length in two bytes."""
    try:
        return _pack_u16(len(body)) + body
    except StructError:
        raise _too_big(len(body), 2) from None


def vector24(body: bytes) -> bytes:
    """Return `body` behind its length in three bytes."""
    return u24(len(body)) + body


def tagged16(tag: int, content: bytes) -> bytes:
    """Return `content` behind a number and its length, each in two bytes."""
    try:
        return _pack_two(tag, len(content)) + content
    except StructError:
        raise _too_big(max(tag, len(content)), 2) from None


def numbers8(values: Iterable[int]) -> bytes:
    """Return one-byte numbers as a vector whose length takes one byte."""
    return vector8(bytes(values))


def pairs8(values: Sequence[int]) -> bytes:
    """Return two-byte numbers as a vector whose length takes one byte."""
    try:
        return vector8(_pairs(len(values)).pack(*values))
    except StructError:
        raise _too_big(max(values), 2) from None


def pairs16(values: Sequence[int]) -> bytes:
    """Return two-byte numbers as a vector whose length takes two bytes."""
    try:
        return vector16(_pairs(len(values)).pack(*values))
    except StructError:
        raise _too_big(max(values), 2) from None


def _too_big(value: int, width: int) -> ValueError:
    return ValueError(f"{value} does not fit into {width} byte{'s' if width > 1 else ''}")


class HandshakeMessage(Protocol):
    """What every handshake message has: its code, the section that defines it, and `body`."""

    handshake_type: ClassVar[int]
    clause: ClassVar[str]

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        ...


M = TypeVar("M", bound=HandshakeMessage, covariant=True)


class MessageForm(Protocol[M]):
    """How a handshake message is to be read: its code, the section that defines it, and `read`.

    Mostly that is the message's class. Before TLS 1.3 some messages have a shape that follows from what was
    negotiated and cannot be seen in them; those are read by a form that knows it (`messages12`). What a
    message is called is not the form's business: `codepoints.MESSAGE_NAMES` says it.
    """

    @property
    def handshake_type(self) -> int:
        """The message's code."""
        ...

    @property
    def clause(self) -> str:
        """The section that defines the message, for errors."""
        ...

    def read(self, reader: Reader) -> M:
        """Read the message's body; whoever made the reader finishes it."""
        ...


def decode(form: MessageForm[M], body: bytes) -> M:
    """Decode a whole handshake message body; DecodeError or IllegalParameter when it is not one."""
    reader = Reader(body, MESSAGE_NAMES[form.handshake_type], form.clause)
    decoded = form.read(reader)
    reader.finish()
    return decoded


def handshake_message(handshake_type: int, body: bytes) -> bytes:
    """Return a handshake message: type, length in three bytes, body (RFC 9846 §4)."""
    return u8(handshake_type) + vector24(body)
