"""What protects records without an AEAD: block ciphers in CBC mode, RC4, and HMAC (RFC 5246 §6.2.3).

In TLS a block cipher's record is decrypted first and authenticated afterwards. Whoever can tell a wrong
padding from a wrong MAC, by the answer or by the time it takes, can decrypt records byte by byte. So
`open_mac_then_encrypt` does the same work for both: it always computes a MAC, in a number of compressions
that depends on the fragment's length alone, and decides once. Python cannot promise equal time to the
nanosecond. What can be promised is in `encrypt_then_mac` (RFC 7366) and in the AEADs of TLS 1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Final, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hmac import HMAC

from lucidtls.crypto.aead import Buffer, InvalidTag
from lucidtls.crypto.hashes import HashAlgorithm

MAX_PADDING: Final = 256
"""Bytes of padding in a record at most, with the byte that tells its length (RFC 5246 §6.2.3.2)."""


def content_length(fragment: memoryview, expansion: int) -> int:
    """Return the length of the content of a fragment that is `expansion` bytes longer; InvalidTag."""
    length = len(fragment) - expansion
    if length < 0:
        raise InvalidTag
    return length


class CipherContext(Protocol):
    """A cipher at work: what it does next depends on all that went through it."""

    def update(self, data: Buffer, /) -> bytes:
        """Encrypt or decrypt; whole blocks go in and whole blocks come out."""
        ...

    def update_into(self, data: Buffer, buf: Buffer, /) -> int:
        """Do the same into `buf`, which must have room for one block less a byte more than `data`."""
        ...


def _block_cipher(block_length: int, key: bytes, iv: bytes) -> Cipher[CBC]:
    return Cipher(TripleDES(key) if block_length == 8 else AES(key), CBC(iv))


def block_encryptor(block_length: int, key: bytes, iv: bytes) -> CipherContext:
    """Start encrypting with AES (16-byte blocks) or 3DES (8-byte blocks) in CBC mode.

    Records run through one context: the last block of one is the IV of the next, as TLS 1.0 has it.
    """
    return _block_cipher(block_length, key, iv).encryptor()


def block_decryptor(block_length: int, key: bytes, iv: bytes) -> CipherContext:
    """Start decrypting what `block_encryptor` encrypts."""
    return _block_cipher(block_length, key, iv).decryptor()


def decrypt_blocks(decryptor: CipherContext, ciphertext: memoryview, block_length: int) -> memoryview:
    """Decrypt whole blocks into memory that can be wiped; InvalidTag when they are not whole."""
    if len(ciphertext) % block_length:
        raise InvalidTag
    plaintext = bytearray(len(ciphertext) + block_length - 1)
    decryptor.update_into(ciphertext, plaintext)
    return memoryview(plaintext)[: len(ciphertext)]


def stream_cipher(key: bytes) -> CipherContext:
    """Start RC4, which is its own inverse. Its state runs on from record to record (RFC 5246 §6.2.3.1)."""
    return Cipher(ARC4(key), None).encryptor()


class _RunningMAC(Protocol):
    """An HMAC being computed, as pyca has it."""

    def update(self, data: Buffer, /) -> None: ...
    def copy(self) -> _RunningMAC: ...
    def finalize(self) -> bytes: ...


_PYCA_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
}


class RecordMAC:
    """HMAC with one key, for any number of records. The key is hashed once."""

    __slots__ = ("_block_size", "_fixed", "_keyed", "_waste", "length")

    def __init__(self, algorithm: HashAlgorithm, key: bytes) -> None:
        self._keyed: _RunningMAC = HMAC(key, _PYCA_HASHES[algorithm.name])
        self.length = algorithm.digest_size
        self._block_size = algorithm.block_size
        # A hash appends a byte and the message's length, as a number of an eighth of the block size.
        self._fixed = 1 + algorithm.block_size // 8
        self._waste = memoryview(bytes((MAX_PADDING // algorithm.block_size + 2) * algorithm.block_size))

    def compute(self, header: bytes, content: Buffer) -> bytes:
        """Return the MAC over the header and the content."""
        running = self._keyed.copy()
        running.update(header)
        running.update(content)
        return running.finalize()

    def verify(self, header: bytes, content: Buffer, tag: Buffer) -> None:
        """Check that `tag` is the MAC over the header and the content; InvalidTag."""
        if not compare_digest(self.compute(header, content), tag):
            raise InvalidTag

    def compute_uniformly(self, header: bytes, content: memoryview, length: int) -> bytes:
        """Return the MAC over the header and the first `length` bytes of `content`, hiding `length`.

        The hash function's compression runs as often as for any other length, as long as that is at most
        256 bytes shorter than `content`: what the MAC itself does not need is spent on a second hash. What
        every length has in common is hashed first, up to the end of a block, so that for all lengths whole
        blocks follow in a single call: hashing three blocks one by one takes longer than all at once.
        """
        block_size = self._block_size
        blocks = (len(header) + len(content) - MAX_PADDING) // block_size - 1
        common = max(0, blocks * block_size - len(header))
        running, other = self._keyed.copy(), self._keyed.copy()
        running.update(header)
        running.update(content[:common])
        running.update(content[common:length])
        unused = self._compressions(len(header) + len(content)) - self._compressions(len(header) + length)
        other.update(self._waste[: (1 + unused) * block_size])
        return running.finalize()

    def _compressions(self, length: int) -> int:
        return (length + self._fixed + self._block_size - 1) // self._block_size


_PADDINGS: Final = tuple(bytes((length,)) * (length + 1) for length in range(16))


def padding_for(length: int, block_length: int) -> bytes:
    """Return the shortest padding, length byte included, that fills up the last block (RFC 5246 §6.2.3.2)."""
    return _PADDINGS[block_length - 1 - length % block_length]


_WINDOWS: Final = bytes(MAX_PADDING) + b"\xff" * MAX_PADDING
_BIT_ABOVE: Final = 1 << 8 * MAX_PADDING
_ALL_BITS: Final = _BIT_ABOVE - 1


def _padding_agrees(plaintext: memoryview, padding_length: int) -> int:
    """Tell with 1 or 0 whether "each uint8 in the padding data vector" is "the padding length value".

    All bytes that could be padding are compared at once, as one number, however long the padding is. That
    the plaintext is long enough for it is the caller's to check. Numbers have a bit above their bytes, for
    Python's arithmetic takes less time for smaller numbers.
    """
    end = int.from_bytes(plaintext[-MAX_PADDING:]) | _BIT_ABOVE
    repeated = int.from_bytes(b"\x02" + bytes((padding_length,)) * MAX_PADDING)
    which = int.from_bytes(b"\x03" + _WINDOWS[padding_length + 1 : padding_length + 1 + MAX_PADDING])
    different = (end ^ repeated) & which
    # Above the bytes stands 3 now, and becomes 4 when adding all bits carries: when any bit is set.
    return 4 - ((different + _ALL_BITS) >> 8 * MAX_PADDING)


def open_mac_then_encrypt(plaintext: memoryview, mac: RecordMAC, header_for: Callable[[int], bytes]) -> int:
    """Check padding and MAC of a decrypted record and return its content's length in bytes.

    `header_for` makes what stands before the content in the MAC's input, from the content's length. Raises
    InvalidTag, always from the same place and after the same work, whatever is wrong.
    """
    longest = len(plaintext) - mac.length - 1
    if longest < 0:
        # The length of a fragment is no secret.
        raise InvalidTag
    padding_length = plaintext[-1]
    padded = _padding_agrees(plaintext, padding_length) & int(padding_length <= longest)
    # "if the pad appears to be incorrect, the implementation might assume a zero-length pad and then compute
    # the MAC." (RFC 5246 §6.2.3.2)
    length = longest - padding_length * padded
    expected = mac.compute_uniformly(header_for(length), plaintext[:longest], length)
    if not padded & int(compare_digest(expected, plaintext[length : length + mac.length])):
        raise InvalidTag
    return length


def unpad(plaintext: memoryview) -> int:
    """Check the padding of a record already authenticated, and return its content's length; InvalidTag."""
    longest = len(plaintext) - 1
    if longest < 0 or plaintext[-1] > longest or not _padding_agrees(plaintext, plaintext[-1]):
        raise InvalidTag
    return longest - plaintext[-1]
