"""Sending records: fragment, pad, seal (RFC 9846 §5.1-5.4, RFC 5246 §6.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lucidtls.crypto.aead import AEADKey
from lucidtls.record.protection import Protection
from lucidtls.trace import RecordTraced, Tracer
from lucidtls.wire.codepoints import ContentType
from lucidtls.wire.records import INITIAL_RECORD_VERSION, MAX_PLAINTEXT, RECORD_VERSION, record_header

PaddingPolicy = Callable[[int, int], int]
"""Given a content type and a content length in bytes, how many zero bytes to append (RFC 9846 §5.4)."""

CHANGE_CIPHER_SPEC_RECORD: Final = b"\x14\x03\x03\x00\x01\x01"

KEY_UPDATE_LENGTH: Final = 5
"""Bytes of a KeyUpdate message: a key's last records are kept for it (`RecordWriter.reserve`)."""

_WORTH_A_PIECE: Final = 1024
"""From this size on it costs less to hand out header and body as two pieces than to join them."""


class RecordWriter:
    """One direction of a connection: content goes in, records come out in `take` order.

    Give it keys with `install`, or up to TLS 1.2 with `install_protection`; without keys, records are sent in
    the clear. `sequence` counts the records sealed with the present key, `record_limit` is how many it may
    seal (RFC 9846 §5.5), `reserve` how many of them are kept for what ends its use. Not thread-safe.
    """

    __slots__ = (
        "_chunks", "_compatibility_record", "_first", "_iv", "_key", "_padding", "_protection", "_staging",
        "_tag_length", "_trace", "_version", "max_content", "record_limit", "reserve", "sequence",
    )  # fmt: skip

    def __init__(
        self,
        max_content: int = MAX_PLAINTEXT,
        padding: PaddingPolicy | None = None,
        trace: Tracer | None = None,
    ) -> None:
        self._chunks: list[bytes] = []
        self._key: AEADKey | None = None
        self._iv = 0
        self._tag_length = 0
        self.max_content = max_content
        self.reserve = -(-KEY_UPDATE_LENGTH // max_content)
        self._trace = trace
        self._padding = padding
        self._staging: memoryview | None = None
        self._compatibility_record = False
        self._first = True
        self._protection: Protection | None = None
        self._version = RECORD_VERSION
        self.sequence = 0
        self.record_limit = 0

    @property
    def protected(self) -> bool:
        """Whether records are sealed."""
        return self._key is not None or self._protection is not None

    def install(self, key: AEADKey, iv: bytes, tag_length: int, record_limit: int) -> None:
        """Protect all following records with this key; `record_limit` is how many it may seal."""
        self._key = key
        self._iv = int.from_bytes(iv)
        self._tag_length = tag_length
        self.sequence = 0
        self.record_limit = record_limit

    def enter_plaintext(self) -> None:
        """Send in the clear again: early data has been refused, and a second ClientHello follows."""
        self._key = None
        self._compatibility_record = False
        self.sequence = 0

    def enter_version(self, version: int) -> None:
        """Mark all following records with this version, up to TLS 1.2."""
        self._version = version

    def install_protection(self, protection: Protection) -> None:
        """Protect all following records so, up to TLS 1.2: the content type stays visible, nothing is padded.

        Of the records that the key may seal one is kept for close_notify, and one more where each `write`
        takes a record more than its content has need of.
        """
        self._protection = protection
        self.sequence = 0
        self.record_limit = protection.record_limit
        self.reserve = 2 if protection.splits_first_byte else 1

    def drop_keys(self) -> None:
        """Forget the key. Nothing more can be sealed."""
        self._key = self._protection = None
        self._iv = 0
        self._staging = None
        self.record_limit = 0

    def send_compatibility_record(self, *, now: bool) -> None:
        """Send the dummy change_cipher_spec of RFC 9846 §E.4, now or just before the next sealed record."""
        if now:
            self._chunks.append(CHANGE_CIPHER_SPEC_RECORD)
        else:
            self._compatibility_record = True

    def write(self, content_type: int, content: bytes | bytearray | memoryview) -> None:
        """Turn content of any length into records, in the clear or sealed as the keys say."""
        if self._key is None:
            if self._protection is None:
                self._write_plain(content_type, content)
            else:
                self._write_12(self._protection, content_type, content)
            return
        if self._compatibility_record:
            self._compatibility_record = False
            self._chunks.append(CHANGE_CIPHER_SPEC_RECORD)
        self._seal(self._key, content_type, content)

    def _write_plain(self, content_type: int, content: bytes | bytearray | memoryview) -> None:
        # "a record containing an initial ClientHello SHOULD have version 0x0301" (RFC 9846 §5.1);
        # every other record carries 0x0303, or the version negotiated when that is older.
        version = self._version
        if self._first and content_type == ContentType.HANDSHAKE and content[0] == 1:
            version = INITIAL_RECORD_VERSION
        self._first = False
        for start in range(0, len(content), self.max_content):
            fragment = bytes(content[start : start + self.max_content])
            self._chunks.append(record_header(content_type, version, len(fragment)) + fragment)
            if self._trace is not None:
                self._trace.record(RecordTraced("sent", content_type, len(fragment), protected=False))

    def _seal(self, key: AEADKey, content_type: int, content: bytes | bytearray | memoryview) -> None:
        """Seal content as one record, or as many as it takes."""
        total = len(content)
        if total <= self.max_content and self._padding is None:
            self._seal_inner(key, content_type, total, b"".join((content, bytes((content_type,)))))
            return
        staging = self._staging
        if staging is None:
            staging = self._staging = memoryview(bytearray(MAX_PLAINTEXT + 1))
        with memoryview(content) as source:
            for start, length, padding in self._plan(content_type, total):
                end = length + 1 + padding
                staging[:length] = source[start : start + length]
                staging[length] = content_type
                if padding:
                    staging[length + 1 : end] = bytes(padding)
                self._seal_inner(key, content_type, length, staging[:end])

    def _seal_inner(self, key: AEADKey, content_type: int, length: int, inner: bytes | memoryview) -> None:
        """Seal one TLSInnerPlaintext; `length` is that of its content, for the tracer."""
        sealed = len(inner) + self._tag_length
        header = b"\x17\x03\x03%c%c" % (sealed >> 8, sealed & 255)
        nonce = (self._iv ^ self.sequence).to_bytes(12)
        self.sequence += 1
        body = key.encrypt(nonce, inner, header)
        if sealed < _WORTH_A_PIECE:
            self._chunks.append(header + body)
        else:
            self._chunks += (header, body)
        if self._trace is not None:
            self._trace.record(RecordTraced("sent", content_type, length, protected=True))

    def _plan(self, content_type: int, total: int) -> list[tuple[int, int, int]]:
        """Cut content into (start, length, padding) triples, none over the limits of RFC 9846 §5.4."""
        plan: list[tuple[int, int, int]] = []
        for start in range(0, total or 1, self.max_content):
            length = min(self.max_content, total - start)
            padding = 0
            if self._padding is not None:
                padding = max(0, min(self._padding(content_type, length), self.max_content - length))
            plan.append((start, length, padding))
        return plan

    def _write_12(
        self, protection: Protection, content_type: int, content: bytes | bytearray | memoryview
    ) -> None:
        """Seal content as RFC 5246 §6.2 has it, cut into records."""
        total = len(content)
        splits = protection.splits_first_byte and content_type == ContentType.APPLICATION_DATA and total > 1
        first = 1 if splits else self.max_content
        if total <= first:
            self._seal_12(protection, content_type, content)
            return
        with memoryview(content) as source:
            self._seal_12(protection, content_type, source[:first])
            for start in range(first, total, self.max_content):
                self._seal_12(protection, content_type, source[start : start + self.max_content])

    def _seal_12(
        self, protection: Protection, content_type: int, content: bytes | bytearray | memoryview
    ) -> None:
        sequence = self.sequence
        self.sequence = sequence + 1
        beginning, rest = protection.seal(sequence, content_type, content)
        length = len(beginning) + len(rest)
        head = record_header(content_type, self._version, length) + beginning
        if length < _WORTH_A_PIECE:
            self._chunks.append(head + rest)
        else:
            self._chunks += (head, rest)
        if self._trace is not None:
            self._trace.record(RecordTraced("sent", content_type, len(content), protected=True))

    def chunks(self) -> list[bytes]:
        """Take everything that is ready to be sent, as pieces for a gathering write."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def take(self) -> bytes:
        """Take everything that is ready to be sent, as one string."""
        chunks = self._chunks
        if not chunks:
            return b""
        self._chunks = []
        if len(chunks) == 1:
            return chunks[0]
        return b"".join(chunks)
