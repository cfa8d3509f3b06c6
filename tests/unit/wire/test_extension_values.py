"""Extensions one by one: the bounds of their structures and the values that may not be sent."""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import Reader
from lucidtls.wire.extensions import (
    ExtensionForm,
    KeyShareEntry,
    StatusRequest,
    ch,
    cr,
    ct,
    ee,
    hrr,
    nst,
    sh,
    sh12,
)
from tests.wire.samples import PSKS


def read(form: ExtensionForm[Any], body: bytes) -> Any:
    """Read one extension's body."""
    reader = Reader(body, form.where, form.source)
    value = form.read(reader)
    reader.finish()
    return value


OUT_OF_RANGE: list[tuple[ExtensionForm[Any], bytes]] = [
    (ch.SERVER_NAME, b"\0\0"),  # ServerNameList<1..2^16-1>
    (ch.SERVER_NAME, b"\0\3\0\0\0"),  # HostName<1..2^16-1>
    (ch.SUPPORTED_GROUPS, b"\0\0"),  # named_group_list<2..2^16-1>
    (ch.SUPPORTED_GROUPS, b"\0\3\0\x1d\0"),
    (ee.SUPPORTED_GROUPS, b"\0\0"),
    (ch.EC_POINT_FORMATS, b"\0"),  # ec_point_format_list<1..2^8-1>
    (ch.SIGNATURE_ALGORITHMS, b"\0\0"),  # supported_signature_algorithms<2..2^16-2>
    (cr.SIGNATURE_ALGORITHMS, b"\0\1\4"),
    (ch.SIGNATURE_ALGORITHMS_CERT, b"\0\0"),
    (ch.ALPN, b"\0\0"),  # protocol_name_list<2..2^16-1>
    (ch.ALPN, b"\0\1\0"),
    (ch.ALPN, b"\0\4\0\2h2"),  # ProtocolName<1..2^8-1>
    (ch.SUPPORTED_VERSIONS, b"\0"),  # versions<2..254>
    (ch.SUPPORTED_VERSIONS, b"\1\3"),
    (ch.SUPPORTED_VERSIONS, b"\xff" + bytes(255)),
    (ch.COOKIE, b"\0\0"),  # cookie<1..2^16-1>
    (hrr.COOKIE, b"\0\0"),
    (ch.KEY_SHARE, b"\0\4\0\x1d\0\0"),  # key_exchange<1..2^16-1>
    (sh.KEY_SHARE, b"\0\x1d\0\0"),
    (sh.KEY_SHARE, b"\0\x1d\0\2x"),
    (ch.PSK_KEY_EXCHANGE_MODES, b"\0"),  # ke_modes<1..255>
    (ch.CERTIFICATE_AUTHORITIES, b"\0\0"),  # authorities<3..2^16-1>
    (ch.CERTIFICATE_AUTHORITIES, b"\0\2\0\0"),
    (cr.CERTIFICATE_AUTHORITIES, b"\0\5\0\1a\0\0"),  # DistinguishedName<1..2^16-1>
    (cr.OID_FILTERS, b"\0\3\0\0\0"),  # certificate_extension_oid<1..2^8-1>
    (ch.COMPRESS_CERTIFICATE, b"\0"),  # algorithms<2..2^8-2>
    (ch.COMPRESS_CERTIFICATE, b"\1\0"),
    (ct.STATUS_REQUEST, b"\1\0\0\0"),  # OCSPResponse<1..2^24-1>
    (ct.SIGNED_CERTIFICATE_TIMESTAMP, b"\0\0"),  # sct_list<1..2^16-1>
    (ct.SIGNED_CERTIFICATE_TIMESTAMP, b"\0\2\0\0"),  # SerializedSCT<1..2^16-1>
    (ch.PRE_SHARED_KEY, b"\0\6\0\0\0\0\0\0\0\x21\x20" + bytes(32)),  # identities<7..2^16-1>
    (ch.PRE_SHARED_KEY, b"\0\7\0\0\0\0\0\0\0\0\x21\x20" + bytes(32)),  # identity<1..2^16-1>
    (ch.PRE_SHARED_KEY, b"\0\7\0\1i\0\0\0\0\0\x20\x1f" + bytes(31)),  # binders<33..2^16-1>
    (ch.PRE_SHARED_KEY, b"\0\7\0\1i\0\0\0\0\0\x22\x1f" + bytes(31) + b"\0\0"),  # PskBinderEntry<32..255>
    (ch.STATUS_REQUEST, b"\1\0\2\0\0\0\0"),  # ResponderID<1..2^16-1>
    (ch.CLIENT_CERTIFICATE_TYPE, b"\0"),
    (ee.CLIENT_CERTIFICATE_TYPE, b"\1\0"),
    (nst.EARLY_DATA, b""),
    (ch.EARLY_DATA, b"\0\0\0\0"),
    (cr.STATUS_REQUEST, b"\1\0\0\0\0"),
    (ee.SERVER_NAME, b"\0\0"),
    (sh12.SERVER_NAME, b"\0\0"),
    (sh12.STATUS_REQUEST, b"\1\0\0\0\0"),
    (sh12.SUPPORTED_GROUPS, b"\0\0"),
    (sh12.EC_POINT_FORMATS, b"\0"),  # ec_point_format_list<1..2^8-1>
    (sh12.ALPN, b"\0\0"),
    (sh12.SIGNED_CERTIFICATE_TIMESTAMP, b"\0\0"),
    (sh12.ENCRYPT_THEN_MAC, b"\0"),
    (sh12.EXTENDED_MASTER_SECRET, b"\0"),
    (sh12.SESSION_TICKET, b"ticket"),
    (sh12.RENEGOTIATION_INFO, b""),  # renegotiated_connection<0..255>
    (sh12.RENEGOTIATION_INFO, b"\1"),
]


@pytest.mark.parametrize(("form", "body"), OUT_OF_RANGE)
def test_lists_keep_to_the_bounds_of_their_structures(form: ExtensionForm[Any], body: bytes) -> None:
    """A list shorter, longer or odder than its RFC's structure allows is a decode_error."""
    with pytest.raises(DecodeError) as caught:
        read(form, body)
    assert caught.value.clause == form.source


def test_the_smallest_legal_lists() -> None:
    """What a structure allows at its minimum is accepted."""
    assert read(ch.KEY_SHARE, b"\0\0") == ()
    assert read(ch.KEY_SHARE, b"\0\5\0\x1d\0\1x") == (KeyShareEntry(29, b"x"),)
    assert read(ch.SUPPORTED_VERSIONS, b"\2\3\4") == (0x0304,)
    assert len(read(ch.SUPPORTED_VERSIONS, b"\xfe" + bytes(254))) == 127
    assert read(ch.ALPN, b"\0\2\1a") == (b"a",)
    assert read(cr.OID_FILTERS, b"\0\0") == ()
    assert read(ch.SESSION_TICKET, b"") == b""
    assert read(ch.PADDING, b"") == 0
    assert len(read(ch.PRE_SHARED_KEY, b"\0\7\0\1i\0\0\0\0\0\x21\x20" + bytes(32)).identities) == 1


def name_list(*names: tuple[int, bytes]) -> bytes:
    """Return a ServerNameList."""
    listed = b"".join(bytes((kind,)) + len(name).to_bytes(2, "big") + name for kind, name in names)
    return len(listed).to_bytes(2, "big") + listed


@pytest.mark.parametrize(
    "name", [b"a\0b.example", b"\xc3\xbc.example", b"a b.example", b"a.example\n", b"\x7f", b"x" * 256]
)
def test_a_server_name_is_visible_ascii(name: bytes) -> None:
    """A host name is ASCII without NUL, spaces or controls, no longer than a name in DNS (RFC 6066 §3)."""
    with pytest.raises(IllegalParameter) as caught:
        read(ch.SERVER_NAME, name_list((0, name)))
    assert caught.value.clause == "RFC 6066 §3"


def test_a_server_name_list_has_one_host_name() -> None:
    """A ServerNameList has no two names of one type; names of unknown types are skipped (RFC 6066 §3)."""
    assert read(ch.SERVER_NAME, name_list((7, b"other"), (0, b"a.example"))) == "a.example"
    assert read(ch.SERVER_NAME, name_list((7, b"other"))) == ""
    assert read(ch.SERVER_NAME, name_list((0, b"x" * 255))) == "x" * 255
    with pytest.raises(IllegalParameter, match="two host names"):
        read(ch.SERVER_NAME, name_list((0, b"a.example"), (0, b"b.example")))


def test_a_server_chooses_exactly_one_protocol() -> None:
    """The server's ProtocolNameList must contain exactly one ProtocolName (RFC 7301 §3.1)."""
    for form in (ee.ALPN, sh12.ALPN):
        assert read(form, b"\0\3\2h2") == (b"h2",)
        with pytest.raises(DecodeError, match="exactly one protocol"):
            read(form, b"\0\6\2h2\2h3")


def test_there_is_one_binder_for_each_identity() -> None:
    """The binders are one for each identity, in the same order (RFC 9846 §4.3.11)."""
    body = ch.PRE_SHARED_KEY.write(PSKS._replace(binders=PSKS.binders[:1]))
    with pytest.raises(IllegalParameter) as caught:
        read(ch.PRE_SHARED_KEY, body)
    assert caught.value.clause == "RFC 9846 §4.3.11"
    assert caught.value.fields == {"identities": 2, "binders": 1}


def test_the_binders_end_the_extension() -> None:
    """Truncate cuts the binders list with its length off the end of the ClientHello (RFC 9846 §4.3.11.2)."""
    body = ch.PRE_SHARED_KEY.write(PSKS)
    assert PSKS.binders_length == 2 + 1 + 32 + 1 + 48
    assert body[-PSKS.binders_length :] == b"\0\x52\x20" + bytes(32) + b"\x30" + b"\x07" * 48


def test_an_oid_filter_has_each_oid_once() -> None:
    """Any given OID must not appear more than once in the filters list (RFC 9846 §4.3.5)."""
    with pytest.raises(IllegalParameter) as caught:
        read(cr.OID_FILTERS, b"\0\x0a\2\x55\x1d\0\0\2\x55\x1d\0\0")
    assert caught.value.clause == "RFC 9846 §4.3.5"


@pytest.mark.parametrize("form", [ch.RECORD_SIZE_LIMIT, ee.RECORD_SIZE_LIMIT, sh12.RECORD_SIZE_LIMIT])
def test_a_record_size_limit_is_64_or_more(form: ExtensionForm[int]) -> None:
    """A record_size_limit under 64 is an illegal_parameter (RFC 8449 §4)."""
    assert read(form, b"\0\x40") == 64
    assert read(form, b"\xff\xff") == 65535
    with pytest.raises(IllegalParameter) as caught:
        read(form, b"\0\x3f")
    assert caught.value.clause == "RFC 8449 §4"


@pytest.mark.parametrize("code", [0, 5, 255])
def test_max_fragment_length_has_four_values(code: int) -> None:
    """A max_fragment_length that is none of 1 to 4 is an illegal_parameter (RFC 6066 §4)."""
    assert [read(ch.MAX_FRAGMENT_LENGTH, bytes((good,))) for good in range(1, 5)] == [1, 2, 3, 4]
    with pytest.raises(IllegalParameter) as caught:
        read(ch.MAX_FRAGMENT_LENGTH, bytes((code,)))
    assert caught.value.clause == "RFC 6066 §4"


def test_padding_is_zeros() -> None:
    """The client must fill the padding extension completely with zero bytes (RFC 7685 §3)."""
    assert read(ch.PADDING, bytes(300)) == 300
    with pytest.raises(IllegalParameter) as caught:
        read(ch.PADDING, bytes(20) + b"\1")
    assert caught.value.clause == "RFC 7685 §3"


def test_a_status_request_of_another_type_is_kept() -> None:
    """A status_request of a type other than OCSP is none we understand, and no error."""
    assert read(ch.STATUS_REQUEST, b"\2anything") == StatusRequest(2, (), b"anything")
    assert ch.STATUS_REQUEST.write(StatusRequest(2, (), b"anything")) == b"\2anything"


def test_a_certificate_status_is_ocsp() -> None:
    """The status in a Certificate answers a request for OCSP and is of no other type (RFC 9846 §4.5.1.1)."""
    assert read(ct.STATUS_REQUEST, b"\1\0\0\1r") == b"r"
    with pytest.raises(IllegalParameter) as caught:
        read(ct.STATUS_REQUEST, b"\2\0\0\1r")
    assert caught.value.clause == "RFC 9846 §4.5.1.1"
