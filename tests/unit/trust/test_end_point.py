"""The hash that stands for a certificate in tls-server-end-point (RFC 5929 §4)."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm

from lucidtls.trust.end_point import end_point_hash
from tests.certificates import make_ca, make_leaf


@pytest.mark.parametrize(("algorithm", "used"), [(SHA256(), "sha256"), (SHA384(), "sha384")])
def test_the_hash_is_that_of_the_signature(algorithm: HashAlgorithm, used: str) -> None:
    """The certificate is hashed with the hash of its own signature (RFC 5929 §4.1)."""
    issued = make_leaf(make_ca("Hashing Root"), hash=algorithm)
    assert end_point_hash(issued.der) == hashlib.new(used, issued.der).digest()


@pytest.mark.parametrize("last", [4, 5])
def test_weak_hashes_are_replaced(last: int) -> None:
    """SHA-256 takes the place of MD5 and SHA-1, which the binding never uses (RFC 5929 §4.1)."""
    issued = make_leaf(make_ca("RSA Root", key="rsa2048"))
    rsa_with = bytes.fromhex("2a864886f70d0101")  # sha256WithRSAEncryption is 11 there, MD5 is 4, SHA-1 is 5
    data = issued.der.replace(rsa_with + bytes((11,)), rsa_with + bytes((last,)))
    assert data != issued.der
    assert end_point_hash(data) == hashlib.sha256(data).digest()


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_a_signature_without_a_hash(kind: str) -> None:
    """A certificate whose signature names no hash has no such binding (RFC 5929 §4.1)."""
    issued = make_leaf(make_ca(f"{kind} Root", key=kind))
    assert end_point_hash(issued.der) is None


def test_what_is_no_certificate() -> None:
    """Bytes that cannot be read as a certificate have no such hash."""
    assert end_point_hash(b"certificate") is None
