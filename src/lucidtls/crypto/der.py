"""Just enough DER (X.690) to look into a key's algorithm identifier. Certificates are read by pyca."""

from __future__ import annotations

from typing import Final

INTEGER: Final = 0x02
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30

_MAX_LENGTH_BYTES: Final = 4
"""Nothing here comes near 4 GiB; TLS carries certificates under 2^24 bytes."""


class MalformedDER(Exception):
    """The bytes are not the DER that was expected; callers turn it into a PeerError with a clause."""


def context(number: int) -> int:
    """The tag of a constructed context-specific field, [number] in ASN.1."""
    return 0xA0 | number


class DERReader:
    """Reads elements one after the other from a span of bytes; raises MalformedDER."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self._position

    def take(self, tag: int) -> bytes:
        """Return the contents of the next element, which must have this tag."""
        start, end = self._next(tag)
        self._position = end
        return self._data[start:end]

    def element(self, tag: int) -> bytes:
        """Return the whole next element with its tag and length."""
        first = self._position
        _, end = self._next(tag)
        self._position = end
        return self._data[first:end]

    def enter(self, tag: int) -> DERReader:
        """Return a reader on the contents of the next element, and go past it here."""
        start, end = self._next(tag)
        self._position = end
        return DERReader(self._data, start, end)

    def optional(self, tag: int) -> DERReader | None:
        """As `enter` where the next element has this tag, else None."""
        if self.remaining and self._data[self._position] == tag:
            return self.enter(tag)
        return None

    def _next(self, tag: int) -> tuple[int, int]:
        """Find where the contents of the next element start and end."""
        data, position = self._data, self._position
        if self.remaining < 2 or data[position] != tag:
            raise MalformedDER(f"no element with tag 0x{tag:02x} at offset {position}")
        length, start = data[position + 1], position + 2
        if length >= 0x80:
            size = length - 0x80
            if not 1 <= size <= _MAX_LENGTH_BYTES:
                raise MalformedDER(f"a bad length at offset {position + 1}")
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
        if start + length > self._end:
            raise MalformedDER(f"an element at offset {position} is longer than what holds it")
        return start, start + length
