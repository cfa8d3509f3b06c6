"""The key schedule before TLS 1.3, against one made of the standard library alone."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lucidtls.crypto.hashes import MD5_SHA1, SHA256, SHA384
from lucidtls.crypto.suites12 import SUITES_12, CipherSuite12
from lucidtls.errors import BadFinished, PeerError
from lucidtls.handshake import schedule12
from lucidtls.handshake.exchange12 import METHODS, with_psk
from lucidtls.wire.versions import TLS10, TLS11, TLS12, VERSION_NAMES

PREMASTER = bytes(range(48))
CLIENT, SERVER = b"c" * 32, b"s" * 32


def p_hash(name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash of RFC 5246 §5."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, name)
        out += hmac.digest(secret, a + seed, name)
    return out[:length]


def prf(version: int, suite: CipherSuite12, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The PRF of a version: one hash, or MD5 and SHA-1 with half of the secret each (RFC 4346 §5)."""
    if version >= TLS12:
        return p_hash(suite.prf_hash.name.replace("_", ""), secret, label + seed, length)
    half = (len(secret) + 1) // 2
    left = p_hash("md5", secret[:half], label + seed, length)
    right = p_hash("sha1", secret[-half:], label + seed, length)
    return bytes(x ^ y for x, y in zip(left, right, strict=True))


VERSIONED = [
    (version, row) for row in SUITES_12.values() for version in (TLS10, TLS11, TLS12)
    if VERSION_NAMES[version] in row.versions
]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "row"), VERSIONED, ids=[f"{row.name}-{version:04x}" for version, row in VERSIONED]
)
def test_the_key_block_is_cut_as_the_rfc_says(version: int, row: CipherSuite12) -> None:
    """MAC keys, encryption keys, IVs, the client's first in each (RFC 5246 §6.3)."""
    algorithm = schedule12.prf_hash(version, row)
    secret = schedule12.main_secret(algorithm, PREMASTER, CLIENT, SERVER)
    assert secret == prf(version, row, PREMASTER, b"master secret", CLIENT + SERVER, 48)

    mac = row.mac.digest_size if row.mac is not None else 0
    key = {"3DES": 24, "RC4-": 16, "NULL": 0, "ChaC": 32}.get(row.cipher.name[:4], 0)
    key = key or (32 if "256" in row.cipher.name else 16 if "128" in row.cipher.name else 0)
    iv = {"aead": 12 if row.cipher.name.startswith("ChaCha") else 4, "stream": 0}.get(row.cipher.kind)
    if iv is None:
        iv = (8 if row.cipher.name.startswith("3DES") else 16) if version == TLS10 else 0
    expected = prf(version, row, secret, b"key expansion", SERVER + CLIENT, 2 * (mac + key + iv))

    block = schedule12.key_block(version, row, secret, CLIENT, SERVER)
    assert block.whole == expected
    sides = (block.client, block.server)
    pieces = [side.mac_key for side in sides] + [side.key for side in sides] + [side.iv for side in sides]
    assert b"".join(pieces) == expected
    assert [len(piece) for piece in pieces] == [mac, mac, key, key, iv, iv]


def test_the_extended_main_secret_takes_the_session_hash() -> None:
    """Label and seed are those of RFC 7627 §4."""
    row = next(row for row in SUITES_12.values() if row.prf_hash is SHA384)
    session_hash = hashlib.sha384(b"everything so far").digest()
    secret = schedule12.extended_main_secret(SHA384, PREMASTER, session_hash)
    assert secret == prf(TLS12, row, PREMASTER, b"extended master secret", session_hash, 48)


@pytest.mark.parametrize(
    ("version", "algorithm"), [(TLS12, SHA256), (TLS12, SHA384), (TLS11, MD5_SHA1), (TLS10, MD5_SHA1)]
)
def test_finished_has_twelve_bytes_and_the_sides_differ(version: int, algorithm: object) -> None:
    """verify_data is PRF(main secret, label, hash of the messages), 12 bytes (RFC 5246 §7.4.9)."""
    row = next(r for r in SUITES_12.values() if schedule12.prf_hash(version, r) is algorithm)
    digest = b"hash of the messages"
    for side in ("client", "server"):
        data = schedule12.verify_data(schedule12.prf_hash(version, row), PREMASTER, side, digest)
        assert data == prf(version, row, PREMASTER, side.encode() + b" finished", digest, 12)
    with pytest.raises(BadFinished):
        schedule12.check_verify_data(data, data[:-1] + bytes((data[-1] ^ 1,)))
    with pytest.raises(PeerError):
        schedule12.check_verify_data(data, data[:-1])
    schedule12.check_verify_data(data, bytes(data))


@pytest.mark.parametrize("length", [0, 1, 16, 300])
def test_a_pre_shared_key_stands_beside_the_other_secret(length: int) -> None:
    """Two vectors: the other secret, or as many zeros as the key is long, and the key (RFC 4279 §2)."""
    key, size = b"k" * length, length.to_bytes(2)
    assert with_psk(None, key) == size + bytes(length) + size + key
    assert with_psk(b"other", key) == b"\0\5other" + size + key


def test_every_key_exchange_has_a_method() -> None:
    """The suites name nine key exchanges, and each is one row."""
    assert {row.key_exchange for row in SUITES_12.values()} == set(METHODS)
    for row in SUITES_12.values():
        method = METHODS[row.key_exchange]
        assert method.certificate == (row.authentication in ("RSA", "ECDSA"))
        assert method.psk == ("PSK" in row.key_exchange)
        assert method.signed == (method.certificate and method.parameters is not None)
        assert method.encrypted == row.key_exchange.startswith("RSA")
