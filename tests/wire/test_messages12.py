"""The messages of TLS 1.2 and before: their bytes, their bounds, and the shapes that were negotiated."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import HandshakeMessage, MessageForm, Reader, decode
from lucidtls.wire.messages12 import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientExchange,
    ClientKeyExchange,
    DHParameters,
    ECDHParameters,
    Finished,
    HelloRequest,
    NewSessionTicket,
    ServerHelloDone,
    ServerKeyExchange,
    ServerParameters,
    certificate_request_form,
    certificate_verify_form,
    client_key_exchange_form,
    server_key_exchange_form,
)
from lucidtls.wire.messages13 import MAX_CERTIFICATES
from tests.wire.recorded12 import (
    CERTIFICATE_12,
    CLIENT_HELLO_12,
    CLIENT_KEY_EXCHANGE_10,
    CLIENT_KEY_EXCHANGE_12,
    NEW_SESSION_TICKET_12,
    SERVER_HELLO_12,
    SERVER_KEY_EXCHANGE_12,
)
from tests.wire.samples12 import DH, ECDH

DHE = server_key_exchange_form(False, "dh", True, True)
DH_ANON = server_key_exchange_form(False, "dh", False, False)
ECDHE = server_key_exchange_form(False, "ecdh", True, True)
ECDH_ANON = server_key_exchange_form(False, "ecdh", False, False)
HINT = server_key_exchange_form(True, None, False, False)
LONG = bytes(0xFFFF)
L16 = b"\xff\xff" + LONG


# What the RFCs' structures look like on the wire, each byte typed by hand.
ON_THE_WIRE: list[tuple[MessageForm[HandshakeMessage], HandshakeMessage, str]] = [
    (HelloRequest, HelloRequest(), ""),
    (ServerHelloDone, ServerHelloDone(), ""),
    (Certificate, Certificate((b"ab", b"c")), "000009 000002 6162 000001 63"),
    (Certificate, Certificate(()), "000000"),
    (CertificateStatus, CertificateStatus(1, b"ok"), "01 000002 6f6b"),
    (DHE, ServerKeyExchange(None, DHParameters(b"p", b"g", b"y"), 0x0401, b"s"),
     "0001 70 0001 67 0001 79 0401 0001 73"),
    (server_key_exchange_form(False, "dh", True, False),
     ServerKeyExchange(None, DHParameters(b"p", b"g", b"y"), None, b"s"), "0001 70 0001 67 0001 79 0001 73"),
    (ECDHE, ServerKeyExchange(None, ECDHParameters(23, b"\4xy"), 0x0403, b"s"),
     "03 0017 03 047879 0403 0001 73"),
    (ECDH_ANON, ServerKeyExchange(None, ECDHParameters(29, b"u")), "03 001d 01 75"),
    (HINT, ServerKeyExchange(b"hi"), "0002 6869"),
    (server_key_exchange_form(True, "dh", False, False),
     ServerKeyExchange(b"", DHParameters(b"p", b"g", b"y")), "0000 0001 70 0001 67 0001 79"),
    (server_key_exchange_form(True, "ecdh", False, False), ServerKeyExchange(b"h", ECDHParameters(29, b"u")),
     "0001 68 03 001d 01 75"),
    (certificate_request_form(True), CertificateRequest((1, 64), (0x0403,), (b"n", b"nn")),
     "02 0140 0002 0403 0007 0001 6e 0002 6e6e"),
    (certificate_request_form(False), CertificateRequest((1, 64), None, ()), "02 0140 0000"),
    (client_key_exchange_form(False, "rsa"), ClientKeyExchange(None, b"c", "rsa"), "0001 63"),
    (client_key_exchange_form(False, "dh"), ClientKeyExchange(None, b"y", "dh"), "0001 79"),
    (client_key_exchange_form(False, "ecdh"), ClientKeyExchange(None, b"u", "ecdh"), "01 75"),
    (client_key_exchange_form(True, None), ClientKeyExchange(b"id"), "0002 6964"),
    (client_key_exchange_form(True, "rsa"), ClientKeyExchange(b"", b"c", "rsa"), "0000 0001 63"),
    (client_key_exchange_form(True, "dh"), ClientKeyExchange(b"id", b"y", "dh"), "0002 6964 0001 79"),
    (client_key_exchange_form(True, "ecdh"), ClientKeyExchange(b"id", b"u", "ecdh"), "0002 6964 01 75"),
    (certificate_verify_form(True), CertificateVerify(0x0804, b"s"), "0804 0001 73"),
    (certificate_verify_form(False), CertificateVerify(None, b"s"), "0001 73"),
    (NewSessionTicket, NewSessionTicket(300, b"t"), "0000012c 0001 74"),
    (Finished, Finished(b"abcdefghijkl"), "6162636465666768696a6b6c"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "message", "encoded"), ON_THE_WIRE)
def test_the_structures_of_the_rfcs(
    form: MessageForm[HandshakeMessage], message: HandshakeMessage, encoded: str
) -> None:
    """Each message stands on the wire as the structure of its RFC says, field by field."""
    body = bytes.fromhex(encoded)
    assert message.body() == body
    assert decode(form, body) == message


AT_THE_LIMITS: list[tuple[MessageForm[HandshakeMessage], bytes]] = [
    (Certificate, bytes(3)),
    (CertificateStatus, b"\1\0\0\1r"),
    (CertificateStatus, b"\1\1\0\0" + bytes(0x10000)),
    (DH_ANON, b"\0\1p\0\1g\0\1y"),
    (DH_ANON, L16 * 3),
    (DHE, b"\0\1p\0\1g\0\1y" + b"\4\1\0\0"),
    (ECDHE, b"\3\0\x1d\1u" + b"\4\3\0\0"),
    (ECDHE, b"\3\0\x1d\xff" + bytes(255) + b"\4\3" + L16),
    (HINT, b"\0\0"),
    (HINT, L16),
    (certificate_request_form(True), b"\1\1" + b"\0\2\4\1" + b"\0\0"),
    (certificate_request_form(True), b"\xff" + bytes(255) + b"\xff\xfe" + bytes(0xFFFE) + b"\0\3\0\1n"),
    (certificate_request_form(False), b"\1\1" + b"\xff\xff\xff\xfd" + bytes(0xFFFD)),
    (client_key_exchange_form(False, "rsa"), b"\0\0"),
    (client_key_exchange_form(False, "rsa"), L16),
    (client_key_exchange_form(False, "dh"), b"\0\1y"),
    (client_key_exchange_form(False, "dh"), L16),
    (client_key_exchange_form(False, "ecdh"), b"\xff" + bytes(255)),
    (client_key_exchange_form(True, None), b"\0\0"),
    (client_key_exchange_form(True, None), L16),
    (certificate_verify_form(True), b"\4\1\0\0"),
    (certificate_verify_form(False), L16),
    (NewSessionTicket, bytes(6)),
    (NewSessionTicket, b"\xff" * 4 + L16),
]


@pytest.mark.parametrize(("form", "body"), AT_THE_LIMITS)
def test_what_a_structure_allows_is_read(form: MessageForm[HandshakeMessage], body: bytes) -> None:
    """The shortest and the longest vector that a structure allows are read and written again."""
    assert decode(form, body).body() == body


BEYOND_THE_LIMITS: list[tuple[MessageForm[HandshakeMessage], bytes, str, str]] = [
    (Certificate, b"\0\0\3\0\0\0", "certificate is 0 bytes long, not 1 to 16777215", "RFC 5246 §7.4.2"),
    (CertificateStatus, b"\1\0\0\0", "response is 0 bytes long, not 1", "RFC 6066 §8"),
    (DHE, b"\0\0\0\1g\0\1y\4\1\0\0", "dh_p is 0 bytes long, not 1 to 65535", "RFC 5246 §7.4.3"),
    (DHE, b"\0\1p\0\0\0\1y\4\1\0\0", "dh_g is 0 bytes long", "RFC 5246 §7.4.3"),
    (DHE, b"\0\1p\0\1g\0\0\4\1\0\0", "dh_Ys is 0 bytes long", "RFC 5246 §7.4.3"),
    (ECDHE, b"\3\0\x1d\0\4\3\0\0", "public is 0 bytes long, not 1 to 255", "RFC 8422 §5.4"),
    (server_key_exchange_form(True, "ecdh", False, False), b"\0\0\3\0\x1d\0", "public is 0", "RFC 5489 §2"),
    (server_key_exchange_form(True, "dh", False, False), b"\0\0\0\0", "dh_p is 0", "RFC 4279 §3"),
    (HINT, b"", "psk_identity_hint is cut short", "RFC 4279 §2"),
    (certificate_request_form(True), b"\0\0\2\4\1\0\0", "certificate_types is 0", "RFC 5246 §7.4.4"),
    (certificate_request_form(True), b"\1\1\0\0\0\0", "algorithms is 0 bytes long", "RFC 5246 §7.4.4"),
    (certificate_request_form(True), b"\1\1\0\3\4\1\4\0\0", "algorithms has an odd", "RFC 5246 §7.4.4"),
    (certificate_request_form(False), b"\1\1\0\2\0\0", "entry is 0 bytes long, not 1", "RFC 5246 §7.4.4"),
    (certificate_request_form(False), b"\1\1\0\1n", "entry is cut short", "RFC 5246 §7.4.4"),
    (client_key_exchange_form(False, "rsa"), b"", "pre_master_secret is cut", "RFC 5246 §7.4.7.1"),
    (client_key_exchange_form(False, "dh"), b"", "dh_Yc is cut short", "RFC 5246 §7.4.7.2"),
    (client_key_exchange_form(False, "dh"), b"\0\0", "dh_Yc is 0 bytes long, not 1", "RFC 5246 §7.4.7.2"),
    (client_key_exchange_form(False, "ecdh"), b"\0", "ecdh_Yc is 0 bytes long, not 1", "RFC 8422 §5.7"),
    (client_key_exchange_form(True, "ecdh"), b"\0\0\0", "ecdh_Yc is 0 bytes long", "RFC 5489 §2"),
    (client_key_exchange_form(True, "rsa"), b"\0\0", "pre_master_secret is cut", "RFC 4279 §4"),
    (client_key_exchange_form(True, "dh"), b"\0\0\0\0", "dh_Yc is 0 bytes long", "RFC 4279 §3"),
    (client_key_exchange_form(True, None), b"\0\2i", "psk_identity is cut short", "RFC 4279 §2"),
    (certificate_verify_form(True), b"\0\1s", "signature is cut short", "RFC 5246 §7.4.8"),
    (NewSessionTicket, b"\0\0\0\0", "ticket is cut short", "RFC 5077 §3.3"),
    (HelloRequest, b"\0", "1 byte left over after HelloRequest", "RFC 5246 §7.4.1.1"),
    (ServerHelloDone, b"\0", "1 byte left over after ServerHelloDone", "RFC 5246 §7.4.5"),
    (Finished, bytes(11), "verify_data is cut short", "RFC 5246 §7.4.9"),
    (Finished, bytes(13), "1 byte left over after Finished", "RFC 5246 §7.4.9"),
]


@pytest.mark.parametrize(("form", "body", "problem", "clause"), BEYOND_THE_LIMITS)
def test_what_a_structure_forbids_is_refused(
    form: MessageForm[HandshakeMessage], body: bytes, problem: str, clause: str
) -> None:
    """A vector outside its range is a decode_error with the section of the shape that was negotiated."""
    with pytest.raises(DecodeError) as caught:
        decode(form, body)
    assert problem in str(caught.value)
    assert caught.value.clause == clause


@pytest.mark.parametrize("curve_type", [0, 1, 2, 4, 248, 255])
def test_curves_have_names(curve_type: int) -> None:
    """named_curve is the only way left to give a curve: explicit ones can be weak (RFC 8422 §5.4)."""
    with pytest.raises(IllegalParameter) as caught:
        decode(ECDHE, bytes((curve_type,)) + b"\0\x17\1u\4\3\0\0")
    assert caught.value.clause == "RFC 8422 §5.4"
    assert caught.value.fields == {"curve_type": curve_type}


@pytest.mark.parametrize("status_type", [0, 2, 255])
def test_a_certificate_status_is_ocsp(status_type: int) -> None:
    """A CertificateStatus answers a request for OCSP and is of no other type (RFC 6066 §8)."""
    with pytest.raises(IllegalParameter) as caught:
        decode(CertificateStatus, bytes((status_type,)) + b"\0\0\1r")
    assert caught.value.clause == "RFC 6066 §8"


def test_messages_that_openssl_sent() -> None:
    """A server's flight and the client's answer read and write again as they were sent (RFC 5246 §7.3)."""
    certificate = decode(Certificate, CERTIFICATE_12)
    exchange = decode(ECDHE, SERVER_KEY_EXCHANGE_12)
    answer = decode(client_key_exchange_form(False, "ecdh"), CLIENT_KEY_EXCHANGE_12)
    ticket = decode(NewSessionTicket, NEW_SESSION_TICKET_12)
    encrypted = decode(client_key_exchange_form(False, "rsa"), CLIENT_KEY_EXCHANGE_10)
    assert certificate.body() == CERTIFICATE_12
    assert exchange.body() == SERVER_KEY_EXCHANGE_12
    assert (answer.body(), len(answer.exchange or b"")) == (CLIENT_KEY_EXCHANGE_12, 32)
    assert (ticket.body(), ticket.lifetime_hint) == (NEW_SESSION_TICKET_12, 7200)
    assert (encrypted.body(), len(encrypted.exchange or b"")) == (CLIENT_KEY_EXCHANGE_10, 256)
    # The proof that these are the right bytes: the signature over both randoms and the parameters holds.
    key = load_der_x509_certificate(certificate.certificate_list[0]).public_key()
    assert isinstance(key, EllipticCurvePublicKey)
    assert (exchange.scheme, exchange.parameters) == (
        0x0403,
        ECDHParameters(29, SERVER_KEY_EXCHANGE_12[4:36]),
    )
    signed = CLIENT_HELLO_12[2:34] + SERVER_HELLO_12[2:34] + exchange.signed_params()
    key.verify(exchange.signature or b"", signed, ECDSA(SHA256()))


def test_the_number_of_certificates_is_bounded() -> None:
    """A chain may have surplus certificates, but not without end."""
    longest = Certificate((b"c",) * MAX_CERTIFICATES)
    assert decode(Certificate, longest.body()) == longest
    with pytest.raises(DecodeError, match="more than 100 certificates"):
        decode(Certificate, Certificate((b"c",) * (MAX_CERTIFICATES + 1)).body())


def test_the_signature_covers_the_parameters_as_they_came() -> None:
    """What a server signs after the randoms is its parameters, byte for byte (RFC 5246 §7.4.3)."""
    for form, parameters in ((DHE, DH), (ECDHE, ECDH)):
        body = parameters.body() + b"\4\1\0\3sig"
        message = decode(form, body)
        assert message.signed_params() == parameters.body() == body[:-7]
    # Leading zeros of a number are bytes like others: they are signed and must stay.
    padded = b"\0\3\0\0p\0\2\0\2\0\2\0y"
    assert decode(DHE, padded + b"\4\1\0\0").signed_params() == padded
    assert decode(HINT, b"\0\1h").signed_params() == b""


def test_a_shape_has_one_form() -> None:
    """What was negotiated says how a message looks, so equal negotiations share one form."""
    assert server_key_exchange_form(False, "ecdh", True, True) is ECDHE
    assert certificate_verify_form(True) is certificate_verify_form(True)
    assert certificate_verify_form(True) != certificate_verify_form(False)
    assert client_key_exchange_form(True, "dh") is not client_key_exchange_form(False, "dh")
    assert certificate_request_form(False) is certificate_request_form(False)


def test_errors_name_the_message_and_not_its_form() -> None:
    """Forms are ours; to users a message has the RFC's name."""
    for form in (ECDHE, client_key_exchange_form(False, "dh"), certificate_verify_form(True)):
        with pytest.raises(
            DecodeError, match=r"^(Server|Client|Certificate)[A-Z][A-Za-z]+\.[a-zA-Z_]+ is cut"
        ):
            decode(form, b"")


# Messages of every shape with any content.

SERVER_KINDS: tuple[ServerParameters, ...] = ("dh", "ecdh")
CLIENT_KINDS: tuple[ClientExchange, ...] = ("rsa", "dh", "ecdh")
OPAQUE8 = st.binary(min_size=1, max_size=255)
OPAQUE16 = st.binary(max_size=300)
NONEMPTY16 = st.binary(min_size=1, max_size=300)
CODE = st.integers(0, 0xFFFF)
DH_ANY = st.builds(DHParameters, NONEMPTY16, NONEMPTY16, NONEMPTY16)
ECDH_ANY = st.builds(ECDHParameters, CODE, OPAQUE8)


@st.composite
def server_key_exchanges(draw: st.DrawFn) -> tuple[MessageForm[Any], HandshakeMessage]:
    """A ServerKeyExchange of any shape, and its form."""
    psk, signed, with_scheme = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    kind = draw(st.sampled_from(SERVER_KINDS))
    message = ServerKeyExchange(
        draw(OPAQUE16) if psk else None,
        draw(DH_ANY) if kind == "dh" else draw(ECDH_ANY),
        draw(CODE) if signed and with_scheme else None,
        draw(OPAQUE16) if signed else None,
    )
    return server_key_exchange_form(psk, kind, signed, with_scheme), message


@st.composite
def client_key_exchanges(draw: st.DrawFn) -> tuple[MessageForm[Any], HandshakeMessage]:
    """A ClientKeyExchange of any shape, and its form."""
    psk = draw(st.booleans())
    kind = draw(st.sampled_from(CLIENT_KINDS))
    exchange = draw({"rsa": OPAQUE16, "dh": NONEMPTY16, "ecdh": OPAQUE8}[kind])
    message = ClientKeyExchange(draw(OPAQUE16) if psk else None, exchange, kind)
    return client_key_exchange_form(psk, kind), message


@st.composite
def certificate_requests(draw: st.DrawFn) -> tuple[MessageForm[Any], HandshakeMessage]:
    """A CertificateRequest of either shape, and its form."""
    with_schemes = draw(st.booleans())
    message = CertificateRequest(
        tuple(draw(st.binary(min_size=1, max_size=255))),
        tuple(draw(st.lists(CODE, min_size=1, max_size=40))) if with_schemes else None,
        tuple(draw(st.lists(NONEMPTY16, max_size=5))),
    )
    return certificate_request_form(with_schemes), message


ANY_MESSAGE: st.SearchStrategy[tuple[MessageForm[Any], HandshakeMessage]] = st.one_of(
    server_key_exchanges(),
    client_key_exchanges(),
    certificate_requests(),
    st.builds(lambda items: (Certificate, Certificate(tuple(items))), st.lists(NONEMPTY16, max_size=5)),
    st.builds(lambda response: (CertificateStatus, CertificateStatus(1, response)), NONEMPTY16),
    st.builds(
        lambda hint, ticket: (NewSessionTicket, NewSessionTicket(hint, ticket)),
        st.integers(0, 2**32 - 1),
        OPAQUE16,
    ),
    st.builds(
        lambda scheme, signature: (
            certificate_verify_form(scheme is not None),
            CertificateVerify(scheme, signature),
        ),
        st.none() | CODE,
        OPAQUE16,
    ),
)


@given(ANY_MESSAGE)
def test_any_message_round_trips(pair: tuple[MessageForm[Any], HandshakeMessage]) -> None:
    """Whatever the fields hold, a message decodes to the values it was built from."""
    form, message = pair
    body = message.body()
    decoded = decode(form, body)
    assert decoded == message
    assert decoded.body() == body


@given(ANY_MESSAGE, st.data())
def test_any_message_cut_short_or_too_long_is_refused(
    pair: tuple[MessageForm[Any], HandshakeMessage], data: st.DataObject
) -> None:
    """A part of a message is not a message, nor is a message with something after it."""
    form, message = pair
    body = message.body()
    with pytest.raises(DecodeError):
        decode(form, body[: data.draw(st.integers(0, len(body) - 1))])
    with pytest.raises(DecodeError):
        decode(form, body + data.draw(st.binary(min_size=1, max_size=10)))


def test_a_form_reads_inside_a_whole_message() -> None:
    """Positions count from the start of the handshake message, whose header the reader may stand behind."""
    reader = Reader(b"\x0c\0\0\5" + b"\3\0\x1d\1u", "ServerKeyExchange", position=4)
    assert ECDH_ANON.read(reader).parameters == ECDHParameters(29, b"u")
    reader.finish()
