"""HKDF (RFC 5869) and HKDF-Expand-Label of TLS 1.3 (RFC 9846 §7.1)."""

from __future__ import annotations

from functools import lru_cache

from lucidtls.crypto.hashes import HashAlgorithm

MAX_BLOCKS = 255
"""HKDF-Expand counts its blocks in one byte (RFC 5869 §2.3)."""


def hkdf_extract(hash_algorithm: HashAlgorithm, salt: bytes, ikm: bytes) -> bytes:
    """Concentrate input keying material into a pseudorandom key of digest size (RFC 5869 §2.2).

    An empty salt counts as digest-size zero bytes, as HMAC pads its key with zeros anyway.
    """
    return hash_algorithm.hmac(salt, ikm)


def hkdf_expand(hash_algorithm: HashAlgorithm, prk: bytes, info: bytes, length: int) -> bytes:
    """Stretch a pseudorandom key to `length` bytes (RFC 5869 §2.3).

    Raises ValueError over 255 digests: lengths are the caller's, never the peer's.
    """
    if length <= hash_algorithm.digest_size:
        return hash_algorithm.hmac(prk, info + b"\x01")[:length]
    count = -(-length // hash_algorithm.digest_size)
    if count > MAX_BLOCKS:
        raise ValueError(f"HKDF-{hash_algorithm.name} cannot make {length} bytes")
    block, output = b"", b""
    for number in range(1, count + 1):
        block = hash_algorithm.hmac(prk, block + info + bytes((number,)))
        output += block
    return output[:length]


@lru_cache(maxsize=128)
def _label_prefix(label: str, context_length: int, length: int) -> bytes:
    """Encode an HkdfLabel as far as its context's bytes. Labels are few and public, so results are kept."""
    full = b"tls13 " + label.encode("ascii")
    if not 7 <= len(full) <= 255 or context_length > 255:
        raise ValueError("HKDF-Expand-Label takes a label of 1 to 249 bytes and a context of up to 255")
    return b"%b%b%b%b" % (length.to_bytes(2, "big"), bytes((len(full),)), full, bytes((context_length,)))


def hkdf_expand_label(
    hash_algorithm: HashAlgorithm, secret: bytes, label: str, context: bytes, length: int
) -> bytes:
    """Derive `length` bytes for one purpose from a secret (RFC 9846 §7.1).

    `label` is 1 to 249 ASCII characters, without the "tls13 " in front; `context` has at most 255 bytes.
    Raises ValueError outside of these: both are the caller's, never the peer's.
    """
    info = _label_prefix(label, len(context), length) + context
    if length <= hash_algorithm.digest_size:
        return hash_algorithm.hmac(secret, info + b"\x01")[:length]
    return hkdf_expand(hash_algorithm, secret, info, length)
