"""The pseudorandom function of TLS 1.2 (RFC 5246 §5) and that of TLS 1.0 and 1.1 (RFC 4346 §5)."""

from __future__ import annotations

from lucidtls.crypto.hashes import INNER_PAD, MD5, MD5_SHA1, OUTER_PAD, SHA1, HashAlgorithm


def prf(algorithm: HashAlgorithm, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """Make `length` bytes out of a secret, for the purpose that `label` says.

    `algorithm` is the suite's hash in TLS 1.2 and MD5_SHA1 before.
    """
    if algorithm is MD5_SHA1:
        return _prf_of_two_hashes(secret, label + seed, length)
    return _p_hash(algorithm, secret, label + seed, length)


def _prf_of_two_hashes(secret: bytes, seed: bytes, length: int) -> bytes:
    """XOR the outputs for the two halves of the secret (RFC 4346 §5).

    "if the length of S is odd, the last byte of S1 will be the same as the first byte of S2".
    """
    half = (len(secret) + 1) // 2
    first = _p_hash(MD5, secret[:half], seed, length)
    second = _p_hash(SHA1, secret[len(secret) - half :], seed, length)
    mixed = int.from_bytes(first, "big") ^ int.from_bytes(second, "big")
    return mixed.to_bytes(length, "big")


def _p_hash(algorithm: HashAlgorithm, secret: bytes, seed: bytes, length: int) -> bytes:
    """Expand a secret by HMACs of HMACs: P_hash (RFC 5246 §5).

    HMAC is written out so that the key is made into its two blocks once for all rounds.
    """
    new = algorithm.new
    if len(secret) > algorithm.block_size:
        secret = new(secret).digest()
    block = secret.ljust(algorithm.block_size, b"\0")
    inner, outer = block.translate(INNER_PAD), block.translate(OUTER_PAD)
    output = b""
    chained = seed
    while len(output) < length:
        chained = new(outer + new(inner + chained).digest()).digest()
        output += new(outer + new(inner + chained + seed).digest()).digest()
    return output[:length]
