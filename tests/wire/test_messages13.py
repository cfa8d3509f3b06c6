"""The bounds of the messages of TLS 1.3 that are no hellos."""

from __future__ import annotations

import pytest

from lucidtls.errors import DecodeError, IllegalParameter
from lucidtls.wire.codec import decode
from lucidtls.wire.extensions import Extensions
from lucidtls.wire.messages13 import (
    MAX_CERTIFICATES,
    Certificate,
    CertificateEntry,
    CertificateRequest,
    EncryptedExtensions,
    KeyUpdate,
    NewSessionTicket,
)


def test_a_certificate_request_may_have_no_extensions() -> None:
    """RFC 9846 §1.2 corrects the lower bound of CertificateRequest.extensions to 0 bytes."""
    assert decode(CertificateRequest, b"\0\0\0").extensions.raw == {}


def test_a_certificate_has_at_least_one_byte() -> None:
    """cert_data<1..2^24-1> (RFC 9846 §4.5.1)."""
    with pytest.raises(DecodeError, match="cert_data is 0 bytes long, not 1 to 16777215") as caught:
        decode(Certificate, b"\0\0\0\5" + b"\0\0\0" + b"\0\0")
    assert caught.value.clause == "RFC 9846 §4.5.1"


def test_the_number_of_certificates_is_bounded() -> None:
    """A chain may have surplus certificates, but not without end."""
    entry = CertificateEntry(b"c", Extensions("Certificate"))
    longest = Certificate(b"", (entry,) * MAX_CERTIFICATES)
    assert decode(Certificate, longest.body()) == longest
    with pytest.raises(DecodeError, match="more than 100 certificates"):
        decode(Certificate, Certificate(b"", (entry,) * (MAX_CERTIFICATES + 1)).body())


def test_extensions_belong_to_one_certificate() -> None:
    """Each certificate of a chain has its own extensions: the same may come with each (RFC 9846 §4.5.1)."""
    entry = CertificateEntry(b"c", Extensions.build("Certificate", [(5, b"\1\0\0\1r")]))
    decoded = decode(Certificate, Certificate(b"", (entry, entry)).body())
    assert [5 in each.extensions for each in decoded.entries] == [True, True]


def test_a_ticket_has_at_least_one_byte() -> None:
    """ticket<1..2^16-1>, while the nonce may be empty (RFC 9846 §4.7.1)."""
    assert decode(NewSessionTicket, bytes(8) + b"\0" + b"\0\1t" + b"\0\0").ticket == b"t"
    with pytest.raises(DecodeError, match="ticket is 0 bytes long, not 1 to 65535") as caught:
        decode(NewSessionTicket, bytes(8) + b"\0" + b"\0\0" + b"\0\0")
    assert caught.value.clause == "RFC 9846 §4.7.1"


@pytest.mark.parametrize("value", [2, 3, 255])
def test_a_key_update_is_requested_or_not(value: int) -> None:
    """KeyUpdate.request_update is 0 or 1, and any other value an illegal_parameter (RFC 9846 §4.7.3)."""
    with pytest.raises(IllegalParameter) as caught:
        decode(KeyUpdate, bytes((value,)))
    assert caught.value.clause == "RFC 9846 §4.7.3"


def test_encrypted_extensions_are_never_without_their_length() -> None:
    """Only the hellos may leave the block of extensions out: EncryptedExtensions has at least its length."""
    with pytest.raises(DecodeError, match=r"EncryptedExtensions\.extensions is cut short"):
        decode(EncryptedExtensions, b"")
