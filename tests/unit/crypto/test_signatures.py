"""Signature schemes: which keys they take, what they refuse, published vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, rsa, x25519

from lucidtls import alerts
from lucidtls.crypto import signatures
from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.keys import PrivateKey, PublicKey, RSAPSSPublicKey
from lucidtls.crypto.signatures import (
    SIGNATURE_SCHEMES,
    SignatureScheme,
    describe_key,
    key_kind_of,
    read_public_key,
    scheme_named,
    schemes_for_key,
)
from lucidtls.errors import BadSignature, CertificateRejected, ConfigurationError, IllegalParameter
from tests.unit.crypto.data import Json, vectors, wycheproof

CONTENT = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + bytes(32)
KEY_NAMES = ["rsa-1024", "rsa-2048", "secp256r1", "secp384r1", "secp521r1", "ed25519", "ed448"]
KEY_NAMES += ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"]


@cache
def private_key(name: str) -> PrivateKey:
    """Make one key of each kind for the whole run."""
    curves: dict[str, ec.EllipticCurve] = {
        "secp256r1": ec.SECP256R1(),
        "secp384r1": ec.SECP384R1(),
        "secp521r1": ec.SECP521R1(),
        "secp256k1": ec.SECP256K1(),
    }
    if name.startswith("rsa-"):
        return rsa.generate_private_key(65537, int(name[4:]))
    if name in curves:
        return ec.generate_private_key(curves[name])
    makers: dict[str, Callable[[], PrivateKey]] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ed448": ed448.Ed448PrivateKey.generate,
        "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
        "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
        "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
    }
    return makers[name]()


def public_key(name: str) -> PublicKey:
    """The public half of `private_key`."""
    return private_key(name).public_key()


def names(rows: tuple[SignatureScheme, ...]) -> list[str]:
    """The names of some schemes, in order."""
    return [row.name for row in rows]


def test_codes() -> None:
    """Signature schemes have the codes of RFC 9846 §4.3.3, RFC 9963 §3 and the IANA registry."""
    assert {code: row.name for code, row in SIGNATURE_SCHEMES.items()} == {
        0x0201: "rsa_pkcs1_sha1",
        0x0203: "ecdsa_sha1",
        0x0401: "rsa_pkcs1_sha256",
        0x0403: "ecdsa_secp256r1_sha256",
        0x0420: "rsa_pkcs1_sha256_legacy",
        0x0501: "rsa_pkcs1_sha384",
        0x0503: "ecdsa_secp384r1_sha384",
        0x0520: "rsa_pkcs1_sha384_legacy",
        0x0601: "rsa_pkcs1_sha512",
        0x0603: "ecdsa_secp521r1_sha512",
        0x0620: "rsa_pkcs1_sha512_legacy",
        0x0804: "rsa_pss_rsae_sha256",
        0x0805: "rsa_pss_rsae_sha384",
        0x0806: "rsa_pss_rsae_sha512",
        0x0807: "ed25519",
        0x0808: "ed448",
        0x0809: "rsa_pss_pss_sha256",
        0x080A: "rsa_pss_pss_sha384",
        0x080B: "rsa_pss_pss_sha512",
        0x0904: "mldsa44",
        0x0905: "mldsa65",
        0x0906: "mldsa87",
    }


def test_where_schemes_are_allowed() -> None:
    """PKCS#1 v1.5 signs certificates only and never CertificateVerify; SHA-1 neither, unless asked for."""
    for row in SIGNATURE_SCHEMES.values():
        old = row.name.endswith("_sha1") or row.name.endswith("_legacy")
        assert row.tls13 == (not row.name.startswith("rsa_pkcs1") and not old), row.name
        assert row.certificates == (not old), row.name
        assert row.available()


EXPECTED = {
    "rsa-1024": ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384"],
    "rsa-2048": ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"],
    "secp256r1": ["ecdsa_secp256r1_sha256"],
    "secp384r1": ["ecdsa_secp384r1_sha384"],
    "secp521r1": ["ecdsa_secp521r1_sha512"],
    "secp256k1": [],
    "ed25519": ["ed25519"],
    "ed448": ["ed448"],
    "ml-dsa-44": ["mldsa44"],
    "ml-dsa-65": ["mldsa65"],
    "ml-dsa-87": ["mldsa87"],
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_each_key_has_its_schemes_in_tls13(name: str, expected: list[str]) -> None:
    """In TLS 1.3 a key signs with the schemes of its own kind, curve and size, strongest need last."""
    rows = schemes_for_key(public_key(name))
    assert [row.name for row in rows if row.tls13] == expected
    assert [row.tls13 for row in rows] == sorted((row.tls13 for row in rows), reverse=True)


@pytest.mark.parametrize("name", [*KEY_NAMES, "secp256k1"])
def test_sign_and_verify(name: str) -> None:
    """A signature verifies over what was signed, and over nothing else."""
    key, public = private_key(name), public_key(name)
    for row in schemes_for_key(public):
        signature = row.sign(key, CONTENT)
        row.verify(public, signature, CONTENT)
        wrong = [
            (signature, CONTENT + b"\0"),
            (signature[:-1] + bytes([signature[-1] ^ 1]), CONTENT),
            (signature[:-1], CONTENT),
            (signature + b"\0", CONTENT),
            (b"", CONTENT),
        ]
        for bad_signature, content in wrong:
            with pytest.raises(BadSignature) as caught:
                row.verify(public, bad_signature, content)
            assert caught.value.alert is alerts.DECRYPT_ERROR
            assert caught.value.clause == "RFC 9846 §4.5.2"


@pytest.mark.parametrize("name", [*KEY_NAMES, "secp256k1"])
def test_keys_of_another_kind_do_not_fit(name: str) -> None:
    """A signature algorithm must be compatible with the key in the certificate (RFC 9846 §4.5.2)."""
    public = public_key(name)
    for row in set(SIGNATURE_SCHEMES.values()) - set(schemes_for_key(public)):
        with pytest.raises(IllegalParameter) as caught:
            row.verify(public, bytes(64), CONTENT)
        assert caught.value.fields == {"scheme": row.name, "key": describe_key(public)}
        if not row.name.startswith("rsa_pss_pss") or not name.startswith("rsa"):
            with pytest.raises(ConfigurationError, match="cannot sign with"):
                row.sign(private_key(name), CONTENT)


def test_ecdsa_is_bound_to_its_curve() -> None:
    """In TLS 1.3 ecdsa_secp256r1_sha256 means P-256: a P-384 key does not verify under it."""
    p384 = private_key("secp384r1")
    assert isinstance(p384, ec.EllipticCurvePrivateKey)
    signature = p384.sign(CONTENT, *scheme_named("ecdsa_secp256r1_sha256").parameters)
    with pytest.raises(IllegalParameter):
        scheme_named("ecdsa_secp256r1_sha256").verify(p384.public_key(), signature, CONTENT)


@pytest.mark.parametrize(("scheme", "bits"), [("sha256", 522), ("sha384", 778), ("sha512", 1034)])
def test_smallest_modulus_for_pss(scheme: str, bits: int) -> None:
    """A PSS signature needs a modulus of two digests, two bytes and two bits (RFC 8017 §9.1.1)."""
    row = scheme_named(f"rsa_pss_rsae_{scheme}")
    assert row.minimum_rsa_bits == bits
    enough = rsa.generate_private_key(65537, max(bits, 1024))
    row.verify(enough.public_key(), row.sign(enough, CONTENT), CONTENT)
    if bits > 1024:
        small = rsa.generate_private_key(65537, bits - 1)
        assert not row.fits(small.public_key())
        with pytest.raises(ValueError, match=r"[Dd]igest|key|size"):
            small.sign(CONTENT, *row.parameters)


def test_salt_is_as_long_as_the_digest() -> None:
    """A PSS salt of any length but the digest's is refused (RFC 9846 §4.3.3)."""
    for name in ("rsa_pss_2048_sha256_mgf1_0", "rsa_pss_2048_sha256_mgf1sha1_20"):
        for case in wycheproof(name):
            key = read_public_key(case["publicKeyDer"])
            with pytest.raises(BadSignature):
                scheme_named("rsa_pss_rsae_sha256").verify(key, case["sig"], case["msg"])


PSS_KEYS = vectors("openssl_rsa_pss")["keys"]


@pytest.mark.parametrize("row", PSS_KEYS[:3], ids=lambda row: str(row["parameters"]))
def test_pss_keys_are_told_apart(row: Json) -> None:
    """A key marked id-RSASSA-PSS takes rsa_pss_pss schemes and no others (RFC 9846 §4.3.3)."""
    key = read_public_key(bytes.fromhex(row["spki"]))
    assert isinstance(key, RSAPSSPublicKey)
    assert key_kind_of(key) == "rsa_pss"
    assert describe_key(key) == "rsa_pss 1024 bits"
    signature, content = bytes.fromhex(row["signature"]), b"lucidtls"
    scheme_named(f"rsa_pss_pss_{row['hash']}").verify(key, signature, content)
    with pytest.raises(BadSignature):
        scheme_named(f"rsa_pss_pss_{row['hash']}").verify(key, signature, b"Lucidtls")
    for name in (f"rsa_pss_rsae_{row['hash']}", f"rsa_pkcs1_{row['hash']}"):
        with pytest.raises(IllegalParameter):
            scheme_named(name).verify(key, signature, content)
    # The same modulus without the mark takes the other schemes.
    scheme_named(f"rsa_pss_rsae_{row['hash']}").verify(key.key, signature, content)
    with pytest.raises(IllegalParameter):
        scheme_named(f"rsa_pss_pss_{row['hash']}").verify(key.key, signature, content)


def test_parameters_of_pss_keys_are_obeyed() -> None:
    """A PSS key bound to a hash and a salt signs with no other hash and no shorter salt (RFC 4055 §3.1)."""
    expected = [
        ["rsa_pss_pss_sha256", "rsa_pss_pss_sha384"],  # no parameters; too small for SHA-512
        ["rsa_pss_pss_sha256"],
        ["rsa_pss_pss_sha384"],
        [],  # SHA-1
        [],  # a salt of 48 bytes or more, and SHA-256's has 32
    ]
    for row, wanted in zip(PSS_KEYS, expected, strict=False):
        key = read_public_key(bytes.fromhex(row["spki"]))
        assert names(schemes_for_key(key)) == wanted, row["parameters"]
    with pytest.raises(CertificateRejected):
        read_public_key(bytes.fromhex(PSS_KEYS[5]["spki"]))


def test_a_private_rsa_key_signs_for_either_mark() -> None:
    """Whether an RSA key is marked id-RSASSA-PSS is in its certificate, not in the arithmetic."""
    key = private_key("rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    row = scheme_named("rsa_pss_pss_sha512")
    row.verify(RSAPSSPublicKey(key.public_key()), row.sign(key, CONTENT), CONTENT)


ECDSA_AND_EDDSA = {
    "ecdsa_secp256r1_sha256": "ecdsa_secp256r1_sha256",
    "ecdsa_secp384r1_sha384": "ecdsa_secp384r1_sha384",
    "ecdsa_secp521r1_sha512": "ecdsa_secp521r1_sha512",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "rsa_pss_2048_sha256_mgf1_32": "rsa_pss_rsae_sha256",
    "rsa_pss_2048_sha384_mgf1_48": "rsa_pss_rsae_sha384",
    "rsa_pss_4096_sha512_mgf1_64": "rsa_pss_rsae_sha512",
    "rsa_signature_2048_sha256": "rsa_pkcs1_sha256",
    "mldsa_44_verify": "mldsa44",
    "mldsa_65_verify": "mldsa65",
    "mldsa_87_verify": "mldsa87",
}


@pytest.mark.parametrize(("file", "scheme"), ECDSA_AND_EDDSA.items())
def test_wycheproof(file: str, scheme: str) -> None:
    """Signatures that are malleable, wrongly encoded, out of range or forged in known ways are refused."""
    results: dict[str, int] = {"valid": 0, "invalid": 0, "acceptable": 0}
    for case in wycheproof(file):
        # TLS signs with ML-DSA's empty context, so a signature made under another one is not valid here.
        good = case["result"] == "valid" and not case.get("ctx")
        try:
            key = read_public_key(case["publicKeyDer"])
            scheme_named(scheme).verify(key, case["sig"], case["msg"])
        except (BadSignature, CertificateRejected):
            assert not good, case["tcId"]
        else:
            assert good, case["tcId"]
        results[case["result"]] += 1
    assert results["valid"] >= 2, results
    assert results["invalid"] >= 2, results


def test_scheme_named() -> None:
    """A scheme is found by its registered name and by its code."""
    assert scheme_named("ed25519") is scheme_named(0x0807)
    for wrong in ("rsa", 0x0402):
        with pytest.raises(ConfigurationError, match="no signature scheme is called"):
            scheme_named(wrong)


def test_names_for_people() -> None:
    """A key is described by its kind and its size or curve."""
    assert describe_key(private_key("rsa-2048")) == "rsa 2048 bits"
    assert describe_key(public_key("secp384r1")) == "ec secp384r1"
    assert describe_key(public_key("ed448")) == "ed448"
    assert key_kind_of(x25519.X25519PrivateKey.generate()) == "other"
    assert key_kind_of(dsa.DSAParameterNumbers(23, 11, 4)) == "other"


def test_what_the_library_lacks_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """ML-DSA is offered only where a key for it can be made; older OpenSSL has none."""

    def missing(seed: bytes) -> object:
        raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setitem(signatures._MLDSA_KEYS, "ml-dsa-99", missing)
    assert not replace(scheme_named("mldsa44"), key_kind="ml-dsa-99").available()


def test_a_scheme_says_what_it_is_made_of() -> None:
    """A scheme's row names its hash and curve and shows no objects of the library beneath."""
    row = scheme_named("ecdsa_secp256r1_sha256")
    assert (row.hash, row.curve, row.key_kind) == (SHA256, "secp256r1", "ec")
    assert "object at" not in repr(row)
