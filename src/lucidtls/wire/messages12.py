"""The handshake messages of TLS 1.2, 1.1 and 1.0 other than the hellos (RFC 5246 §7.4).

The shape of four of them follows from the cipher suite and the version, and cannot be seen in the bytes. They
are written by their classes and read by forms, which know what was negotiated: one cached instance for each
shape, from `server_key_exchange_form` and its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final, Literal, Self

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import (
    HandshakeMessage,
    MessageForm,
    Reader,
    numbers8,
    pairs16,
    u8,
    u16,
    u32,
    vector8,
    vector16,
    vector24,
)
from lucidtls.wire.codepoints import HandshakeType
from lucidtls.wire.forms.values import OCSP, read_opaques, write_opaques
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import MAX_CERTIFICATES

NAMED_CURVE: Final = 3

# "Any cipher suite which does not explicitly specify verify_data_length has a verify_data_length equal to 12.
# This includes all existing cipher suites." (RFC 5246 §7.4.9)
VERIFY_DATA_LENGTH: Final = 12

ServerParameters = Literal["dh", "ecdh"]
ClientExchange = Literal["rsa", "dh", "ecdh"]


@dataclass(slots=True)
class HelloRequest:
    """struct { } HelloRequest: the server's wish to negotiate anew (RFC 5246 §7.4.1.1)."""

    handshake_type: ClassVar[int] = HandshakeType.HELLO_REQUEST
    clause: ClassVar[str] = "RFC 5246 §7.4.1.1"

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read nothing; that nothing is there is checked when the reader is finished."""
        reader.clause = cls.clause
        return cls()

    def body(self) -> bytes:
        """Return the empty body."""
        return b""


@dataclass(slots=True)
class Certificate:
    """opaque ASN.1Cert<1..2^24-1>; struct { ASN.1Cert certificate_list<0..2^24-1>; } (RFC 5246 §7.4.2).

    The sender's own certificate comes first; a client without one sends an empty list (§7.4.6).
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE
    clause: ClassVar[str] = "RFC 5246 §7.4.2"

    certificate_list: tuple[bytes, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body; at most MAX_CERTIFICATES entries."""
        reader.clause = cls.clause
        listed = reader.reader24("certificate_list")
        entries: list[bytes] = []
        while listed.position < listed.end:
            if len(entries) == MAX_CERTIFICATES:
                raise DecodeError(f"more than {MAX_CERTIFICATES} certificates", clause=cls.clause)
            entries.append(listed.vector24("certificate", 1))
        listed.finish()
        return cls(tuple(entries))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return vector24(b"".join([vector24(entry) for entry in self.certificate_list]))


@dataclass(slots=True)
class CertificateStatus:
    """What an OCSP responder says of the server's certificate, DER (RFC 6066 §8).

    struct {
        CertificateStatusType status_type;
        select (status_type) {
            case ocsp: opaque OCSPResponse<1..2^24-1>;
        } response;
    } CertificateStatus;
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_STATUS
    clause: ClassVar[str] = "RFC 6066 §8"

    status_type: int
    response: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body; IllegalParameter when the type is not OCSP, the only one that can be asked for."""
        reader.clause = cls.clause
        status_type = reader.u8("status_type")
        if status_type != OCSP:
            raise IllegalParameter(
                "a certificate status of a type that was not asked for",
                clause=cls.clause,
                status_type=status_type,
            )
        return cls(status_type, reader.vector24("response", 1))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return u8(self.status_type) + vector24(self.response)


@dataclass(slots=True)
class DHParameters:
    """The server's field and its public value, big-endian numbers (RFC 5246 §7.4.3).

    struct {
        opaque dh_p<1..2^16-1>;
        opaque dh_g<1..2^16-1>;
        opaque dh_Ys<1..2^16-1>;
    } ServerDHParams;
    """

    p: bytes
    g: bytes
    public: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the three numbers; whether they are any good is not for the codec to say."""
        return cls(reader.vector16("dh_p", 1), reader.vector16("dh_g", 1), reader.vector16("dh_Ys", 1))

    def body(self) -> bytes:
        """Return the parameters' bytes."""
        return vector16(self.p) + vector16(self.g) + vector16(self.public)


@dataclass(slots=True)
class ECDHParameters:
    """The server's group and its public value (RFC 8422 §5.4).

    struct {
        ECCurveType curve_type = named_curve(3);
        NamedCurve namedcurve;
        opaque point<1..2^8-1>;
    } ServerECDHParams;
    """

    group: int
    public: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the parameters; IllegalParameter for a curve that is spelled out.

        "The value named_curve indicates that a named curve is used. This option is now the only remaining
        format."
        """
        curve_type = reader.u8("curve_type")
        if curve_type != NAMED_CURVE:
            raise IllegalParameter(
                "the server's curve is not a named one", clause="RFC 8422 §5.4", curve_type=curve_type
            )
        return cls(reader.u16("namedcurve"), reader.vector8("public", 1))

    def body(self) -> bytes:
        """Return the parameters' bytes."""
        return u8(NAMED_CURVE) + u16(self.group) + vector8(self.public)


@dataclass(slots=True)
class ServerKeyExchange:
    """What the client needs for the premaster secret and the certificate does not say (RFC 5246 §7.4.3).

    In this order, each only where the key exchange has it; None is for what is not there:

        opaque psk_identity_hint<0..2^16-1>;          RFC 4279 §2
        ServerDHParams or ServerECDHParams params;    RFC 5246 §7.4.3, RFC 8422 §5.4
        SignatureAndHashAlgorithm algorithm;          from TLS 1.2 on (RFC 5246 §4.7)
        opaque signature<0..2^16-1>;
    """

    handshake_type: ClassVar[int] = HandshakeType.SERVER_KEY_EXCHANGE
    clause: ClassVar[str] = "RFC 5246 §7.4.3"

    identity_hint: bytes | None = None
    parameters: DHParameters | ECDHParameters | None = None
    scheme: int | None = None
    signature: bytes | None = None

    def signed_params(self) -> bytes:
        """Return the bytes that the signature covers after the two randoms; empty without parameters."""
        return self.parameters.body() if self.parameters is not None else b""

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        hint = vector16(self.identity_hint) if self.identity_hint is not None else b""
        scheme = u16(self.scheme) if self.scheme is not None else b""
        signature = vector16(self.signature) if self.signature is not None else b""
        return hint + self.signed_params() + scheme + signature


_SERVER_EXCHANGES: Final[dict[tuple[bool, str | None], str]] = {
    (False, None): "RFC 5246 §7.4.3",
    (False, "dh"): "RFC 5246 §7.4.3",
    (False, "ecdh"): "RFC 8422 §5.4",
    (True, None): "RFC 4279 §2",
    (True, "dh"): "RFC 4279 §3",
    (True, "ecdh"): "RFC 5489 §2",
}


@dataclass(frozen=True, slots=True)
class ServerKeyExchangeForm:
    """How to read a ServerKeyExchange: what the cipher suite puts into it, and the version."""

    handshake_type: ClassVar[int] = HandshakeType.SERVER_KEY_EXCHANGE

    psk: bool
    parameters: ServerParameters | None
    signed: bool
    with_scheme: bool

    @property
    def clause(self) -> str:
        """The section that defines this shape."""
        return _SERVER_EXCHANGES[self.psk, self.parameters]

    def read(self, reader: Reader) -> ServerKeyExchange:
        """Read the body."""
        reader.clause = self.clause
        message = ServerKeyExchange()
        if self.psk:
            message.identity_hint = reader.vector16("psk_identity_hint")
        if self.parameters is not None:
            message.parameters = (DHParameters if self.parameters == "dh" else ECDHParameters).read(reader)
        if self.signed:
            message.scheme = reader.u16("algorithm") if self.with_scheme else None
            message.signature = reader.vector16("signature")
        return message


@cache
def server_key_exchange_form(
    psk: bool, parameters: ServerParameters | None, signed: bool, with_scheme: bool
) -> ServerKeyExchangeForm:
    """Return the one form for this shape."""
    return ServerKeyExchangeForm(psk, parameters, signed, with_scheme)


@dataclass(slots=True)
class CertificateRequest:
    """The server's wish for a client certificate (RFC 5246 §7.4.4).

    struct {
        ClientCertificateType certificate_types<1..2^8-1>;
        SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;    from TLS 1.2 on
        DistinguishedName certificate_authorities<0..2^16-1>;
    } CertificateRequest;

    `schemes` is None before TLS 1.2 (RFC 4346 §7.4.4); an authority is a DER name. TLS 1.0 wanted one
    authority at least, and servers of all versions send none when they take any.
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_REQUEST
    clause: ClassVar[str] = "RFC 5246 §7.4.4"

    types: tuple[int, ...]
    schemes: tuple[int, ...] | None
    authorities: tuple[bytes, ...]

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        schemes = pairs16(self.schemes) if self.schemes is not None else b""
        return numbers8(self.types) + schemes + write_opaques(self.authorities)


@dataclass(frozen=True, slots=True)
class CertificateRequestForm:
    """How to read a CertificateRequest: only from TLS 1.2 on it has signature schemes."""

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_REQUEST
    clause: ClassVar[str] = CertificateRequest.clause

    with_schemes: bool

    def read(self, reader: Reader) -> CertificateRequest:
        """Read the body."""
        reader.clause = self.clause
        return CertificateRequest(
            reader.numbers8("certificate_types", 1),
            reader.pairs16("supported_signature_algorithms", 2) if self.with_schemes else None,
            read_opaques(reader, "certificate_authorities", 0),
        )


@cache
def certificate_request_form(with_schemes: bool) -> CertificateRequestForm:
    """Return the one form for this shape."""
    return CertificateRequestForm(with_schemes)


@dataclass(slots=True)
class ServerHelloDone:
    """struct { } ServerHelloDone: it is the client's turn (RFC 5246 §7.4.5)."""

    handshake_type: ClassVar[int] = HandshakeType.SERVER_HELLO_DONE
    clause: ClassVar[str] = "RFC 5246 §7.4.5"

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read nothing; that nothing is there is checked when the reader is finished."""
        reader.clause = cls.clause
        return cls()

    def body(self) -> bytes:
        """Return the empty body."""
        return b""


@dataclass(slots=True)
class ClientKeyExchange:
    """The client's part of the key exchange (RFC 5246 §7.4.7).

    In this order, each only where the key exchange has it; None is for what is not there:

        opaque psk_identity<0..2^16-1>;               RFC 4279 §2
        opaque pre_master_secret<0..2^16-1>;          `kind` "rsa", encrypted: RFC 5246 §7.4.7.1
        opaque dh_Yc<1..2^16-1>;                      `kind` "dh": RFC 5246 §7.4.7.2
        opaque ecdh_Yc<1..2^8-1>;                     `kind` "ecdh": RFC 8422 §5.7
    """

    handshake_type: ClassVar[int] = HandshakeType.CLIENT_KEY_EXCHANGE
    clause: ClassVar[str] = "RFC 5246 §7.4.7"

    identity: bytes | None = None
    exchange: bytes | None = None
    kind: ClientExchange | None = None

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        identity = vector16(self.identity) if self.identity is not None else b""
        if self.exchange is None:
            return identity
        return identity + (vector8(self.exchange) if self.kind == "ecdh" else vector16(self.exchange))


_CLIENT_EXCHANGES: Final[dict[tuple[bool, str | None], str]] = {
    (False, None): "RFC 5246 §7.4.7",
    (False, "rsa"): "RFC 5246 §7.4.7.1",
    (False, "dh"): "RFC 5246 §7.4.7.2",
    (False, "ecdh"): "RFC 8422 §5.7",
    (True, None): "RFC 4279 §2",
    (True, "rsa"): "RFC 4279 §4",
    (True, "dh"): "RFC 4279 §3",
    (True, "ecdh"): "RFC 5489 §2",
}


@dataclass(frozen=True, slots=True)
class ClientKeyExchangeForm:
    """How to read a ClientKeyExchange: what the cipher suite puts into it."""

    handshake_type: ClassVar[int] = HandshakeType.CLIENT_KEY_EXCHANGE

    psk: bool
    exchange: ClientExchange | None

    @property
    def clause(self) -> str:
        """The section that defines this shape."""
        return _CLIENT_EXCHANGES[self.psk, self.exchange]

    def read(self, reader: Reader) -> ClientKeyExchange:
        """Read the body."""
        reader.clause = self.clause
        identity = reader.vector16("psk_identity") if self.psk else None
        match self.exchange:
            case "rsa":
                exchange = reader.vector16("pre_master_secret")
            case "dh":
                exchange = reader.vector16("dh_Yc", 1)
            case "ecdh":
                exchange = reader.vector8("ecdh_Yc", 1)
            case None:
                return ClientKeyExchange(identity)
        return ClientKeyExchange(identity, exchange, self.exchange)


@cache
def client_key_exchange_form(psk: bool, exchange: ClientExchange | None) -> ClientKeyExchangeForm:
    """Return the one form for this shape."""
    return ClientKeyExchangeForm(psk, exchange)


@dataclass(slots=True)
class CertificateVerify:
    """The client's signature over all messages so far (RFC 5246 §7.4.8).

    struct {
        SignatureAndHashAlgorithm algorithm;    from TLS 1.2 on (RFC 5246 §4.7)
        opaque signature<0..2^16-1>;
    } CertificateVerify;

    `scheme` is None before TLS 1.2, where the kind of key says how it signs.
    """

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_VERIFY
    clause: ClassVar[str] = "RFC 5246 §7.4.8"

    scheme: int | None
    signature: bytes

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return (u16(self.scheme) if self.scheme is not None else b"") + vector16(self.signature)


@dataclass(frozen=True, slots=True)
class CertificateVerifyForm:
    """How to read a CertificateVerify: only from TLS 1.2 on it names its scheme."""

    handshake_type: ClassVar[int] = HandshakeType.CERTIFICATE_VERIFY
    clause: ClassVar[str] = CertificateVerify.clause

    with_scheme: bool

    def read(self, reader: Reader) -> CertificateVerify:
        """Read the body."""
        reader.clause = self.clause
        scheme = reader.u16("algorithm") if self.with_scheme else None
        return CertificateVerify(scheme, reader.vector16("signature"))


@cache
def certificate_verify_form(with_scheme: bool) -> CertificateVerifyForm:
    """Return the one form for this shape."""
    return CertificateVerifyForm(with_scheme)


@dataclass(slots=True)
class NewSessionTicket:
    """struct { uint32 ticket_lifetime_hint; opaque ticket<0..2^16-1>; } (RFC 5077 §3.3).

    The hint is in seconds, 0 for none given. An empty ticket is a server's change of mind.
    """

    handshake_type: ClassVar[int] = HandshakeType.NEW_SESSION_TICKET
    clause: ClassVar[str] = "RFC 5077 §3.3"

    lifetime_hint: int
    ticket: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(reader.u32("ticket_lifetime_hint"), reader.vector16("ticket"))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return u32(self.lifetime_hint) + vector16(self.ticket)


@dataclass(slots=True)
class Finished:
    """struct { opaque verify_data[verify_data_length]; } Finished, of 12 bytes always (RFC 5246 §7.4.9)."""

    handshake_type: ClassVar[int] = HandshakeType.FINISHED
    clause: ClassVar[str] = "RFC 5246 §7.4.9"

    verify_data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body."""
        reader.clause = cls.clause
        return cls(reader.take(VERIFY_DATA_LENGTH, "verify_data"))

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return self.verify_data


# Those messages that look the same whatever was negotiated.
HANDSHAKE_MESSAGES_12: Final[dict[int, MessageForm[HandshakeMessage]]] = {
    message.handshake_type: message
    for message in (
        HelloRequest,
        ClientHello,
        ServerHello,
        NewSessionTicket,
        Certificate,
        ServerHelloDone,
        Finished,
        CertificateStatus,
    )
}
