"""The outside of records: header and limits (RFC 9846 §5), and a guess at what is no TLS at all."""

from __future__ import annotations

from struct import Struct
from typing import Final

HEADER_LENGTH: Final = 5

# TLSPlaintext.length: "The length MUST NOT exceed 2^14 bytes" (RFC 9846 §5.1)
MAX_PLAINTEXT: Final = 2**14
# TLSCiphertext.length: "The length MUST NOT exceed 2^14 + 256 bytes" (RFC 9846 §5.2)
MAX_CIPHERTEXT_13: Final = 2**14 + 256

# "a record containing an initial ClientHello SHOULD have version 0x0301 [...] and a record containing a
# second ClientHello or a ServerHello MUST have version 0x0303" (RFC 9846 §5.1)
INITIAL_RECORD_VERSION: Final = 0x0301
RECORD_VERSION: Final = 0x0303

CHANGE_CIPHER_SPEC_BODY: Final = b"\x01"

_HEADER = Struct(">BHH")

# (content type, legacy record version, length) of the record whose header is at an offset of a buffer.
read_record_header = _HEADER.unpack_from
# The five bytes of header for (content type, legacy record version, length).
record_header = _HEADER.pack

# How the first bytes of other protocols look; the first row that fits is the answer.
_BEGINNINGS: Final = (
    (b"HTTP/", "HTTP"),
    (b"GET ", "HTTP"),
    (b"POST ", "HTTP"),
    (b"HEAD ", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"DELETE ", "HTTP"),
    (b"OPTIONS ", "HTTP"),
    (b"PATCH ", "HTTP"),
    (b"TRACE ", "HTTP"),
    (b"CONNECT ", "HTTP"),
    (b"PRI * HTTP/2.0", "HTTP/2"),
    (b"SSH-", "SSH"),
    (b"EHLO ", "SMTP"),
    (b"HELO ", "SMTP"),
    (b"* OK", "IMAP"),
    (b"* PREAUTH", "IMAP"),
    (b"* BYE", "IMAP"),
    (b"+OK", "POP3"),
    (b"200 ", "NNTP"),
    (b"201 ", "NNTP"),
    (b"PROXY ", "PROXY protocol"),
    (b"\r\n\r\n\x00\r\nQUIT\n", "PROXY protocol"),
    (b"<?xml", "XMPP"),
    (b"<stream:", "XMPP"),
    (b"RFB ", "VNC"),
    (b"AMQP", "AMQP"),
    (b"-ERR ", "Redis"),
    (b"-DENIED ", "Redis"),
    (b"\x16\xfe", "DTLS"),
    (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL"),
    (b"\x03\x00\x00", "RDP"),
)


def guess_service(first_bytes: bytes) -> str | None:
    """Return what speaks so instead of TLS, or None: a guess, good for error messages only."""
    for beginning, service in _BEGINNINGS:
        if first_bytes.startswith(beginning):
            return service
    if first_bytes[:4] in (b"220 ", b"220-"):
        return "FTP" if b"FTP" in first_bytes.upper() else "SMTP"
    if first_bytes[3:5] == b"\x00\x0a" and first_bytes[1:3] == b"\x00\x00":
        return "MySQL"
    if _is_sslv2_hello(first_bytes):
        return "SSLv2"
    return None


def _is_sslv2_hello(first_bytes: bytes) -> bool:
    """Whether this is an SSL 2.0 hello: length, type 1, version 2 or 3.x (RFC 5246 Appendix E.2)."""
    if len(first_bytes) < 5 or not first_bytes[0] & 0x80 or first_bytes[2] != 1:
        return False
    return first_bytes[3:5] == b"\x00\x02" or first_bytes[3] == 3
