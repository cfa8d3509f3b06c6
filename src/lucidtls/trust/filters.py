"""Matching a certificate with the oid_filters of a CertificateRequest (RFC 9846 §4.3.5)."""

from __future__ import annotations

from lucidtls.trust import der
from lucidtls.trust.certificate import ParsedCertificate, Unreadable
from lucidtls.trust.facts import PARSE_ERRORS, oid_text

_KEY_USAGE = der.object_identifier("2.5.29.15")
_EXTENDED_KEY_USAGE = der.object_identifier("2.5.29.37")


def passes_filter(leaf: ParsedCertificate, oid: bytes, values: bytes) -> bool:
    """Tell whether a leaf has all the values asked for of one extension; true for extensions not known here.

    `oid` and `values` are DER. Values that cannot be read fit no certificate.
    """
    try:
        if oid == _KEY_USAGE:
            return _has_key_usages(leaf, values)
        if oid == _EXTENDED_KEY_USAGE:
            return _has_purposes(leaf, values)
    except (*PARSE_ERRORS, Unreadable):
        return False
    return True


def _has_key_usages(leaf: ParsedCertificate, values: bytes) -> bool:
    """All key usage bits asserted in the request are asserted in the certificate."""
    usage = leaf.facts.key_usage
    if usage is None:
        return False
    wanted, present = _bits(values), _bits(usage.public_bytes())
    return wanted & present == wanted


def _bits(data: bytes) -> int:
    """Read a BIT STRING of up to 16 bits, the first bit highest."""
    _, start, end = der.element(data, 0, len(data))
    return int.from_bytes(data[start + 1 : end].ljust(2, b"\0"), "big")


def _has_purposes(leaf: ParsedCertificate, values: bytes) -> bool:
    """All key purposes in the request are found in the certificate."""
    purposes = leaf.facts.extended_key_usage
    return purposes is not None and all(oid_text(body) in purposes for _, body in der.children(values))
