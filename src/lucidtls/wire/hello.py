"""ClientHello and ServerHello, which every version of TLS shares; HelloRetryRequest is a ServerHello."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from lucidtls.wire.codec import Reader, pairs16, u8, u16, vector8
from lucidtls.wire.codepoints import ExtensionType, HandshakeType
from lucidtls.wire.extensions import Extensions

RANDOM_LENGTH: Final = 32
LEGACY_VERSION: Final = 0x0303

# "Random set to the special value of the SHA-256 of "HelloRetryRequest"" (RFC 9846 §4.2.3)
HELLO_RETRY_REQUEST_RANDOM: Final = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)

# The last eight bytes of ServerHello.random when a server that knows TLS 1.3 negotiates less.
DOWNGRADE_TO_TLS_1_2: Final = b"DOWNGRD\x01"
DOWNGRADE_TO_TLS_1_1: Final = b"DOWNGRD\x00"


@dataclass(slots=True)
class ClientHello:
    """The client's offer (RFC 9846 §4.2.2, RFC 5246 §7.4.1.2).

    In TLS 1.2 and before the fields without `legacy_` in their names: `client_version` is the newest version
    offered, `session_id` a session to resume, and what follows the random's first four bytes, a time then, is
    random.

    struct {
        ProtocolVersion legacy_version = 0x0303;
        Random random;
        opaque legacy_session_id<0..32>;
        CipherSuite cipher_suites<2..2^16-2>;
        opaque legacy_compression_methods<1..2^8-1>;
        Extension extensions<7..2^16-1>;
    } ClientHello;
    """

    handshake_type: ClassVar[int] = HandshakeType.CLIENT_HELLO
    clause: ClassVar[str] = "RFC 9846 §4.2.2"

    legacy_version: int
    random: bytes
    legacy_session_id: bytes
    cipher_suites: tuple[int, ...]
    legacy_compression_methods: bytes
    extensions: Extensions

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body. The hello of an old client may end after the compression methods.

        The minimum of 7 bytes of extensions is that of supported_versions, without which a hello is one
        of TLS 1.2 and may have fewer, so reading that extension enforces it.
        """
        reader.clause = cls.clause
        return cls(
            reader.u16("legacy_version"),
            reader.take(RANDOM_LENGTH, "random"),
            reader.vector8("legacy_session_id", 0, 32),
            reader.pairs16("cipher_suites", 2),
            reader.vector8("legacy_compression_methods", 1),
            _read_optional_extensions(reader, "ClientHello"),
        )

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return b"".join(
            (
                u16(self.legacy_version),
                self.random,
                vector8(self.legacy_session_id),
                pairs16(self.cipher_suites),
                vector8(self.legacy_compression_methods),
                self.extensions.body() if self.extensions.raw else b"",
            )
        )


@dataclass(slots=True)
class ServerHello:
    """The server's choice (RFC 9846 §4.2.3, RFC 5246 §7.4.1.3), or the wish for another hello (§4.2.4).

    In TLS 1.2 and before `server_version` is the version chosen, `session_id` the session's name,
    which is the client's when it is resumed. One without supported_versions is such a hello, and the message
    that its extensions belong to is "ServerHello12".

    struct {
        ProtocolVersion legacy_version = 0x0303;
        Random random;
        opaque legacy_session_id_echo<0..32>;
        CipherSuite cipher_suite;
        uint8 legacy_compression_method = 0;
        Extension extensions<6..2^16-1>;
    } ServerHello;
    """

    handshake_type: ClassVar[int] = HandshakeType.SERVER_HELLO
    clause: ClassVar[str] = "RFC 9846 §4.2.3"

    legacy_version: int
    random: bytes
    legacy_session_id_echo: bytes
    cipher_suite: int
    legacy_compression_method: int
    extensions: Extensions

    @property
    def is_retry_request(self) -> bool:
        """Whether this is a HelloRetryRequest.

        "implementations MUST first examine the Random value and, if it matches this value, process it
        as described in Section 4.2.4" (RFC 9846 §4.2.3).
        """
        return self.random == HELLO_RETRY_REQUEST_RANDOM

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read the body. TLS 1.2 may omit the extensions."""
        reader.clause = cls.clause
        version = reader.u16("legacy_version")
        random = reader.take(RANDOM_LENGTH, "random")
        if random == HELLO_RETRY_REQUEST_RANDOM:
            reader.where = "HelloRetryRequest"
        return cls(
            version,
            random,
            reader.vector8("legacy_session_id_echo", 0, 32),
            reader.u16("cipher_suite"),
            reader.u8("legacy_compression_method"),
            _read_optional_extensions(reader, _kind_of_server_hello(reader, random)),
        )

    def body(self) -> bytes:
        """Return the message without its handshake header."""
        return b"".join(
            (
                u16(self.legacy_version),
                self.random,
                vector8(self.legacy_session_id_echo),
                u16(self.cipher_suite),
                u8(self.legacy_compression_method),
                self.extensions.body() if self.extensions.raw else b"",
            )
        )


def _kind_of_server_hello(reader: Reader, random: bytes) -> str:
    """Return which extensions follow, by a look at their codes: of a retry, of TLS 1.3 or of before.

    "If this extension is present, clients MUST ignore the ServerHello.legacy_version value and MUST use only
    the "supported_versions" extension to determine the selected version." (RFC 9846 §4.3.1)
    """
    if random == HELLO_RETRY_REQUEST_RANDOM:
        return "HelloRetryRequest"
    data, end = reader.data, reader.end
    position = reader.position + 2
    while position + 4 <= end:
        if data[position + 1] == ExtensionType.SUPPORTED_VERSIONS and not data[position]:
            return "ServerHello"
        position += 4 + (data[position + 2] << 8 | data[position + 3])
    return "ServerHello12"


def _read_optional_extensions(reader: Reader, message: str) -> Extensions:
    """Read extensions if any byte follows.

    "The presence of extensions can be detected by determining whether there are bytes following the
    compression_methods field at the end of the ClientHello" (RFC 9846 §4.2.2).
    """
    return Extensions.read(reader, message) if reader.remaining else Extensions(message)
