"""The handshake messages of TLS 1.3 other than the hellos (RFC 9846 §4.4 to §4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import (
    HandshakeMessage,
    MessageForm,
    Reader,
    u8,
    u16,
    u32,
    vector8,
    vector16,
    vector24,
)
from lucidtls.wire.codepoints import HandshakeType
from lucidtls.wire.extensions import Extensions
from lucidtls.wire.hello import ClientHello, ServerHello

# Real chains have at most about ten certificates; "all implementations SHOULD be prepared to handle
# potentially extraneous certificates" (RFC 9846 §4.5.1), so the bound leaves room for many of those.
MAX_CERTIFICATES: Final = 100

UPDATE_NOT_REQUESTED: Final = 0
UPDATE_REQUESTED: Final = 1


@dataclass(slots=True)
class EncryptedExtensions:
    """struct { Extension extensions<0..2^16-1>; } EncryptedExtensions (RFC 9846 §4.4.1)."""

    handshake_type: ClassVar[int] = HandshakeType.ENCRYPTED_EXTENSIONS
    clause: ClassVar[str] = "RFC 9846 §4.4.1"

    extensions: Extensions

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(Extensions.read(reader, "EncryptedExtensions"))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return self.extensions.body()


@dataclass(slots=True)
class CertificateRequest:
    """The server's wish for a client certificate (RFC 9846 §4.4.2).

    struct {
        opaque certificate_request_context<0..2^8-1>;
        Extension extensions<0..2^16-1>;
    } CertificateRequest;
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_REQUEST
    clause: ClassVar[str] = "RFC 9846 §4.4.2"

    context: bytes
    extensions: Extensions

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(
            reader.vector8("certificate_request_context"), Extensions.read(reader, "CertificateRequest")
        )

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return vector8(self.context) + self.extensions.body()


@dataclass(slots=True)
class CertificateEntry:
    """struct { opaque cert_data<1..2^24-1>; Extension extensions<0..2^16-1>; } (RFC 9846 §4.5.1).

    `data` is a DER certificate, or a SubjectPublicKeyInfo where raw public keys were negotiated.
    """

    data: bytes
    extensions: Extensions

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read one entry."""
        return cls(reader.vector24("cert_data", 1), Extensions.read(reader, "Certificate"))

    def body(self) -> bytes:
        """Return the entry's bytes."""
        return vector24(self.data) + self.extensions.body()


@dataclass(slots=True)
class Certificate:
    """A certificate chain, the sender's own first (RFC 9846 §4.5.1).

    struct {
        opaque certificate_request_context<0..2^8-1>;
        CertificateEntry certificate_list<0..2^24-1>;
    } Certificate;
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE
    clause: ClassVar[str] = "RFC 9846 §4.5.1"

    context: bytes
    entries: tuple[CertificateEntry, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body; at most MAX_CERTIFICATES entries."""
        reader.clause = cls.clause
        context = reader.vector8("certificate_request_context")
        listed = reader.reader24("certificate_list")
        entries: list[CertificateEntry] = []
        while listed.position < listed.end:
            if len(entries) == MAX_CERTIFICATES:
                raise DecodeError(f"more than {MAX_CERTIFICATES} certificates", clause=cls.clause)
            entries.append(CertificateEntry.read(listed))
        listed.finish()
        return cls(context, tuple(entries))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return vector8(self.context) + vector24(b"".join([entry.body() for entry in self.entries]))


@dataclass(slots=True)
class CertificateVerify:
    """struct { SignatureScheme algorithm; opaque signature<0..2^16-1>; } (RFC 9846 §4.5.2)."""

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_VERIFY
    clause: ClassVar[str] = "RFC 9846 §4.5.2"

    scheme: int
    signature: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(reader.u16("algorithm"), reader.vector16("signature"))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return u16(self.scheme) + vector16(self.signature)


@dataclass(slots=True)
class Finished:
    """struct { opaque verify_data[Hash.length]; } Finished (RFC 9846 §4.5.3).

    The hash, and so the length, is known to the handshake alone, which checks it.
    """

    handshake_type: ClassVar[int] = HandshakeType.FINISHED
    clause: ClassVar[str] = "RFC 9846 §4.5.3"

    verify_data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(reader.rest("verify_data"))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return self.verify_data


@dataclass(slots=True)
class EndOfEarlyData:
    """struct {} EndOfEarlyData (RFC 9846 §4.6)."""

    handshake_type: ClassVar[int] = HandshakeType.END_OF_EARLY_DATA
    clause: ClassVar[str] = "RFC 9846 §4.6"

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read nothing; that nothing is there is checked when the reader is finished."""
        reader.clause = cls.clause
        return cls()

    def body(self) -> bytes:
        """Return the empty body."""
        return b""


@dataclass(slots=True)
class NewSessionTicket:
    """A ticket for resumption; lifetime is in seconds (RFC 9846 §4.7.1).

    struct {
        uint32 ticket_lifetime;
        uint32 ticket_age_add;
        opaque ticket_nonce<0..255>;
        opaque ticket<1..2^16-1>;
        Extension extensions<0..2^16-1>;
    } NewSessionTicket;
    """

    handshake_type: ClassVar[int] = HandshakeType.NEW_SESSION_TICKET
    clause: ClassVar[str] = "RFC 9846 §4.7.1"

    lifetime: int
    age_add: int
    nonce: bytes
    ticket: bytes
    extensions: Extensions

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(
            reader.u32("ticket_lifetime"),
            reader.u32("ticket_age_add"),
            reader.vector8("ticket_nonce"),
            reader.vector16("ticket", 1),
            Extensions.read(reader, "NewSessionTicket"),
        )

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return b"".join(
            (
                u32(self.lifetime),
                u32(self.age_add),
                vector8(self.nonce),
                vector16(self.ticket),
                self.extensions.body(),
            )
        )


@dataclass(slots=True)
class KeyUpdate:
    """struct { KeyUpdateRequest request_update; } KeyUpdate (RFC 9846 §4.7.3)."""

    handshake_type: ClassVar[int] = HandshakeType.KEY_UPDATE
    clause: ClassVar[str] = "RFC 9846 §4.7.3"

    request_update: int

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body, which says whether the peer wants an update in return.

        "If an implementation receives any other value, it MUST terminate the connection with an
        "illegal_parameter" alert."
        """
        reader.clause = cls.clause
        request_update = reader.u8("request_update")
        if request_update not in (UPDATE_NOT_REQUESTED, UPDATE_REQUESTED):
            raise IllegalParameter(
                "KeyUpdate.request_update is neither 0 nor 1", clause=cls.clause, value=request_update
            )
        return cls(request_update)

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return u8(self.request_update)


HANDSHAKE_MESSAGES_13: Final[dict[int, MessageForm[HandshakeMessage]]] = {
    message.handshake_type: message
    for message in (
        ClientHello,
        ServerHello,
        NewSessionTicket,
        EndOfEarlyData,
        EncryptedExtensions,
        Certificate,
        CertificateRequest,
        CertificateVerify,
        Finished,
        KeyUpdate,
    )
}
