"""Which extension may stand where, how often, in which order, and answering what (RFC 9846 §4.3)."""

from __future__ import annotations

import pytest

from lucidtls.errors import DecodeError, IllegalParameter, InternalError, UnsupportedExtension
from lucidtls.wire.codec import Reader, decode, vector16
from lucidtls.wire.codepoints import EXTENSIONS
from lucidtls.wire.extensions import (
    FORMS,
    RECOGNISED,
    Extensions,
    ch,
    check_solicited,
    cr,
    ee,
    hrr,
    sh,
)
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.messages13 import CertificateRequest
from tests.wire.samples import CLIENT_HELLO, PSKS, VALUES, full_extensions

COLUMNS = {
    "CH": "ClientHello",
    "SH": "ServerHello",
    "SH12": "ServerHello12",
    "HRR": "HelloRetryRequest",
    "EE": "EncryptedExtensions",
    "CR": "CertificateRequest",
    "CT": "Certificate",
    "NST": "NewSessionTicket",
}

# The table of RFC 9846 §4.3 for the extensions that are decoded here, then the rows of the registry that
# are not "Recommended" and so not in that table (RFC 6066 §4, RFC 6962 §3.3.1).
TABLE = """
server_name CH EE CR
status_request CH CR CT
supported_groups CH EE
signature_algorithms CH CR
application_layer_protocol_negotiation CH EE
client_certificate_type CH EE
server_certificate_type CH EE
padding CH
compress_certificate CH CR
record_size_limit CH EE
delegated_credential CH CR CT
pre_shared_key CH SH
early_data CH EE NST
supported_versions CH SH HRR
cookie CH HRR
psk_key_exchange_modes CH
certificate_authorities CH CR
oid_filters CR
post_handshake_auth CH
signature_algorithms_cert CH CR
key_share CH SH HRR
quic_transport_parameters CH EE
ticket_request CH EE
max_fragment_length CH EE
signed_certificate_timestamp CH CR CT
"""

# What only TLS 1.2 and before answers, and what they answer in the ServerHello (RFC 5246 §7.4.1.4): the
# registry's extensions that are decoded here and that TLS 1.3 answers elsewhere or not at all.
TABLE_12 = """
server_name SH12
max_fragment_length SH12
status_request SH12
supported_groups SH12
ec_point_formats CH SH12
application_layer_protocol_negotiation SH12
signed_certificate_timestamp SH12
client_certificate_type SH12
server_certificate_type SH12
encrypt_then_mac CH SH12
extended_master_secret CH SH12
record_size_limit SH12
session_ticket CH SH12
renegotiation_info CH SH12
"""


def read(message: str, *pairs: tuple[int, bytes]) -> Extensions:
    """Read a block of raw extensions, which may be any."""
    block = b"".join(code.to_bytes(2, "big") + vector16(body) for code, body in pairs)
    return Extensions.read(Reader(vector16(block), message), message)


def test_each_extension_is_allowed_where_the_rfc_says() -> None:
    """The table of RFC 9846 §4.3 says in which messages an extension may appear."""
    stated: dict[str, set[str]] = {}
    for line in (TABLE.strip() + TABLE_12.rstrip()).splitlines():
        name, *columns = line.split()
        stated.setdefault(name, set()).update(COLUMNS[column] for column in columns)
    known: dict[str, set[str]] = {}
    for message, forms in FORMS.items():
        for form in forms.values():
            known.setdefault(form.name, set()).add(message)
    assert known == stated


def test_each_form_is_named_as_registered() -> None:
    """The name of an extension is the one IANA registered for its code."""
    for message, forms in FORMS.items():
        for code, form in forms.items():
            assert (form.code, form.name, form.message) == (code, EXTENSIONS[code], message)


@pytest.mark.parametrize("message", ["ClientHello", "CertificateRequest", "NewSessionTicket"])
def test_an_extension_out_of_place_in_a_request_is_illegal(message: str) -> None:
    """A recognised extension in a message it is not specified for is an illegal_parameter (RFC 9846 §4.3)."""
    for code in RECOGNISED - set(FORMS[message]):
        with pytest.raises(IllegalParameter) as caught:
            read(message, (code, b""))
        assert caught.value.clause == "RFC 9846 §4.3"
        assert EXTENSIONS[code] in str(caught.value)


@pytest.mark.parametrize(
    "message", ["ServerHello", "ServerHello12", "HelloRetryRequest", "EncryptedExtensions", "Certificate"]
)
def test_an_answer_out_of_place_is_illegal_when_it_was_asked_for(message: str) -> None:
    """An answer in the wrong message is an illegal_parameter, if never asked for unsupported_extension."""
    for code in RECOGNISED - set(FORMS[message]):
        answer = read(message, (code, b"whatever it says"))
        assert answer.misplaced == (code,)
        with pytest.raises(UnsupportedExtension) as unasked:
            check_solicited(answer, offered=())
        assert unasked.value.clause == "RFC 9846 §4.3"
        with pytest.raises(IllegalParameter) as misplaced:
            check_solicited(answer, offered={code})
        assert misplaced.value.clause == "RFC 9846 §4.3"


def test_answers_to_what_was_sent_are_fine() -> None:
    """An answer that has only what the ClientHello asked for passes."""
    offered = CLIENT_HELLO.extensions
    for message in (
        "ServerHello",
        "ServerHello12",
        "HelloRetryRequest",
        "EncryptedExtensions",
        "Certificate",
    ):
        check_solicited(full_extensions(message), offered.raw)


def test_an_unknown_answer_that_was_not_asked_for_is_refused() -> None:
    """A server that answers an extension nobody sent, be it GREASE, breaks the handshake (RFC 8701 §3.1)."""
    for code in (0x0A0A, 0xFFFF, 65037):
        with pytest.raises(UnsupportedExtension):
            check_solicited(read("EncryptedExtensions", (code, b"")), offered={0, 16})


def test_only_the_cookie_of_a_retry_request_comes_unasked() -> None:
    """A HelloRetryRequest may carry a cookie that the client did not ask for, and nothing else."""
    check_solicited(Extensions.build("HelloRetryRequest", [(hrr.COOKIE, b"c")]), offered={43, 51})
    with pytest.raises(UnsupportedExtension):
        check_solicited(Extensions.build("HelloRetryRequest", [(hrr.KEY_SHARE, 23)]), offered={43, 44})
    with pytest.raises(UnsupportedExtension):
        check_solicited(Extensions.build("ServerHello", [(44, b"\0\1c")]), offered={43, 51})


@pytest.mark.parametrize("message", FORMS)
def test_no_extension_may_come_twice(message: str) -> None:
    """Two extensions of the same type in a block, known or not, are a decode_error (RFC 9846 §4.3)."""
    for form in FORMS[message].values():
        body = form.write(VALUES[form][0])
        with pytest.raises(DecodeError, match="twice"):
            read(message, (form.code, body), (0x0A0A, b""), (form.code, body))
    with pytest.raises(DecodeError, match=r"GREASE\(0x0a0a\) twice"):
        read(message, (0x0A0A, b""), (0x0A0A, b"other"))


def test_pre_shared_key_is_last_in_a_client_hello() -> None:
    """pre_shared_key must end a ClientHello, because the binders sign all before them (RFC 9846 §4.3.11)."""
    psk = (41, ch.PRE_SHARED_KEY.write(PSKS))
    assert read("ClientHello", (0, ch.SERVER_NAME.write("a")), psk).codes == (0, 41)
    with pytest.raises(IllegalParameter) as caught:
        read("ClientHello", psk, (0x0A0A, b""))
    assert caught.value.clause == "RFC 9846 §4.3.11"


def test_pre_shared_key_may_stand_anywhere_in_a_server_hello() -> None:
    """In a ServerHello pre_shared_key can appear anywhere in the block (RFC 9846 §4.3)."""
    block = Extensions.build("ServerHello", [(sh.PRE_SHARED_KEY, 0), (sh.SUPPORTED_VERSIONS, 0x0304)])
    assert Extensions.read(Reader(block.body(), "ServerHello"), "ServerHello").get(sh.PRE_SHARED_KEY) == 0


def test_unknown_extensions_are_kept_and_ignored() -> None:
    """Servers and clients ignore extensions they do not recognise in a request (RFC 9846 §4.2.2, §4.4.2)."""
    hello = read("ClientHello", (0xABCD, b"data"), (0, ch.SERVER_NAME.write("a.example")), (65535, b""))
    assert hello.codes == (0xABCD, 0, 65535)
    assert hello.raw[0xABCD] == b"data"
    assert 0xABCD in hello
    assert ch.SERVER_NAME in hello
    assert ch.ALPN not in hello
    assert hello.get(ch.ALPN) is None
    request = read("CertificateRequest", (0xABCD, b"data"))
    assert decode(CertificateRequest, CertificateRequest(b"", request).body()).extensions == request


def test_a_block_full_of_unknown_extensions_is_ignored() -> None:
    """However many unrecognized extensions a ClientHello has, they are ignored; 64 KiB hold 16,383."""
    codes = [code for code in range(0x1000, 0xFFFF) if code not in RECOGNISED][:16_383]
    assert len(read("ClientHello", *((code, b"") for code in codes)).raw) == 16_383


def test_a_form_of_another_message_is_a_bug_here() -> None:
    """key_share looks different in ClientHello and ServerHello, so asking with the wrong form fails."""
    with pytest.raises(InternalError):
        CLIENT_HELLO.extensions.get(sh.KEY_SHARE)


def test_build_refuses_what_the_wire_would_refuse() -> None:
    """We never send an extension twice, nor one that does not fit its length."""
    with pytest.raises(ValueError, match="twice"):
        Extensions.build("EncryptedExtensions", [(ee.SERVER_NAME, True), (0, b"")])
    with pytest.raises(ValueError, match="longer"):
        Extensions.build(
            "CertificateRequest", [(cr.SIGNATURE_ALGORITHMS, (1027,)), (65000, bytes(65536))]
        ).body()
    with pytest.raises(ValueError, match="does not fit"):
        Extensions.build("ClientHello", [(65000, bytes(40000)), (65001, bytes(40000))]).body()


def test_a_client_hello_keeps_the_order_of_its_extensions() -> None:
    """The order in which a client sends its extensions is kept: fingerprints and explanations show it."""
    decoded = decode(ClientHello, CLIENT_HELLO.body())
    assert decoded.extensions.codes == CLIENT_HELLO.extensions.codes
    assert decoded.extensions.codes[-1] == 41
