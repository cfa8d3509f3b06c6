"""The two idioms of the wire codec: a bounded `Reader` to decode, functions that return bytes to encode.

RFC 9846 §3 is the language: big-endian numbers, vectors with a length in front whose minimum and
maximum are part of the type. A length makes a new reader; whoever makes a reader finishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import pack, unpack
from typing import ClassVar, Protocol, Self, TypeVar

from lucidtls.errors import DecodeError


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

    def vector8(self, field: str, minimum: int = 0, maximum: int | None = None) -> bytes:
        """Read an opaque vector whose length takes one byte."""
        return self.take(self._length(1, field, minimum, maximum), field)

    def vector16(self, field: str, minimum: int = 0, maximum: int | None = None) -> bytes:
        """Read an opaque vector whose length takes two bytes."""
        return self.take(self._length(2, field, minimum, maximum), field)

    def vector24(self, field: str, minimum: int = 0, maximum: int | None = None) -> bytes:
        """Read an opaque vector whose length takes three bytes."""
        return self.take(self._length(3, field, minimum, maximum), field)

    def reader8(self, field: str, minimum: int = 0, maximum: int | None = None) -> Self:
        """Return a reader on a vector whose length takes one byte; the caller finishes it."""
        return self._nested(self._length(1, field, minimum, maximum), field)

    def reader16(self, field: str, minimum: int = 0, maximum: int | None = None) -> Self:
        """Return a reader on a vector whose length takes two bytes; the caller finishes it."""
        return self._nested(self._length(2, field, minimum, maximum), field)

    def reader24(self, field: str, minimum: int = 0, maximum: int | None = None) -> Self:
        """Return a reader on a vector whose length takes three bytes; the caller finishes it."""
        return self._nested(self._length(3, field, minimum, maximum), field)

    def numbers8(self, field: str, minimum: int = 0, maximum: int | None = None) -> tuple[int, ...]:
        """Read one-byte numbers in a vector whose length takes one byte."""
        return tuple(self.vector8(field, minimum, maximum))

    def pairs8(self, field: str, minimum: int = 0, maximum: int | None = None) -> tuple[int, ...]:
        """Read two-byte numbers in a vector whose length takes one byte and must be even."""
        return self._pairs(self.vector8(field, minimum, maximum), field)

    def pairs16(self, field: str, minimum: int = 0, maximum: int | None = None) -> tuple[int, ...]:
        """Read two-byte numbers in a vector whose length takes two bytes and must be even."""
        return self._pairs(self.vector16(field, minimum, maximum), field)

    def finish(self) -> None:
        """Check that nothing is left.

        "receivers MUST abort the handshake with a "decode_error" alert if there is data left over
        after parsing the structure" (RFC 9846 §4.3, for extensions; §6.2 for messages).
        """
        if self.position != self.end:
            left = self.end - self.position
            raise DecodeError(
                f"{left} byte{'s' if left > 1 else ''} left over after {self.where}",
                clause=self.clause,
                left=left,
            )

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

    def _length(self, width: int, field: str, minimum: int, maximum: int | None) -> int:
        """Read a length, which must lie in the vector's "subrange of legal lengths" (RFC 9846 §3.4)."""
        position = self.position
        after = position + width
        if after > self.end:
            raise self.cut_short(field, width)
        self.position = after
        data = self.data
        length = data[position] if width == 1 else int.from_bytes(data[position:after], "big")
        if length < minimum or (maximum is not None and length > maximum):
            raise self._out_of_range(field, length, minimum, maximum)
        return length

    def _out_of_range(self, field: str, length: int, minimum: int, maximum: int | None) -> DecodeError:
        bounds = f"at least {minimum}" if maximum is None else f"{minimum} to {maximum}"
        return DecodeError(
            f"{self.where}.{field} is {length} bytes long, not {bounds}", clause=self.clause, length=length
        )

    def part(self, length: int, where: str, clause: str) -> Self:
        """Return a reader on the next `length` bytes under a name and clause of their own."""
        position = self.position
        after = position + length
        if after > self.end:
            raise DecodeError(f"{where} is cut short", clause=clause, wanted=length, left=self.end - position)
        self.position = after
        return self.__class__(self.data, where, clause, position, after)

    def _nested(self, length: int, field: str) -> Self:
        return self.part(length, f"{self.where}.{field}", self.clause)

    def _pairs(self, body: bytes, field: str) -> tuple[int, ...]:
        """Split into two-byte numbers: "a 17-byte vector of uint16 would be illegal" (RFC 9846 §3.4)."""
        if len(body) & 1:
            raise DecodeError(f"{self.where}.{field} has an odd length", clause=self.clause, length=len(body))
        return unpack(f">{len(body) >> 1}H", body)


def u8(value: int) -> bytes:
    """Return a number as one byte."""
    return _number(value, 1)


def u16(value: int) -> bytes:
    """Return a number as two bytes."""
    return _number(value, 2)


def u24(value: int) -> bytes:
    """Return a number as three bytes."""
    return _number(value, 3)


def u32(value: int) -> bytes:
    """Return a number as four bytes."""
    return _number(value, 4)


def vector8(body: bytes) -> bytes:
    """Return `body` behind its length in one byte."""
    return _number(len(body), 1) + body


def vector16(body: bytes) -> bytes:
    """Return `body` behind its length in two bytes."""
    return _number(len(body), 2) + body


def vector24(body: bytes) -> bytes:
    """Return `body` behind its length in three bytes."""
    return _number(len(body), 3) + body


def numbers8(values: Iterable[int]) -> bytes:
    """Return one-byte numbers as a vector whose length takes one byte."""
    return vector8(bytes(values))


def pairs8(values: Sequence[int]) -> bytes:
    """Return two-byte numbers as a vector whose length takes one byte."""
    return vector8(pack(f">{len(values)}H", *values))


def pairs16(values: Sequence[int]) -> bytes:
    """Return two-byte numbers as a vector whose length takes two bytes."""
    return vector16(pack(f">{len(values)}H", *values))


def _number(value: int, width: int) -> bytes:
    try:
        return value.to_bytes(width, "big")
    except OverflowError:
        raise ValueError(f"{value} does not fit into {width} byte{'s' if width > 1 else ''}") from None


class HandshakeMessage(Protocol):
    """What every handshake message has: its code, the section that defines it, `read` and `body`."""

    handshake_type: ClassVar[int]
    clause: ClassVar[str]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the message's body; whoever made the reader finishes it."""
        ...

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        ...


M = TypeVar("M", bound=HandshakeMessage)


def decode(message: type[M], body: bytes) -> M:
    """Decode a whole handshake message body; DecodeError or IllegalParameter when it is not one."""
    reader = Reader(body, message.__name__, message.clause)
    decoded = message.read(reader)
    reader.finish()
    return decoded


def handshake_message(handshake_type: int, body: bytes) -> bytes:
    """Return a handshake message: type, length in three bytes, body (RFC 9846 §4)."""
    return u8(handshake_type) + vector24(body)
