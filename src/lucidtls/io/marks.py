"""Where records begin and end in what a transport brings, so that no byte beyond the last one is taken."""

from __future__ import annotations

from typing import Final

from lucidtls.record.reader import HEADER_LENGTH
from lucidtls.wire.codepoints import ContentType

_SEALED_TYPE: Final[int] = ContentType.APPLICATION_DATA


class RecordMarks:
    """Follows the headers of a stream of records, without a look at their contents.

    Once `sealed` is set, a record that is not sealed is no part of the TLS connection (RFC 9846 §5.2).
    """

    __slots__ = ("_header", "_left", "_strange", "sealed")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._strange = False
        self.sealed = False

    def follow(self, data: bytes) -> None:
        """Note the next bytes of the stream."""
        end = len(data)
        if self._header:
            data = self._header + data
            end = len(data)
            self._header = b""
        at = self._left
        while at + HEADER_LENGTH <= end:
            if data[at] != _SEALED_TYPE and self.sealed:
                self._strange = True
            at += HEADER_LENGTH + (data[at + 3] << 8 | data[at + 4])
        if at < end:
            self._header = data[at:]
            at = end
        self._left = at - end

    @property
    def wanted(self) -> int:
        """Bytes up to the end of the record that has begun, or of its header: never beyond the record."""
        return self._left or HEADER_LENGTH - len(self._header)

    @property
    def exceeded(self) -> bool:
        """Whether more than whole records of the connection has come."""
        return self._strange or bool(self._left or self._header)
