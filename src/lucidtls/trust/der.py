"""Just enough DER to find the pieces of a certificate that pyca has already parsed.

pyca validates the whole structure when it loads a certificate, so this walks known-good bytes; a length that
runs out of them still raises ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE = 0x30
SET = 0x31
INTEGER = 0x02
OBJECT_IDENTIFIER = 0x06


def element(data: bytes, offset: int, end: int) -> tuple[int, int, int]:
    """Return tag, start of the contents and end of the element at `offset`, which must fit before `end`."""
    if offset + 2 > end:
        raise ValueError("DER element is cut short")
    tag, length, start = data[offset], data[offset + 1], offset + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("DER tags of more than one byte are not read here")
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > end:
        raise ValueError("DER element is longer than what holds it")
    return tag, start, start + length


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, offset, start of contents and end of each element in data[start:end]."""
    while start < end:
        tag, contents, after = element(data, start, end)
        yield tag, start, contents, after
        start = after


def children(data: bytes) -> list[tuple[int, bytes]]:
    """Split the one element that `data` holds into its children: tag and contents of each."""
    _, start, end = element(data, 0, len(data))
    return [(tag, data[contents:after]) for tag, _, contents, after in elements(data, start, end)]


def encode(tag: int, *parts: bytes) -> bytes:
    """Encode one element whose contents are `parts`, at most 65535 bytes together."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    return bytes((tag, 0x82)) + size.to_bytes(2, "big") + body


def object_identifier(dotted: str) -> bytes:
    """Encode an object identifier, tag and length included."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray()
    for number in (first * 40 + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        body += bytes(reversed(septets))
    return encode(OBJECT_IDENTIFIER, bytes(body))
