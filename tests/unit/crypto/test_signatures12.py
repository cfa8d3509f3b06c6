"""Signatures of TLS 1.2 and before, where ECDSA is bound to no curve and RSA once signed two bare digests."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa

from lucidtls.crypto.keys import PrivateKey, PublicKey, RSAPSSPublicKey
from lucidtls.crypto.signatures import (
    RSA_MD5_SHA1,
    SIGNATURE_SCHEMES,
    SIGNATURE_SCHEMES_10,
    SignatureScheme,
    scheme_named,
    scheme_row,
    schemes12_for_key,
)
from lucidtls.errors import BadSignature, ConfigurationError, IllegalParameter

CONTENT = bytes(64) + b"\3\0\x17\x41" + bytes(65)
CURVES: dict[str, ec.EllipticCurve] = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}


@cache
def private_key(name: str) -> PrivateKey:
    """Make one key of each kind for the whole run."""
    if name in CURVES:
        return ec.generate_private_key(CURVES[name])
    if name == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if name == "ed448":
        return ed448.Ed448PrivateKey.generate()
    if name == "ml-dsa-44":
        return mldsa.MLDSA44PrivateKey.generate()
    return rsa.generate_private_key(65537, int(name.removeprefix("rsa-")))


def rsa_key() -> rsa.RSAPrivateKey:
    """The 2048-bit RSA key of this run."""
    key = private_key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_key(name: str) -> PublicKey:
    """The public half of `private_key`; "rsa_pss" is marked id-RSASSA-PSS."""
    return RSAPSSPublicKey(rsa_key().public_key()) if name == "rsa_pss" else private_key(name).public_key()


def test_schemes_of_tls12() -> None:
    """TLS 1.2 has PKCS#1 v1.5, PSS, ECDSA and EdDSA, and nothing that was made for TLS 1.3 alone."""
    assert {row.name for row in SIGNATURE_SCHEMES.values() if row.tls12} == {
        "rsa_pkcs1_sha1",
        "rsa_pkcs1_sha256",
        "rsa_pkcs1_sha384",
        "rsa_pkcs1_sha512",
        "ecdsa_sha1",
        "ecdsa_secp256r1_sha256",
        "ecdsa_secp384r1_sha384",
        "ecdsa_secp521r1_sha512",
        "rsa_pss_rsae_sha256",
        "rsa_pss_rsae_sha384",
        "rsa_pss_rsae_sha512",
        "rsa_pss_pss_sha256",
        "rsa_pss_pss_sha384",
        "rsa_pss_pss_sha512",
        "ed25519",
        "ed448",
    }


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("scheme", ["ecdsa_secp256r1_sha256", "ecdsa_secp521r1_sha512", "ecdsa_sha1"])
def test_ecdsa_with_any_hash_on_any_curve(curve: str, scheme: str) -> None:
    """In TLS 1.2 an ECDSA scheme names its hash alone (RFC 9846 §4.3.3), in TLS 1.3 its curve too."""
    row, key = scheme_named(scheme), private_key(curve)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = row.sign12(key, CONTENT)
    row.verify12(key.public_key(), signature, CONTENT)
    by_hash = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}
    key.public_key().verify(signature, CONTENT, ec.ECDSA(by_hash[scheme.rpartition("_")[2]]))
    assert row.fits12(key)
    assert row.fits(key) == (row.curve in (None, curve))
    if not row.fits(key):
        with pytest.raises(IllegalParameter):
            row.verify(key.public_key(), signature, CONTENT)
        with pytest.raises(ConfigurationError):
            row.sign(key, CONTENT)


@pytest.mark.parametrize("name", ["rsa-2048", "secp384r1", "ed25519", "ed448"])
def test_a_wrong_signature_is_refused(name: str) -> None:
    """A signature verifies over what was signed, and the refusal names the message that carried it."""
    key, public = private_key(name), public_key(name)
    for row in schemes12_for_key(public):
        signature = row.sign12(key, CONTENT)
        row.verify12(public, signature, CONTENT)
        for bad, content in ((signature, CONTENT[1:]), (signature[:-1], CONTENT), (b"", CONTENT)):
            with pytest.raises(BadSignature) as caught:
                row.verify12(public, bad, content)
            assert caught.value.clause == "RFC 5246 §7.4.3"
            with pytest.raises(BadSignature) as caught:
                row.verify12(public, bad, content, "RFC 5246 §7.4.8")
            assert caught.value.clause == "RFC 5246 §7.4.8"


@pytest.mark.parametrize("name", ["rsa-2048", "rsa_pss", "secp256r1", "ed25519", "ml-dsa-44"])
def test_a_key_of_another_kind_is_refused(name: str) -> None:
    """The scheme must suit the certificate's key, whatever curve that is on (RFC 5246 §7.4.3)."""
    public = public_key(name)
    for row in [*SIGNATURE_SCHEMES.values(), RSA_MD5_SHA1]:
        if not row.fits12(public):
            with pytest.raises(IllegalParameter) as caught:
                row.verify12(public, bytes(64), CONTENT, "RFC 5246 §7.4.8")
            assert caught.value.clause == "RFC 5246 §7.4.8"
    if name != "secp256r1":
        with pytest.raises(ConfigurationError, match="cannot sign with"):
            scheme_named("ecdsa_sha1").sign12(private_key(name.replace("rsa_pss", "rsa-2048")), CONTENT)


ORDERS = {
    "rsa-2048": "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 "
    "rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 rsa_pkcs1_sha1",
    "rsa-1024": "rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 "
    "rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 rsa_pkcs1_sha1",
    "rsa_pss": "rsa_pss_pss_sha256 rsa_pss_pss_sha384 rsa_pss_pss_sha512",
    "secp256r1": "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512 ecdsa_sha1",
    "secp384r1": "ecdsa_secp384r1_sha384 ecdsa_secp256r1_sha256 ecdsa_secp521r1_sha512 ecdsa_sha1",
    "secp521r1": "ecdsa_secp521r1_sha512 ecdsa_secp384r1_sha384 ecdsa_secp256r1_sha256 ecdsa_sha1",
    "secp256k1": "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512 ecdsa_sha1",
    "brainpoolP512r1": "ecdsa_secp521r1_sha512 ecdsa_secp384r1_sha384 ecdsa_secp256r1_sha256 ecdsa_sha1",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "ml-dsa-44": "",
}


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_order_of_preference(name: str, order: str) -> None:
    """A key signs with PSS before PKCS#1 v1.5, with the hash that suits its curve, and with SHA-1 last."""
    assert [row.name for row in schemes12_for_key(public_key(name))] == order.split()


def test_rsa_signs_md5_and_sha1_without_digest_info() -> None:
    """RSA in TLS 1.1 signs a 36-byte structure of two hashes in a block of type 1 (RFC 4346 §4.7)."""
    key = rsa_key()
    signature = RSA_MD5_SHA1.sign12(key, CONTENT)
    RSA_MD5_SHA1.verify12(key.public_key(), signature, CONTENT)
    numbers = key.public_key().public_numbers()
    block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    digests = hashlib.md5(CONTENT).digest() + hashlib.sha1(CONTENT).digest()
    assert block == b"\0\1" + b"\xff" * (256 - 3 - 36) + b"\0" + digests


def test_half_a_digest_is_not_enough() -> None:
    """Neither hash alone, nor one with a DigestInfo, verifies as the signature of TLS 1.1."""
    key = rsa_key()
    for algorithm in (hashes.MD5(), hashes.SHA1()):
        signature = key.sign(CONTENT, padding.PKCS1v15(), algorithm)
        with pytest.raises(BadSignature):
            RSA_MD5_SHA1.verify12(key.public_key(), signature, CONTENT)
    signature = RSA_MD5_SHA1.sign12(key, CONTENT)
    with pytest.raises(BadSignature):
        scheme_named("rsa_pkcs1_sha1").verify12(key.public_key(), signature, CONTENT)


def test_schemes_of_tls10() -> None:
    """Before TLS 1.2 the kind of key alone says how it signs (RFC 4346 §7.4.3, RFC 8422 §5.4)."""
    assert SIGNATURE_SCHEMES_10.keys() == {"rsa", "ec"}
    assert SIGNATURE_SCHEMES_10["rsa"] is RSA_MD5_SHA1
    assert SIGNATURE_SCHEMES_10["ec"] is scheme_named("ecdsa_sha1")
    key = private_key("secp384r1")
    signature = SIGNATURE_SCHEMES_10["ec"].sign12(key, CONTENT)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    key.public_key().verify(signature, CONTENT, ec.ECDSA(hashes.SHA1()))


def test_the_private_code_is_ours_alone() -> None:
    """The scheme of TLS 1.0 has a private-use code that no table of offers or peers' codes knows."""
    row: SignatureScheme = RSA_MD5_SHA1
    assert row.code == 0xFF01
    assert row.code not in SIGNATURE_SCHEMES
    assert (row.tls13, row.tls12, row.certificates) == (False, False, False)
    assert row.minimum_rsa_bits == 8 * (36 + 11)
    assert scheme_row(0xFF01) is row
    assert scheme_row(0x0804) is scheme_named("rsa_pss_rsae_sha256")
    for lookup in (0xFF01, "rsa_pkcs1_md5_sha1"):
        with pytest.raises(ConfigurationError):
            scheme_named(lookup)
    with pytest.raises(ConfigurationError, match="no signature scheme"):
        scheme_row(0x0101)
