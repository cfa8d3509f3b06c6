"""As much HTTP/1.1 as the commands need: one request, one answer, then the connection closes (RFC 9112)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_HEAD: Final = 64 * 1024
"""Bytes of a head that is read; usual servers accept 8 to 64 KiB."""


def request_for(host: str, path: str) -> bytes:
    """A GET request after which the server closes."""
    name = f"[{host}]" if ":" in host else host
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {name}",
        "User-Agent: lucidtls",
        "Accept: */*",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a message: the start line, and the fields by lower-case name."""

    start: str
    fields: dict[str, str]
    length: int

    def token(self, name: str) -> str:
        """A field's value in lower case, empty when there is none."""
        return self.fields.get(name, "").lower()


def read_head(data: bytes | bytearray) -> Head | None:
    """Read the head of a message; None when it is not all there, or is no HTTP."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        return None
    start, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    fields = {}
    for text in lines:
        name, colon, value = text.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    return Head(start, fields, end + 4)


def is_complete(data: bytes | bytearray) -> bool | None:
    """Whether an answer is all there; None when only the end of the connection can tell."""
    head = read_head(data)
    if head is None:
        return False
    status = head.start.split(" ")[1:2]
    if status in (["204"], ["304"]):
        return True
    if "chunked" in head.token("transfer-encoding"):
        return data.endswith(b"0\r\n\r\n")
    length = head.token("content-length")
    if length.isascii() and length.isdigit():
        return len(data) - head.length >= int(length)
    return None
