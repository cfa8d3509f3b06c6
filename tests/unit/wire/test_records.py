"""The record header, and what speaks when it is not TLS."""

from __future__ import annotations

import pytest

from lucidtls.wire.records import (
    HEADER_LENGTH,
    MAX_CIPHERTEXT_13,
    MAX_PLAINTEXT,
    guess_service,
    read_record_header,
    record_header,
)


def test_a_record_header_is_type_version_and_length() -> None:
    """A record begins with one byte of type, two of version and two of length (RFC 9846 §5.1)."""
    header = record_header(22, 0x0301, 512)
    assert header == b"\x16\x03\x01\x02\x00"
    assert len(header) == HEADER_LENGTH
    assert read_record_header(b"before" + header, 6) == (22, 0x0301, 512)
    assert (MAX_PLAINTEXT, MAX_CIPHERTEXT_13) == (16384, 16640)


@pytest.mark.parametrize(
    ("first_bytes", "service"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", "HTTP"),
        (b"POST /x HTTP/1.0\r\n", "HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "SSH"),
        (b"220 mail.example.org ESMTP Postfix\r\n", "SMTP"),
        (b"220-mail.example.org ESMTP\r\n", "SMTP"),
        (b"220 ProFTPD Server ready.\r\n", "FTP"),
        (b"220 (vsFTPd 3.0.5)\r\n", "FTP"),
        (b"EHLO client.example\r\n", "SMTP"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"200 news.example.org InterNetNews\r\n", "NNTP"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY protocol"),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11", "PROXY protocol"),
        (b"<?xml version='1.0'?><stream:stream", "XMPP"),
        (b"RFB 003.008\n", "VNC"),
        (b"AMQP\x00\x00\x09\x01", "AMQP"),
        (b"-ERR unknown command\r\n", "Redis"),
        (b"\x16\xfe\xfd\x00\x00\x00\x00", "DTLS"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00", "MySQL"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "PostgreSQL"),
        (b"\x03\x00\x00\x13\x0e\xe0", "RDP"),
        (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", "SSLv2"),
        (b"\x80\x4c\x01\x03\x01\x00\x33\x00\x00\x00\x10", "SSLv2"),
    ],
)
def test_other_protocols_are_recognised(first_bytes: bytes, service: str) -> None:
    """A peer that does not speak TLS often says in its first bytes what it does speak."""
    assert guess_service(first_bytes) == service


@pytest.mark.parametrize(
    "first_bytes",
    [
        b"", b"\x16\x03\x01\x02\x00", b"\x15\x03\x03\x00\x02\x02\x28", b"\x80", b"\x80\x2e\x02\x00\x02",
        b"GETTING", b"\x17\x03\x03", bytes(16), b"\xff" * 16,
    ],
)  # fmt: skip
def test_tls_and_noise_are_not_guessed_at(first_bytes: bytes) -> None:
    """The beginning of a TLS record, and noise, are no other service."""
    assert guess_service(first_bytes) is None
