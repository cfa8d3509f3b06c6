"""Values in certificates that no honest authority would write, and that must neither crash nor mislead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from lucidtls.errors import CertificateRejected, ConfigurationError
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY
from lucidtls.trust.certificate import Unreadable, _bounded, parse_certificate
from lucidtls.trust.credentials import Credential
from lucidtls.trust.names import DNSName, presents_dns
from lucidtls.trust.stores import load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.certificates import DAY, NOW, chain, make_ca, make_leaf

TLS_FEATURE = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24")


def unrecognized(oid: x509.ObjectIdentifier, value: bytes) -> x509.UnrecognizedExtension:
    """An extension as bytes."""
    return x509.UnrecognizedExtension(oid, value)


def test_a_feature_nobody_knows_is_no_crash() -> None:
    """pyca raises KeyError for a TLS feature it does not know; a peer can send any (RFC 7633 §4)."""
    root = make_ca("Root")
    leaf = make_leaf(root, extensions=[(unrecognized(TLS_FEATURE, b"\x30\x03\x02\x01\x01"), False)])
    request = VerificationRequest(chain=chain(leaf), at=NOW)
    with pytest.raises(CertificateRejected):
        ChainVerifier(load_trust(root.der)).verify(request)
    with pytest.raises(ConfigurationError):
        Credential.load(leaf.certificate, leaf.key)


def test_the_kelvin_sign_is_no_k() -> None:
    """Only ASCII letters are compared without regard to case (RFC 9525 §6.3)."""
    assert not presents_dns(DNSName("k.example.org"), ["\u212a.example.org"])
    assert presents_dns(DNSName("k.example.org"), ["K.example.org"])


def test_what_cannot_be_read_is_read_once() -> None:
    """A certificate that is looked at again and again costs its parsing once, readable or not."""
    root = make_ca("Root")
    leaf = make_leaf(root, extensions=[(unrecognized(TLS_FEATURE, b"\x30\x03\x02\x01\x01"), False)])
    parsed = parse_certificate(leaf.der)
    with pytest.raises(Unreadable) as first:
        _ = parsed.facts
    kept: Any = parsed._facts
    with pytest.raises(Unreadable) as second:
        _ = parsed.facts
    assert parsed._facts is kept
    assert str(first.value) == str(second.value)
    assert first.value is not second.value


@pytest.mark.parametrize("exponent", [2**64 + 1, 2**2000 + 1])
def test_huge_exponents_are_refused(exponent: int) -> None:
    """An RSA exponent has 17 bits; one of thousands makes each check cost milliseconds."""
    modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    with pytest.raises(Unreadable, match="exponent"):
        _bounded(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def test_no_acceptable_policy_is_not_any_policy() -> None:
    """An empty set of acceptable policies accepts no path (RFC 5280 §6.1.1)."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    policy = replace(
        DEFAULT_CERTIFICATE_POLICY, acceptable_policies=frozenset(), require_explicit_policy=True
    )
    with pytest.raises(CertificateRejected):
        ChainVerifier(load_trust(root.der), policy).verify(VerificationRequest(chain=chain(leaf), at=NOW))


@pytest.mark.parametrize("roots", [20, 21, 22, 23])
def test_the_bound_on_signature_checks_holds_to_the_last(roots: int) -> None:
    """However many look-alike authorities a peer sends, the search ends with a refusal."""
    second = make_ca("R", number=102)
    first = make_ca("R", second, number=101)
    others = [make_ca("R", number=100 + number) for number in range(3, roots + 1)]
    leaf = make_leaf(make_ca("I", first), not_before=NOW - 30 * DAY, not_after=NOW - DAY)
    sent = (*chain(leaf), second.der, *(other.der for other in others))
    with pytest.raises(CertificateRejected):
        ChainVerifier(load_trust(make_ca("Other anchor").der)).verify(
            VerificationRequest(chain=tuple(dict.fromkeys(sent)), at=NOW)
        )
