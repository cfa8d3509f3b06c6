"""One message of TLS 1.2 and before of every shape, with the form that reads it."""

from __future__ import annotations

from lucidtls.wire.codec import HandshakeMessage, MessageForm
from lucidtls.wire.extensions import Extensions, sh12
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages12 import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientKeyExchange,
    DHParameters,
    ECDHParameters,
    Finished,
    HelloRequest,
    NewSessionTicket,
    ServerHelloDone,
    ServerKeyExchange,
    certificate_request_form,
    certificate_verify_form,
    client_key_exchange_form,
    server_key_exchange_form,
)

DH = DHParameters(b"\xff" * 128 + b"\x03", b"\x02", b"\x7f" * 128)
ECDH = ECDHParameters(29, b"u" * 32)
NAMES = (b"\x30\x00", b"\x30\x01\x00")

SERVER_HELLO_12 = ServerHello(
    0x0303, bytes(range(32)), b"s" * 32, 0xC02B, 0,
    Extensions.build("ServerHello12", [
        (sh12.RENEGOTIATION_INFO, b""), (sh12.EXTENDED_MASTER_SECRET, True), (sh12.EC_POINT_FORMATS, (0,)),
        (sh12.SESSION_TICKET, True), (sh12.ALPN, (b"h2",)), (0x0A0A, b"unknown"),
    ]),
)  # fmt: skip

MESSAGES_12: dict[str, tuple[MessageForm[HandshakeMessage], HandshakeMessage]] = {
    "HelloRequest": (HelloRequest, HelloRequest()),
    "ServerHello-1.2": (ServerHello, SERVER_HELLO_12),
    "Certificate-1.2": (Certificate, Certificate((b"leaf", b"intermediate"))),
    "Certificate-1.2-empty": (Certificate, Certificate(())),
    "CertificateStatus": (CertificateStatus, CertificateStatus(1, b"OCSP response")),
    "ServerKeyExchange-DHE": (
        server_key_exchange_form(False, "dh", True, True),
        ServerKeyExchange(None, DH, 0x0401, b"signature"),
    ),
    "ServerKeyExchange-DHE-1.1": (
        server_key_exchange_form(False, "dh", True, False),
        ServerKeyExchange(None, DH, None, b"signature"),
    ),
    "ServerKeyExchange-DH_anon": (
        server_key_exchange_form(False, "dh", False, False),
        ServerKeyExchange(None, DH),
    ),
    "ServerKeyExchange-ECDHE": (
        server_key_exchange_form(False, "ecdh", True, True),
        ServerKeyExchange(None, ECDH, 0x0403, b"signature"),
    ),
    "ServerKeyExchange-ECDHE-1.0": (
        server_key_exchange_form(False, "ecdh", True, False),
        ServerKeyExchange(None, ECDH, None, b""),
    ),
    "ServerKeyExchange-ECDH_anon": (
        server_key_exchange_form(False, "ecdh", False, False),
        ServerKeyExchange(None, ECDH),
    ),
    "ServerKeyExchange-PSK": (
        server_key_exchange_form(True, None, False, False),
        ServerKeyExchange(b"hint"),
    ),
    "ServerKeyExchange-DHE_PSK": (
        server_key_exchange_form(True, "dh", False, False),
        ServerKeyExchange(b"", DH),
    ),
    "ServerKeyExchange-ECDHE_PSK": (
        server_key_exchange_form(True, "ecdh", False, False),
        ServerKeyExchange(b"hint", ECDH),
    ),
    "CertificateRequest-1.2": (
        certificate_request_form(True),
        CertificateRequest((1, 64), (0x0403, 0x0804), NAMES),
    ),
    "CertificateRequest-1.2-anyone": (
        certificate_request_form(True),
        CertificateRequest((1,), (0x0401,), ()),
    ),
    "CertificateRequest-1.1": (certificate_request_form(False), CertificateRequest((1, 2, 64), None, NAMES)),
    "CertificateRequest-1.1-anyone": (certificate_request_form(False), CertificateRequest((255,), None, ())),
    "ServerHelloDone": (ServerHelloDone, ServerHelloDone()),
    "ClientKeyExchange-RSA": (
        client_key_exchange_form(False, "rsa"),
        ClientKeyExchange(None, b"c" * 256, "rsa"),
    ),
    "ClientKeyExchange-DHE": (
        client_key_exchange_form(False, "dh"),
        ClientKeyExchange(None, b"y" * 128, "dh"),
    ),
    "ClientKeyExchange-ECDHE": (
        client_key_exchange_form(False, "ecdh"),
        ClientKeyExchange(None, b"u" * 32, "ecdh"),
    ),
    "ClientKeyExchange-PSK": (client_key_exchange_form(True, None), ClientKeyExchange(b"identity")),
    "ClientKeyExchange-RSA_PSK": (
        client_key_exchange_form(True, "rsa"),
        ClientKeyExchange(b"identity", b"c" * 128, "rsa"),
    ),
    "ClientKeyExchange-DHE_PSK": (
        client_key_exchange_form(True, "dh"),
        ClientKeyExchange(b"identity", b"y", "dh"),
    ),
    "ClientKeyExchange-ECDHE_PSK": (
        client_key_exchange_form(True, "ecdh"),
        ClientKeyExchange(b"", b"\x04" + b"x" * 64, "ecdh"),
    ),
    "CertificateVerify-1.2": (certificate_verify_form(True), CertificateVerify(0x0403, b"signature")),
    "CertificateVerify-1.1": (certificate_verify_form(False), CertificateVerify(None, b"signature")),
    "NewSessionTicket-1.2": (NewSessionTicket, NewSessionTicket(7200, b"ticket")),
    "NewSessionTicket-1.2-none": (NewSessionTicket, NewSessionTicket(0, b"")),
    "Finished-1.2": (Finished, Finished(bytes(range(12)))),
}
