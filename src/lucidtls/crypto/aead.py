"""Authenticated encryption with associated data: the algorithms that protect TLS 1.3 records.

A key object is pyca's own: immutable, shareable between threads, with its key schedule done once.
Its `decrypt_into` leaves unauthenticated plaintext in the buffer when the tag is wrong, so whoever calls it
wipes the buffer before letting `InvalidTag` out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag as InvalidTag
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

Buffer = bytes | bytearray | memoryview


class AEADKey(Protocol):
    """A key ready for use. Buffers given to the `_into` forms are exactly as long as the output."""

    def encrypt(self, nonce: Buffer, data: Buffer, aad: Buffer | None, /) -> bytes:
        """Return the ciphertext followed by the tag."""
        ...

    def decrypt(self, nonce: Buffer, data: Buffer, aad: Buffer | None, /) -> bytes:
        """Return the plaintext; InvalidTag when anything was altered."""
        ...

    def encrypt_into(self, nonce: Buffer, data: Buffer, aad: Buffer | None, buf: Buffer, /) -> int:
        """Encrypt into `buf` and return the number of bytes written."""
        ...

    def decrypt_into(self, nonce: Buffer, data: Buffer, aad: Buffer | None, buf: Buffer, /) -> int:
        """Decrypt into `buf` and return the number of bytes written; on InvalidTag wipe `buf`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AEADAlgorithm:
    """One AEAD; lengths in bytes.

    `record_limit` is how many full-size records one key may protect; `limit_source` says who counted.
    """

    name: str
    key_length: int
    tag_length: int
    new: Callable[[bytes], AEADKey] = field(repr=False)
    record_limit: int
    source: str
    limit_source: str
    nonce_length: int = 12

    def available(self) -> bool:
        """Tell whether the cryptography library here can do it; asked once per process."""
        return _can_make_key(self)


@cache
def _can_make_key(algorithm: AEADAlgorithm) -> bool:
    try:
        algorithm.new(bytes(algorithm.key_length))
    except UnsupportedAlgorithm:
        return False
    return True


def _aes_ccm_8(key: bytes) -> AEADKey:
    return AESCCM(key, tag_length=8)


# 2^24.5 full-size records for AES-GCM (RFC 9846 §5.5). AES-CCM has no figure there; DTLS 1.3 works it out
# for the same record size. The tag's length plays no part in confidentiality, and a forged record ends a TLS
# connection, so CCM_8 shares the figure.
_GCM_RECORD_LIMIT: Final = 23_726_566
_CCM_RECORD_LIMIT: Final = 2**23
# ChaCha20-Poly1305: the 64-bit sequence number ends first.
_SEQUENCE_NUMBERS: Final = 2**64 - 1

AES_128_GCM = AEADAlgorithm(
    "AES-128-GCM", 16, 16, AESGCM, _GCM_RECORD_LIMIT, "RFC 5116 §5.1", "RFC 9846 §5.5"
)
AES_256_GCM = AEADAlgorithm(
    "AES-256-GCM", 32, 16, AESGCM, _GCM_RECORD_LIMIT, "RFC 5116 §5.2", "RFC 9846 §5.5"
)
CHACHA20_POLY1305 = AEADAlgorithm(
    "ChaCha20-Poly1305", 32, 16, ChaCha20Poly1305, _SEQUENCE_NUMBERS, "RFC 8439 §2.8", "RFC 9846 §5.5"
)
AES_128_CCM = AEADAlgorithm(
    "AES-128-CCM", 16, 16, AESCCM, _CCM_RECORD_LIMIT, "RFC 5116 §5.3", "RFC 9147 §4.5.3"
)
AES_128_CCM_8 = AEADAlgorithm(
    "AES-128-CCM-8", 16, 8, _aes_ccm_8, _CCM_RECORD_LIMIT, "RFC 6655 §6.1", "RFC 9147 §4.5.3"
)
