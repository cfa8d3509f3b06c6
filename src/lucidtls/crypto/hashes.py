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
_INNER_PAD: Final = bytes(value ^ 0x36 for value in range(256))
_OUTER_PAD: Final = bytes(value ^ 0x5C for value in range(256))


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
        return new(block.translate(_OUTER_PAD) + new(block.translate(_INNER_PAD) + data).digest()).digest()


MD5 = HashAlgorithm("md5", 16, 64, hashlib.md5, "RFC 1321")
SHA1 = HashAlgorithm("sha1", 20, 64, hashlib.sha1, "FIPS 180-4 §6.1")
SHA224 = HashAlgorithm("sha224", 28, 64, hashlib.sha224, "FIPS 180-4 §6.3")
SHA256 = HashAlgorithm("sha256", 32, 64, hashlib.sha256, "FIPS 180-4 §6.2")
SHA384 = HashAlgorithm("sha384", 48, 128, hashlib.sha384, "FIPS 180-4 §6.5")
SHA512 = HashAlgorithm("sha512", 64, 128, hashlib.sha512, "FIPS 180-4 §6.4")

HASHES: Final[dict[str, HashAlgorithm]] = {
    row.name: row for row in (MD5, SHA1, SHA224, SHA256, SHA384, SHA512)
}
