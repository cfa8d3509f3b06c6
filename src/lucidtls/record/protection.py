"""Record protection up to TLS 1.2: what a cipher suite does to a fragment (RFC 5246 §6.2.3).

One object protects one direction with one key. It is told the sequence number and keeps no count, but
except for AEADs it has a state that every record moves on: records must go through it in order, once each.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import Final, Protocol

from lucidtls.crypto.aead import AEADAlgorithm, Buffer, InvalidTag
from lucidtls.crypto.cbc import (
    RecordMAC,
    block_decryptor,
    block_encryptor,
    content_length,
    decrypt_blocks,
    open_mac_then_encrypt,
    padding_for,
    stream_cipher,
    unpad,
)
from lucidtls.crypto.randomness import Random
from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.wire.versions import TLS10

# seq_num + TLSCompressed.type + TLSCompressed.version + TLSCompressed.length (RFC 5246 §6.2.3.1, §6.2.3.3).
# A sequence number after 2^64-1 does not fit, so it cannot wrap.
_HEADER: Final = Struct(">QBHH").pack


class Protection(Protocol):
    """How records of one direction are sealed and opened.

    `max_expansion` is how many bytes a fragment is longer than its content at most, when sealed here;
    `record_limit` is how many records the key may protect. `splits_first_byte` tells that a piece of
    application data must start with a record of one byte.
    """

    @property
    def max_expansion(self) -> int:
        """Bytes that a fragment is longer than its content at most."""
        ...

    @property
    def record_limit(self) -> int:
        """Records that the key may protect."""
        ...

    @property
    def splits_first_byte(self) -> bool:
        """Whether a piece of application data starts with a record of one byte."""
        ...

    def seal(self, sequence: int, content_type: int, content: Buffer) -> tuple[bytes, bytes]:
        """Return the fragment in two pieces, the first short or empty: joining them would copy it all."""
        ...

    def open(self, sequence: int, content_type: int, fragment: memoryview) -> bytes:
        """Return the content. Raises InvalidTag whatever is wrong: length, padding or MAC."""
        ...


class AEADProtection:
    """An AEAD; GCM and CCM send eight bytes of their nonce with every record, ChaCha20-Poly1305 none."""

    __slots__ = (
        "_explicit_length", "_fixed", "_iv", "_key", "_version", "max_expansion", "record_limit",
        "splits_first_byte",
    )  # fmt: skip

    def __init__(
        self, suite: CipherSuite12, aead: AEADAlgorithm, version: int, key: bytes, iv: bytes
    ) -> None:
        explicit_length = suite.cipher.explicit_nonce_length
        assert len(iv) + explicit_length == aead.nonce_length, "the key block has the IV's length"
        self._key = aead.new(key)
        self._version = version
        self._explicit_length = explicit_length
        self._fixed = iv
        self._iv = int.from_bytes(iv) << 8 * explicit_length
        self.max_expansion = explicit_length + aead.tag_length
        self.record_limit = suite.cipher.record_limit
        self.splits_first_byte = False

    def seal(self, sequence: int, content_type: int, content: Buffer) -> tuple[bytes, bytes]:
        """Return the explicit nonce, and ciphertext with tag.

        "The nonce_explicit MAY be the 64-bit sequence number" (RFC 5288 §3), and here it is, so that behind
        the salt it does the same as the XOR of RFC 7905 §2.
        """
        nonce = (self._iv ^ sequence).to_bytes(12)
        header = _HEADER(sequence, content_type, self._version, len(content))
        return nonce[12 - self._explicit_length :], self._key.encrypt(nonce, content, header)

    def open(self, sequence: int, content_type: int, fragment: memoryview) -> bytes:
        """Return the content; InvalidTag."""
        length = content_length(fragment, self.max_expansion)
        header = _HEADER(sequence, content_type, self._version, length)
        return self._key.decrypt(self._nonce(sequence, fragment), fragment[self._explicit_length :], header)

    def open_into(self, sequence: int, content_type: int, fragment: memoryview, target: memoryview) -> None:
        """Open into a target of exactly the content's length, which InvalidTag leaves to be wiped."""
        header = _HEADER(sequence, content_type, self._version, len(target))
        nonce = self._nonce(sequence, fragment)
        self._key.decrypt_into(nonce, fragment[self._explicit_length :], header, target)

    def _nonce(self, sequence: int, fragment: memoryview) -> bytes:
        """The nonce of a received record. What the peer's explicit part is, is the peer's choice."""
        if self._explicit_length:
            return self._fixed + fragment[: self._explicit_length]
        return (self._iv ^ sequence).to_bytes(12)


class StreamProtection:
    """RC4, or no encryption at all, with an HMAC (RFC 5246 §6.2.3.1)."""

    __slots__ = ("_cipher", "_mac", "_version", "max_expansion", "record_limit", "splits_first_byte")

    def __init__(self, suite: CipherSuite12, mac: RecordMAC, version: int, key: bytes) -> None:
        self._cipher = stream_cipher(key) if key else None
        self._mac = mac
        self._version = version
        self.max_expansion = mac.length
        self.record_limit = suite.cipher.record_limit
        self.splits_first_byte = False

    def seal(self, sequence: int, content_type: int, content: Buffer) -> tuple[bytes, bytes]:
        """Return content and MAC, encrypted."""
        header = _HEADER(sequence, content_type, self._version, len(content))
        fragment = b"".join((content, self._mac.compute(header, content)))
        return b"", fragment if self._cipher is None else self._cipher.update(fragment)

    def open(self, sequence: int, content_type: int, fragment: memoryview) -> bytes:
        """Return the content; InvalidTag."""
        length = content_length(fragment, self._mac.length)
        plaintext = memoryview(bytearray(fragment))
        if self._cipher is not None:
            self._cipher.update_into(fragment, plaintext)
        content = plaintext[:length]
        try:
            header = _HEADER(sequence, content_type, self._version, length)
            self._mac.verify(header, content, plaintext[length:])
        except InvalidTag:
            plaintext[:] = bytes(len(plaintext))
            raise
        return bytes(content)


class _BlockProtection:
    """What both ways to use CBC have in common: the cipher, and where its IVs come from.

    In TLS 1.0 a record's IV is the last block of the record before. From TLS 1.1 on each record begins with
    an IV of its own. That is made by putting a random block in front of the content and encrypting it with
    the rest: its ciphertext is unpredictable and does as the IV, whatever the cipher's state was
    (RFC 4346 §6.2.3.2, method 2b). The receiver drops the first block, which is that random one.
    """

    __slots__ = (
        "_block_length", "_decryptor", "_encryptor", "_iv_length", "_mac", "_random", "_version",
        "max_expansion", "record_limit", "splits_first_byte",
    )  # fmt: skip

    def __init__(
        self, suite: CipherSuite12, mac: RecordMAC, version: int, key: bytes, iv: bytes, random: Random
    ) -> None:
        block_length = suite.cipher.block_length
        chained = version <= TLS10
        assert len(iv) == (block_length if chained else 0), "the key block has IVs for TLS 1.0 alone"
        iv = iv or bytes(block_length)
        self._encryptor = block_encryptor(block_length, key, iv)
        self._decryptor = block_decryptor(block_length, key, iv)
        self._block_length = block_length
        self._iv_length = 0 if chained else block_length
        self._random = random
        self._mac = mac
        self._version = version
        self.max_expansion = self._iv_length + mac.length + block_length
        self.record_limit = suite.cipher.record_limit
        # Whoever can choose plaintext and knows the IV it will meet can test guesses at earlier plaintext
        # (BEAST, CVE-2011-3389). The MAC of a one-byte record makes the next IV unpredictable.
        self.splits_first_byte = chained

    def _encrypt(self, *plaintext: Buffer) -> bytes:
        return self._encryptor.update(b"".join((self._random(self._iv_length), *plaintext)))

    def _decrypt(self, ciphertext: memoryview) -> memoryview:
        """Decrypt whole blocks and drop the IV; what comes back can be wiped."""
        plaintext = decrypt_blocks(self._decryptor, ciphertext, self._block_length)
        return plaintext[self._iv_length :]


class MACThenEncrypt(_BlockProtection):
    """CBC around content, MAC and padding (RFC 5246 §6.2.3.2)."""

    __slots__ = ()

    def seal(self, sequence: int, content_type: int, content: Buffer) -> tuple[bytes, bytes]:
        """Return IV, content, MAC and padding, encrypted."""
        mac = self._mac.compute(_HEADER(sequence, content_type, self._version, len(content)), content)
        padding = padding_for(len(content) + len(mac), self._block_length)
        return b"", self._encrypt(content, mac, padding)

    def open(self, sequence: int, content_type: int, fragment: memoryview) -> bytes:
        """Return the content; InvalidTag."""
        plaintext = self._decrypt(fragment)
        try:
            length = open_mac_then_encrypt(
                plaintext, self._mac, partial(_HEADER, sequence, content_type, self._version)
            )
        except InvalidTag:
            plaintext[:] = bytes(len(plaintext))
            raise
        return bytes(plaintext[:length])


class EncryptThenMAC(_BlockProtection):
    """CBC around content and padding, and a MAC over the ciphertext (RFC 7366 §3)."""

    __slots__ = ()

    def seal(self, sequence: int, content_type: int, content: Buffer) -> tuple[bytes, bytes]:
        """Return IV, content and padding, encrypted, followed by the MAC."""
        ciphertext = self._encrypt(content, padding_for(len(content), self._block_length))
        header = _HEADER(sequence, content_type, self._version, len(ciphertext))
        return b"", ciphertext + self._mac.compute(header, ciphertext)

    def open(self, sequence: int, content_type: int, fragment: memoryview) -> bytes:
        """Return the content; InvalidTag.

        "The MAC SHALL be evaluated before any further processing such as decryption is performed, and if the
        MAC verification fails, then processing SHALL terminate immediately." (RFC 7366 §3)
        """
        length = content_length(fragment, self._mac.length)
        ciphertext = fragment[:length]
        header = _HEADER(sequence, content_type, self._version, length)
        self._mac.verify(header, ciphertext, fragment[length:])
        plaintext = self._decrypt(ciphertext)
        return bytes(plaintext[: unpad(plaintext)])


def protection_for(
    suite: CipherSuite12,
    version: int,
    key: bytes,
    mac_key: bytes,
    iv: bytes,
    *,
    encrypt_then_mac: bool,
    random: Random,
) -> Protection:
    """Make the protection of one direction from its keys, as the key block has them (RFC 5246 §6.3).

    `iv` is the direction's fixed IV: empty for a block cipher from TLS 1.1 on, and for a stream cipher.
    `encrypt_then_mac` counts for block ciphers alone (RFC 7366 §3).
    """
    cipher = suite.cipher
    assert len(key) == cipher.key_length, "the key block has the key's length"
    if cipher.aead is not None:
        return AEADProtection(suite, cipher.aead, version, key, iv)
    assert suite.mac is not None, "only an AEAD goes without a MAC"
    assert len(mac_key) == suite.mac.digest_size, "the key block has the MAC key's length"
    mac = RecordMAC(suite.mac, mac_key)
    if cipher.kind == "stream":
        return StreamProtection(suite, mac, version, key)
    block_protection = EncryptThenMAC if encrypt_then_mac else MACThenEncrypt
    return block_protection(suite, mac, version, key, iv, random)
