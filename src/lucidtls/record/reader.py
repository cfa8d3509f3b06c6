"""Receiving records: deframe, open, strip the padding (RFC 9846 §5.1-5.4, RFC 5246 §6.2)."""

from __future__ import annotations

from typing import Final

from lucidtls.alerts import PROTOCOL_VERSION
from lucidtls.crypto.aead import AEADKey, InvalidTag
from lucidtls.errors import BadRecordMac, NotTLS, RecordOverflow, UnexpectedMessage, UnsupportedVersion
from lucidtls.record.framing import RecordBuffer
from lucidtls.record.protection import AEADProtection, Protection
from lucidtls.trace import RecordTraced, Tracer
from lucidtls.wire.codepoints import CONTENT_TYPES, ContentType, name_of
from lucidtls.wire.records import MAX_CIPHERTEXT_13, MAX_PLAINTEXT, guess_service, read_record_header
from lucidtls.wire.versions import version_name

HEADER_LENGTH: Final = 5

MAX_CHANGE_CIPHER_SPECS: Final = 32
"""Dummy records dropped per connection. Peers send one or two; this only stops a flood."""

MAX_INNER: Final = MAX_PLAINTEXT + 1
"""Content, type and padding: "the full encoded TLSInnerPlaintext MUST NOT exceed 2^14 + 1 octets"."""

MAX_CIPHERTEXT_12: Final = MAX_PLAINTEXT + 2048
"""TLSCiphertext.length: "The length MUST NOT exceed 2^14 + 2048." (RFC 5246 §6.2.3)"""

_APPLICATION_DATA: Final[int] = ContentType.APPLICATION_DATA
_INNER_TYPES: Final = frozenset((ContentType.ALERT, ContentType.HANDSHAKE, ContentType.APPLICATION_DATA))
_CLEAR_TYPES_12: Final = frozenset((ContentType.CHANGE_CIPHER_SPEC, ContentType.ALERT, ContentType.HANDSHAKE))
_SEALED_TYPES_12: Final = _CLEAR_TYPES_12 | {ContentType.APPLICATION_DATA}

Record = tuple[int, bytes]
"""A content type and the content, without padding."""


class RecordReader:
    """The other direction: bytes go in as they come, records come out one at a time. Not thread-safe.

    `change_cipher_spec_allowed` opens the window in which RFC 9846 §5 has dummy records dropped;
    `change_cipher_specs` counts them. `skip_early_data` sets how many bytes of unreadable early data may be
    passed over. All of this is TLS 1.3's, and over once `enter_version` has been called.
    """

    __slots__ = (
        "_buffer", "_iv", "_key", "_protection", "_sequence", "_skip", "_tag_length", "_trace", "_version",
        "change_cipher_spec_allowed", "change_cipher_specs", "clear_alert_allowed", "started",
    )  # fmt: skip

    def __init__(self, trace: Tracer | None = None) -> None:
        self._trace = trace
        self._buffer = RecordBuffer()
        self._key: AEADKey | None = None
        self._iv = 0
        self._tag_length = 0
        self._sequence = 0
        self._skip = 0
        self._protection: Protection | None = None
        self._version = 0
        self.change_cipher_specs = 0
        self.change_cipher_spec_allowed = False
        self.clear_alert_allowed = False
        self.started = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes from the transport. They are only buffered."""
        self._buffer.feed(data)

    @property
    def buffered(self) -> int:
        """Bytes fed and not yet given out as records."""
        return len(self._buffer)

    @property
    def protected(self) -> bool:
        """Whether records must be sealed."""
        return self._key is not None or self._protection is not None

    def install(self, key: AEADKey, iv: bytes, tag_length: int) -> None:
        """Open all following records with this key."""
        self._key = key
        self._iv = int.from_bytes(iv)
        self._tag_length = tag_length
        self._sequence = 0

    def enter_version(self, version: int) -> None:
        """Read all following records as this version up to TLS 1.2 has them.

        change_cipher_spec records are given out from now on, and no other version is accepted.
        """
        self._version = version

    def install_protection(self, protection: Protection) -> None:
        """Open all following records so, up to TLS 1.2: "The sequence number MUST be set to zero whenever a
        connection state is made the active state." (RFC 5246 §6.1)
        """
        self._protection = protection
        self._sequence = 0

    def drop_keys(self) -> None:
        """Forget the key and everything not yet read."""
        self._key = self._protection = None
        self._iv = 0
        self._buffer.clear()

    def skip_early_data(self, limit: int) -> None:
        """Pass over up to `limit` bytes of records that cannot be opened (RFC 9846 §4.3.10); 0 ends it."""
        self._skip = limit

    def read(self) -> Record | None:
        """Return the next record, or None when more bytes are needed.

        Raises NotTLS, UnsupportedVersion, RecordOverflow, BadRecordMac or UnexpectedMessage.
        """
        if self._version:
            return self._read_12()
        buffer = self._buffer
        while buffer.gather(HEADER_LENGTH):
            if not self.started:
                self._refuse_what_is_no_tls()
            header = bytes(buffer.data[buffer.at : buffer.at + HEADER_LENGTH])
            content_type = header[0]
            length = (header[3] << 8) | header[4]
            if length > self._limit(content_type):
                raise RecordOverflow(
                    "a record is longer than TLS allows", length=length, clause="RFC 9846 §5.1"
                )
            if not buffer.gather(HEADER_LENGTH + length):
                return None
            body = buffer.data[buffer.at + HEADER_LENGTH : buffer.at + HEADER_LENGTH + length]
            buffer.at += HEADER_LENGTH + length
            if content_type == ContentType.CHANGE_CIPHER_SPEC:
                self._drop_change_cipher_spec(bytes(body))
                continue
            if self._key is None:
                record = self._read_plain(content_type, bytes(body))
            elif content_type == ContentType.APPLICATION_DATA:
                record = self._open(self._key, header, body)
            else:
                record = self._read_unsealed(content_type, bytes(body))
            if record is not None:
                if self._trace is not None:
                    protected = self._key is not None and content_type == ContentType.APPLICATION_DATA
                    self._trace.record(RecordTraced("received", record[0], len(record[1]), protected))
                return record
        return None

    def _limit(self, content_type: int) -> int:
        """The longest fragment a record may have now; early data that is passed over is sealed too."""
        sealed = self._key is not None or (self._skip and content_type == _APPLICATION_DATA)
        return MAX_CIPHERTEXT_13 if sealed else MAX_PLAINTEXT

    def _refuse_what_is_no_tls(self) -> None:
        first = bytes(self._buffer.data[self._buffer.at : self._buffer.at + 64])
        if first[0] in CONTENT_TYPES and first[1] == 3:
            self.started = True
            return
        service = guess_service(first)
        if service == "SSLv2":
            what = "SSL 2.0 only" if first[3:5] == b"\0\2" else "newer versions in the form of SSL 2.0"
            # "TLS servers MUST NOT negotiate the use of SSL 2.0", and RFC 9846 §E.5 advises against taking a
            # newer version in that form.
            raise NotTLS(f"the hello offers {what}", service=service, clause="RFC 6176 §3").with_alert(
                PROTOCOL_VERSION
            )
        what = f"these bytes are {service}, not TLS" if service else "the first bytes are not a TLS record"
        raise NotTLS(what, service=service, first_bytes=first[:16], clause="RFC 9846 §5.1")

    def _drop_change_cipher_spec(self, body: bytes) -> None:
        # "An implementation which receives any other change_cipher_spec value or which receives a protected
        # change_cipher_spec record MUST abort the handshake with an "unexpected_message" alert."
        # (RFC 9846 §5)
        # It is dropped even between the fragments of a handshake message, where §5.1 has nothing else: it may
        # come "at any time", and is no part of what the peers say to each other.
        if body != b"\x01" or not self.change_cipher_spec_allowed:
            raise UnexpectedMessage("a change_cipher_spec record has no place here", clause="RFC 9846 §5")
        self.change_cipher_specs += 1
        if self.change_cipher_specs > MAX_CHANGE_CIPHER_SPECS:
            raise UnexpectedMessage("the peer keeps sending change_cipher_spec records", clause="RFC 9846 §5")

    def _read_plain(self, content_type: int, body: bytes) -> Record | None:
        if content_type == ContentType.APPLICATION_DATA and self._skip:
            self._skip_record(len(body))
            return None
        if content_type not in (ContentType.HANDSHAKE, ContentType.ALERT):
            name = name_of(CONTENT_TYPES, content_type)
            raise UnexpectedMessage(
                f"an unprotected record of type {name} has no place here", clause="RFC 9846 §5"
            )
        self._skip = 0
        return content_type, body

    def _read_unsealed(self, content_type: int, body: bytes) -> Record:
        if content_type == ContentType.ALERT and self.clear_alert_allowed:
            return content_type, body
        name = name_of(CONTENT_TYPES, content_type)
        raise UnexpectedMessage(
            f"an unprotected {name} record came after keys were set", clause="RFC 9846 §5.2"
        )

    def _open(self, key: AEADKey, header: bytes, body: memoryview) -> Record | None:
        nonce = (self._iv ^ self._sequence).to_bytes(12)
        try:
            inner = key.decrypt(nonce, body, header)
        except InvalidTag:
            if not self._skip:
                raise BadRecordMac(
                    "a record does not authenticate: altered on the way, or sealed with other keys",
                    sequence=self._sequence,
                    clause="RFC 9846 §5.2",
                ) from None
            self._skip_record(len(body))
            return None
        self._skip = 0
        self._sequence += 1
        self.clear_alert_allowed = False
        return _content_of(inner)

    def _skip_record(self, length: int) -> None:
        # The header counts too: records without content would otherwise be passed over for ever.
        cost = HEADER_LENGTH + length
        if cost > self._skip:
            raise UnexpectedMessage("more early data than this server passes over", clause="RFC 9846 §4.3.10")
        self._skip -= cost

    def read_into(self, target: memoryview) -> int:
        """Open application data straight into `target`; return how many bytes were written.

        Stops at the first record that is incomplete, does not fit, is not application data, or does not
        authenticate: its part of `target` is wiped, and the record is left for `read`, which says why.
        """
        key = self._key
        if key is None or self._skip:
            if isinstance(self._protection, AEADProtection):
                return self._read_into_12(self._protection, target)
            return 0
        buffer, tag_length = self._buffer, self._tag_length
        room, written = len(target), 0
        while buffer.gather(HEADER_LENGTH):
            data, at = buffer.data, buffer.at
            if data[at] != _APPLICATION_DATA:
                break
            inner = ((data[at + 3] << 8) | data[at + 4]) - tag_length
            if written + inner > room or not 0 < inner <= MAX_INNER:
                break
            if not buffer.gather(HEADER_LENGTH + inner + tag_length):
                break
            data, at = buffer.data, buffer.at
            body = at + HEADER_LENGTH
            end = body + inner + tag_length
            slot = target[written : written + inner]
            nonce = (self._iv ^ self._sequence).to_bytes(12)
            try:
                key.decrypt_into(nonce, data[body:end], data[at:body], slot)
            except InvalidTag:
                length = 0
            else:
                length = _length_of_data(slot)
            if not length:
                # `decrypt_into` leaves what did not authenticate in the buffer.
                slot[:] = bytes(inner)
                break
            self._sequence += 1
            buffer.at = end
            written += length
            if self._trace is not None:
                self._trace.record(RecordTraced("received", _APPLICATION_DATA, length, protected=True))
        return written

    # Up to TLS 1.2

    def _read_12(self) -> Record | None:
        """The next record as RFC 5246 §6.2 has it: its type is the header's, before keys and after."""
        buffer, protection = self._buffer, self._protection
        if not buffer.gather(HEADER_LENGTH):
            return None
        content_type, version, length = read_record_header(buffer.data, buffer.at)
        self._check_header_12(content_type, version, length)
        if not buffer.gather(HEADER_LENGTH + length):
            return None
        start = buffer.at + HEADER_LENGTH
        fragment = buffer.data[start : start + length]
        buffer.at = start + length
        content = bytes(fragment) if protection is None else self._open_12(protection, content_type, fragment)
        if self._trace is not None:
            protected = protection is not None
            self._trace.record(RecordTraced("received", content_type, len(content), protected))
        return content_type, content

    def _check_header_12(self, content_type: int, version: int, length: int) -> None:
        """Refuse a record for its header alone, before its fragment is waited for."""
        sealed = self._protection is not None
        # "If a TLS implementation receives an unexpected record type, it MUST send an unexpected_message
        # alert." (RFC 5246 §6)
        if content_type not in (_SEALED_TYPES_12 if sealed else _CLEAR_TYPES_12):
            name = name_of(CONTENT_TYPES, content_type)
            how = "a protected" if sealed else "an unprotected"
            raise UnexpectedMessage(f"{how} record of type {name} has no place here", clause="RFC 5246 §6")
        if version != self._version and (sealed or content_type != ContentType.ALERT):
            # An alert in the clear says why the peer gives up, under whatever version it had in mind.
            raise UnsupportedVersion(
                f"a record is marked {version_name(version)} on a {version_name(self._version)} connection",
                version=version,
                clause="RFC 5246 §6.2.1",
            )
        if length > (MAX_CIPHERTEXT_12 if sealed else MAX_PLAINTEXT):
            raise RecordOverflow(
                "a record is longer than TLS allows",
                length=length,
                clause="RFC 5246 §6.2.3" if sealed else "RFC 5246 §6.2.1",
            )

    def _open_12(self, protection: Protection, content_type: int, fragment: memoryview) -> bytes:
        """Open a record; one error for all that can be wrong with it (RFC 5246 §7.2.2)."""
        try:
            content = protection.open(self._sequence, content_type, fragment)
        except InvalidTag:
            raise BadRecordMac(
                "a record does not authenticate: altered on the way, or sealed with other keys",
                sequence=self._sequence,
                clause="RFC 5246 §6.2.3.2",
            ) from None
        if len(content) > MAX_PLAINTEXT:
            raise RecordOverflow(
                "a record decrypts to more than 2^14 bytes", length=len(content), clause="RFC 5246 §6.2.1"
            )
        self._sequence += 1
        return content

    def _read_into_12(self, protection: AEADProtection, target: memoryview) -> int:
        """Open application data into `target`, as `read_into` says."""
        buffer, expansion, version = self._buffer, protection.max_expansion, self._version
        room, written = len(target), 0
        while buffer.gather(HEADER_LENGTH):
            content_type, record_version, length = read_record_header(buffer.data, buffer.at)
            content = length - expansion
            if content_type != _APPLICATION_DATA or record_version != version:
                break
            if written + content > room or not 0 < content <= MAX_PLAINTEXT:
                break
            if not buffer.gather(HEADER_LENGTH + length):
                break
            start = buffer.at + HEADER_LENGTH
            slot = target[written : written + content]
            try:
                protection.open_into(
                    self._sequence, _APPLICATION_DATA, buffer.data[start : start + length], slot
                )
            except InvalidTag:
                # `decrypt_into` leaves what did not authenticate in the buffer.
                slot[:] = bytes(content)
                break
            self._sequence += 1
            buffer.at = start + length
            written += content
            if self._trace is not None:
                self._trace.record(RecordTraced("received", _APPLICATION_DATA, content, protected=True))
        return written


def _length_of_data(inner: memoryview) -> int:
    """How many bytes of a TLSInnerPlaintext are application data; 0 when it is something else, or empty."""
    last = len(inner) - 1
    if not inner[last]:
        last = len(bytes(inner).rstrip(b"\0")) - 1
    return last if last > 0 and inner[last] == _APPLICATION_DATA else 0


def _content_of(inner: bytes) -> Record:
    """Take the content and its type out of a TLSInnerPlaintext (RFC 9846 §5.2, §5.4)."""
    if len(inner) > MAX_INNER:
        raise RecordOverflow(
            "a record decrypts to more than 2^14 bytes", length=len(inner), clause="RFC 9846 §5.4"
        )
    if not inner or not inner[-1]:
        inner = inner.rstrip(b"\0")
        if not inner:
            # "If a receiving implementation does not find a non-zero octet in the cleartext, it MUST
            # terminate the connection with an "unexpected_message" alert." (RFC 9846 §5.4)
            raise UnexpectedMessage("a protected record holds nothing but padding", clause="RFC 9846 §5.4")
    content_type = inner[-1]
    if content_type not in _INNER_TYPES:
        name = name_of(CONTENT_TYPES, content_type)
        raise UnexpectedMessage(
            f"a protected record of type {name} has no place in TLS 1.3", clause="RFC 9846 §5"
        )
    return content_type, inner[:-1]
