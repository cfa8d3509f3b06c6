"""Where records begin and end in what a transport brings, so that no byte beyond the last one is taken."""

from __future__ import annotations

from typing import Final

from lucidtls.record.reader import HEADER_LENGTH
from lucidtls.wire.codepoints import ContentType

_SEALED_TYPE: Final[int] = ContentType.APPLICATION_DATA
_ALERT: Final[int] = ContentType.ALERT
_OLDER_TYPES: Final = range(ContentType.CHANGE_CIPHER_SPEC, ContentType.APPLICATION_DATA + 1)


class RecordMarks:
    """Follows the headers of a stream of records, without a look at their contents.

    Once `sealed` is set, a record that is not sealed is no part of the TLS connection (RFC 9846 §5.2). Before
    TLS 1.3 headers tell the truth about their contents, and all carry the `version` that was agreed; what
    belongs to the connection then ends with an alert.
    """

    __slots__ = ("_header", "_last", "_left", "_strange", "sealed", "version")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._strange = False
        self._last = 0
        self.sealed = False
        self.version: bytes | None = None

    def follow(self, data: bytes) -> None:
        """Note the next bytes of the stream."""
        end = len(data)
        if self._header:
            data = self._header + data
            end = len(data)
            self._header = b""
        at = self._left
        while at + HEADER_LENGTH <= end:
            self._last = data[at]
            if self.sealed:
                self._strange |= self._last != _SEALED_TYPE
            elif self.version is not None:
                self._strange |= self._last not in _OLDER_TYPES or data[at + 1 : at + 3] != self.version
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
        beyond_alert = self.version is not None and self._last != _ALERT
        return self._strange or beyond_alert or bool(self._left or self._header)
