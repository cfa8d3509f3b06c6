"""Reading ML-DSA private keys that hold their seed and their expanded form (RFC 9881)."""

from __future__ import annotations

from base64 import encodebytes

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lucidtls.trust import der
from lucidtls.trust.mldsa_keys import read_mldsa_key

SEED = bytes(range(32))
ALGORITHM = der.encode(der.SEQUENCE, der.object_identifier("2.16.840.1.101.3.4.3.18"))
OCTET_STRING = 4
EXPANDED_LENGTH = 4032


def pkcs8(private_key: bytes, algorithm: bytes = ALGORITHM) -> bytes:
    """A OneAsymmetricKey around a private key."""
    body = der.encode(OCTET_STRING, private_key)
    return der.encode(der.SEQUENCE, b"\x02\x01\x00", algorithm, body)


def both(seed: bytes = SEED) -> bytes:
    """The form with seed and expanded key; what the expanded key is does not matter here."""
    expanded = der.encode(OCTET_STRING, bytes(EXPANDED_LENGTH))
    return pkcs8(der.encode(der.SEQUENCE, der.encode(OCTET_STRING, seed), expanded))


def pem(data: bytes) -> bytes:
    """The same as PEM."""
    return b"-----BEGIN PRIVATE KEY-----\n" + encodebytes(data) + b"-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("data", [both(), pem(both())], ids=["der", "pem"])
def test_the_seed_beside_an_expanded_key_is_the_key(data: bytes) -> None:
    """OpenSSL writes an ML-DSA key as its seed and its expanded form; the seed alone determines it."""
    key = read_mldsa_key(data)
    assert key is not None
    expected = mldsa.MLDSA65PrivateKey.from_seed_bytes(SEED)
    assert key.public_key() == expected.public_key()
    format_ = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert key.private_bytes(*format_) == expected.private_bytes(*format_)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"\x30\x80",
        both()[:-1],
        both(SEED[:-1]),
        pkcs8(SEED),
        pkcs8(der.encode(OCTET_STRING, bytes(EXPANDED_LENGTH))),
        both().replace(b"\x04\x03\x12", b"\x04\x03\x20"),
        b"-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----",
    ],
)
def test_everything_else_is_left_to_others(data: bytes) -> None:
    """Keys of other kinds and forms, and what is no key at all, are not guessed at."""
    assert read_mldsa_key(data) is None
