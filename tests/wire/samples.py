"""A value for every extension form and one message of every kind, for the tests beside this file.

The messages of TLS 1.2 and before stand in `samples12`, those of all versions in `MESSAGES` here.
"""

from __future__ import annotations

from typing import Any

from lucidtls.wire.codec import HandshakeMessage, MessageForm
from lucidtls.wire.extensions import (
    FORMS,
    ExtensionForm,
    Extensions,
    KeyShareEntry,
    OfferedPsks,
    OIDFilter,
    PskIdentity,
    StatusRequest,
    TicketRequest,
    ch,
    cr,
    ct,
    ee,
    hrr,
    nst,
    sh,
    sh12,
)
from lucidtls.wire.hello import HELLO_RETRY_REQUEST_RANDOM, ClientHello, ServerHello
from lucidtls.wire.messages13 import (
    HANDSHAKE_MESSAGES_13,
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    EncryptedExtensions,
    EndOfEarlyData,
    Finished,
    KeyUpdate,
    NewSessionTicket,
)
from tests.wire.samples12 import MESSAGES_12

PSKS = OfferedPsks(
    (PskIdentity(b"ticket", 0x01020304), PskIdentity(b"external", 0)), (bytes(32), b"\x07" * 48)
)
SHARES = (KeyShareEntry(29, b"x" * 32), KeyShareEntry(23, b"\x04" + b"y" * 64))

# The first value of a form is what the sample messages carry.
VALUES: dict[ExtensionForm[Any], tuple[Any, ...]] = {
    ch.SERVER_NAME: ("example.org", "xn--bcher-kva.example"),
    ch.MAX_FRAGMENT_LENGTH: (1, 4),
    ch.STATUS_REQUEST: (StatusRequest(), StatusRequest(1, (b"\x30\x00", b"id"), b"\x30\x00")),
    ch.SUPPORTED_GROUPS: ((29, 23, 4588), (0x2A2A,)),
    ch.EC_POINT_FORMATS: ((0,), (0, 1, 2)),
    ch.SIGNATURE_ALGORITHMS: ((0x0403, 0x0804),),
    ch.ALPN: ((b"h2", b"http/1.1"), (b"\x1a\x1a",)),
    ch.SIGNED_CERTIFICATE_TIMESTAMP: (True,),
    ch.CLIENT_CERTIFICATE_TYPE: ((2, 0),),
    ch.SERVER_CERTIFICATE_TYPE: ((0,),),
    ch.PADDING: (3, 0, 200),
    ch.ENCRYPT_THEN_MAC: (True,),
    ch.EXTENDED_MASTER_SECRET: (True,),
    ch.COMPRESS_CERTIFICATE: ((1, 2, 3),),
    ch.RECORD_SIZE_LIMIT: (16385, 64),
    ch.DELEGATED_CREDENTIAL: ((0x0403,),),
    ch.SESSION_TICKET: (b"", b"old ticket"),
    ch.PRE_SHARED_KEY: (PSKS,),
    ch.EARLY_DATA: (True,),
    ch.SUPPORTED_VERSIONS: ((0x0304, 0x0303), (0x7A7A,)),
    ch.COOKIE: (b"cookie",),
    ch.PSK_KEY_EXCHANGE_MODES: ((1, 0), (0x2A,)),
    ch.CERTIFICATE_AUTHORITIES: ((b"\x30\x00", b"\x30\x01\x00"),),
    ch.POST_HANDSHAKE_AUTH: (True,),
    ch.SIGNATURE_ALGORITHMS_CERT: ((0x0401,),),
    ch.KEY_SHARE: (SHARES, ()),
    ch.QUIC_TRANSPORT_PARAMETERS: (b"parameters",),
    ch.TICKET_REQUEST: (TicketRequest(2, 1),),
    ch.RENEGOTIATION_INFO: (b"", b"verify data"),
    sh.PRE_SHARED_KEY: (1,),
    sh.SUPPORTED_VERSIONS: (0x0304,),
    sh.KEY_SHARE: (SHARES[0],),
    sh12.SERVER_NAME: (True,),
    sh12.MAX_FRAGMENT_LENGTH: (2,),
    sh12.STATUS_REQUEST: (True,),
    sh12.SUPPORTED_GROUPS: ((23, 24),),
    sh12.EC_POINT_FORMATS: ((0,), (0, 1, 2)),
    sh12.ALPN: ((b"h2",),),
    sh12.SIGNED_CERTIFICATE_TIMESTAMP: ((b"one", b"two"),),
    sh12.CLIENT_CERTIFICATE_TYPE: (2,),
    sh12.SERVER_CERTIFICATE_TYPE: (0,),
    sh12.ENCRYPT_THEN_MAC: (True,),
    sh12.EXTENDED_MASTER_SECRET: (True,),
    sh12.RECORD_SIZE_LIMIT: (16384,),
    sh12.SESSION_TICKET: (True,),
    sh12.RENEGOTIATION_INFO: (b"", b"verify data" * 2),
    hrr.SUPPORTED_VERSIONS: (0x0304,),
    hrr.COOKIE: (b"cookie",),
    hrr.KEY_SHARE: (23,),
    ee.SERVER_NAME: (True,),
    ee.MAX_FRAGMENT_LENGTH: (2,),
    ee.SUPPORTED_GROUPS: ((29, 23),),
    ee.ALPN: ((b"h2",),),
    ee.CLIENT_CERTIFICATE_TYPE: (2,),
    ee.SERVER_CERTIFICATE_TYPE: (0,),
    ee.RECORD_SIZE_LIMIT: (16385,),
    ee.EARLY_DATA: (True,),
    ee.QUIC_TRANSPORT_PARAMETERS: (b"parameters",),
    ee.TICKET_REQUEST: (2,),
    cr.SERVER_NAME: ("example.org",),
    cr.STATUS_REQUEST: (True,),
    cr.SIGNATURE_ALGORITHMS: ((0x0403, 0x0804),),
    cr.SIGNED_CERTIFICATE_TIMESTAMP: (True,),
    cr.COMPRESS_CERTIFICATE: ((1,),),
    cr.DELEGATED_CREDENTIAL: ((0x0403,),),
    cr.CERTIFICATE_AUTHORITIES: ((b"\x30\x00",),),
    cr.OID_FILTERS: ((OIDFilter(b"\x55\x1d\x0f", b"\x03\x02"), OIDFilter(b"\x55\x1d\x25", b"")), ()),
    cr.SIGNATURE_ALGORITHMS_CERT: ((0x0401,),),
    ct.STATUS_REQUEST: (b"OCSP response",),
    ct.SIGNED_CERTIFICATE_TIMESTAMP: ((b"one", b"two"),),
    ct.DELEGATED_CREDENTIAL: (b"credential",),
    nst.EARLY_DATA: (16384, 0xFFFFFFFF),
}

# Extensions whose body is any bytes at all, so that neither a cut nor a surplus byte makes it malformed.
OPAQUE = frozenset(
    {
        ch.PADDING,
        ch.SESSION_TICKET,
        ch.QUIC_TRANSPORT_PARAMETERS,
        ee.QUIC_TRANSPORT_PARAMETERS,
        ct.DELEGATED_CREDENTIAL,
    }
)

FORM_VALUES = [(form, value) for form, values in VALUES.items() for value in values]


def form_id(argument: object) -> str | None:
    """Name a form in a test's id."""
    return argument.where if isinstance(argument, ExtensionForm) else None


def full_extensions(message: str) -> Extensions:
    """Return a block with every extension that has a form in `message`, pre_shared_key last."""
    forms = sorted(FORMS[message].values(), key=lambda form: form is ch.PRE_SHARED_KEY)
    return Extensions.build(message, [(form, VALUES[form][0]) for form in forms])


def form_of(message: HandshakeMessage) -> MessageForm[HandshakeMessage]:
    """Return the class of a message of TLS 1.3, which is its form."""
    form: MessageForm[HandshakeMessage] = HANDSHAKE_MESSAGES_13[message.handshake_type]
    return form


CLIENT_HELLO = ClientHello(
    0x0303, bytes(range(32)), b"s" * 32, (0x1301, 0x1302, 0xC02B), b"\0", full_extensions("ClientHello")
)
OLD_CLIENT_HELLO = ClientHello(0x0301, bytes(32), b"", (0x002F,), b"\1\0", Extensions("ClientHello"))
SERVER_HELLO = ServerHello(0x0303, bytes(range(32)), b"s" * 32, 0x1301, 0, full_extensions("ServerHello"))
OLD_SERVER_HELLO = ServerHello(0x0302, bytes(32), b"id", 0x002F, 0, Extensions("ServerHello12"))
HELLO_RETRY_REQUEST = ServerHello(
    0x0303, HELLO_RETRY_REQUEST_RANDOM, b"", 0x1301, 0, full_extensions("HelloRetryRequest")
)

MESSAGES_13: dict[str, HandshakeMessage] = {
    "ClientHello": CLIENT_HELLO,
    "ClientHello-old": OLD_CLIENT_HELLO,
    "ServerHello": SERVER_HELLO,
    "ServerHello-old": OLD_SERVER_HELLO,
    "HelloRetryRequest": HELLO_RETRY_REQUEST,
    "EncryptedExtensions": EncryptedExtensions(full_extensions("EncryptedExtensions")),
    "EncryptedExtensions-empty": EncryptedExtensions(Extensions("EncryptedExtensions")),
    "CertificateRequest": CertificateRequest(b"context", full_extensions("CertificateRequest")),
    "CertificateRequest-bare": CertificateRequest(b"", Extensions("CertificateRequest")),
    "Certificate": Certificate(
        b"context",
        (
            CertificateEntry(b"leaf", full_extensions("Certificate")),
            CertificateEntry(b"intermediate", Extensions("Certificate")),
        ),
    ),
    "Certificate-empty": Certificate(b"", ()),
    "CertificateVerify": CertificateVerify(0x0403, b"signature"),
    "CertificateVerify-empty": CertificateVerify(0x0804, b""),
    "Finished": Finished(bytes(32)),
    "EndOfEarlyData": EndOfEarlyData(),
    "NewSessionTicket": NewSessionTicket(
        7200, 0xFFFFFFFF, b"\0", b"ticket", full_extensions("NewSessionTicket")
    ),
    "NewSessionTicket-bare": NewSessionTicket(0, 0, b"", b"t", Extensions("NewSessionTicket")),
    "KeyUpdate-not-requested": KeyUpdate(0),
    "KeyUpdate-requested": KeyUpdate(1),
}

# Every message with the form that reads it; that is its class, but for some of TLS 1.2.
MESSAGES: dict[str, tuple[MessageForm[HandshakeMessage], HandshakeMessage]] = {
    name: (form_of(message), message) for name, message in MESSAGES_13.items()
} | MESSAGES_12
