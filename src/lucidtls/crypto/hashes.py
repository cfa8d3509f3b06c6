"""Hash functions as rows, and HMAC on top of them.

The standard library's `hashlib` does the hashing. HMAC is written out here because a TLS 1.3 key
schedule is mostly HMACs of one or two blocks, where this form takes about half the time of
`hmac.digest`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

# RFC 2104 §2: the key is XORed with the byte 0x36 repeated for the inner hash and 0x5C for the outer.
# bytes.translate does the XOR of a whole block in one call.
INNER_PAD: Final = bytes(value ^ 0x36 for value in range(256))
OUTER_PAD: Final = bytes(value ^ 0x5C for value in range(256))


class Hasher(Protocol):
    """A hash computation under way, as `hashlib` has it."""

    def update(self, data: bytes, /) -> None:
        """Take in more data."""
        ...

    def digest(self) -> bytes:
        """Return the digest of everything taken in so far; more may follow."""
        ...

    def copy(self) -> Hasher:
        """Return an independent computation in the same state."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HashAlgorithm:
    """One hash function; sizes in bytes. `new(data)` starts a computation that has taken in `data`."""

    name: str
    digest_size: int
    block_size: int
    new: Callable[[bytes], Hasher] = field(repr=False)
    source: str

    def digest(self, data: bytes) -> bytes:
        """Hash `data` in one go."""
        return self.new(data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """Compute HMAC(key, data); any key length (RFC 2104 §2)."""
        new = self.new
        if len(key) > self.block_size:
            key = new(key).digest()
        block = key.ljust(self.block_size, b"\0")
        return new(block.translate(OUTER_PAD) + new(block.translate(INNER_PAD) + data).digest()).digest()


MD5 = HashAlgorithm("md5", 16, 64, hashlib.md5, "RFC 1321")
SHA1 = HashAlgorithm("sha1", 20, 64, hashlib.sha1, "FIPS 180-4 §6.1")
SHA224 = HashAlgorithm("sha224", 28, 64, hashlib.sha224, "FIPS 180-4 §6.3")
SHA256 = HashAlgorithm("sha256", 32, 64, hashlib.sha256, "FIPS 180-4 §6.2")
SHA384 = HashAlgorithm("sha384", 48, 128, hashlib.sha384, "FIPS 180-4 §6.5")
SHA512 = HashAlgorithm("sha512", 64, 128, hashlib.sha512, "FIPS 180-4 §6.4")


class MD5AndSHA1:
    """MD5 and SHA-1 over the same data, side by side: a `Hasher` whose digest is MD5's, then SHA-1's."""

    __slots__ = ("_md5", "_sha1")

    def __init__(self, data: bytes = b"", /) -> None:
        self._md5: Hasher = hashlib.md5(data)
        self._sha1: Hasher = hashlib.sha1(data)

    def update(self, data: bytes, /) -> None:
        """Take in more data."""
        self._md5.update(data)
        self._sha1.update(data)

    def digest(self) -> bytes:
        """Return the 36 bytes for everything taken in so far."""
        return self._md5.digest() + self._sha1.digest()

    def copy(self) -> MD5AndSHA1:
        """Return an independent computation in the same state."""
        twin = MD5AndSHA1.__new__(MD5AndSHA1)
        twin._md5 = self._md5.copy()
        twin._sha1 = self._sha1.copy()
        return twin


# What TLS 1.0 and 1.1 hash handshakes and RSA-signed content with. It is no hash function of its own, nobody
# makes an HMAC of it, and `HASHES` does not list it.
MD5_SHA1 = HashAlgorithm("md5_sha1", 36, 64, MD5AndSHA1, "RFC 4346 §7.4.9")

HASHES: Final[dict[str, HashAlgorithm]] = {
    row.name: row for row in (MD5, SHA1, SHA224, SHA256, SHA384, SHA512)
}
