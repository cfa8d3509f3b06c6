"""Key schedule and record protection of TLS 1.2 and before, written a second time for attackers.

Made from hashlib, hmac and the block ciphers alone, so that a fault in the engine's own is noticed, and with
nothing that stops its owner from misusing it: any sequence number, any version, any plaintext under CBC.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from lucidtls.crypto.suites12 import CipherSuite12
from lucidtls.wire.versions import TLS10, TLS12


def p_hash(name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash (RFC 5246 §5)."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, name)
        out += hmac.digest(secret, a + seed, name)
    return out[:length]


@dataclass
class Schedule:
    """The key schedule of one handshake (RFC 5246 §8.1, §6.3)."""

    version: int
    suite: CipherSuite12
    client_random: bytes
    server_random: bytes

    def prf(self, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
        """The PRF of the version."""
        if self.version >= TLS12:
            return p_hash(self.suite.prf_hash.name, secret, label + seed, length)
        half = -(-len(secret) // 2)
        left = p_hash("md5", secret[:half], label + seed, length)
        right = p_hash("sha1", secret[len(secret) - half :], label + seed, length)
        return bytes(a ^ b for a, b in zip(left, right, strict=True))

    def hash(self, data: bytes) -> bytes:
        """The hash of the handshake."""
        if self.version >= TLS12:
            return hashlib.new(self.suite.prf_hash.name, data).digest()
        return hashlib.md5(data).digest() + hashlib.sha1(data).digest()

    def main_secret(self, premaster: bytes, transcript: bytes | None) -> bytes:
        """The main secret; the extended one when there is a transcript (RFC 7627 §4)."""
        if transcript is not None:
            return self.prf(premaster, b"extended master secret", self.hash(transcript), 48)
        return self.prf(premaster, b"master secret", self.client_random + self.server_random, 48)

    def verify_data(self, secret: bytes, role: str, transcript: bytes) -> bytes:
        """The contents of a Finished (RFC 5246 §7.4.9)."""
        return self.prf(secret, role.encode() + b" finished", self.hash(transcript), 12)

    def key_block(self, secret: bytes, *, etm: bool) -> KeyBlock:
        """The keys of both directions."""
        suite = self.suite
        mac = suite.mac.digest_size if suite.mac is not None else 0
        key, iv = suite.cipher.key_length, suite.cipher.fixed_iv_length
        whole = self.prf(
            secret, b"key expansion", self.server_random + self.client_random, 2 * (mac + key + iv)
        )
        parts: list[bytes] = []
        for size in (mac, mac, key, key, iv, iv):
            parts.append(whole[:size])
            whole = whole[size:]
        client, server = parts[0::2], parts[1::2]
        return KeyBlock(
            Protector(suite, self.version, etm, *client), Protector(suite, self.version, etm, *server)
        )


@dataclass
class KeyBlock:
    """The protection of both directions."""

    client: Protector
    server: Protector


class Protector:
    """One direction. `sequence` can be set at will."""

    def __init__(
        self, suite: CipherSuite12, version: int, etm: bool, mac_key: bytes, key: bytes, iv: bytes
    ) -> None:
        self.suite, self.version, self.etm = suite, version, etm and suite.cipher.kind == "block"
        self.mac_key, self.key, self.iv = mac_key, key, iv
        self.sequence = 0
        self.aead: Any = suite.cipher.aead.new(key) if suite.cipher.aead is not None else None
        self.block = suite.cipher.block_length

    # Sealing

    def seal(
        self, content_type: int, content: bytes, *, version: int | None = None, sequence: int | None = None
    ) -> bytes:
        """Seal one record."""
        if sequence is not None:
            self.sequence = sequence
        if self.aead is not None:
            header = self._header(content_type, len(content))
            explicit = self.sequence.to_bytes(8)[: self.suite.cipher.explicit_nonce_length]
            fragment = explicit + self.aead.encrypt(self._nonce(explicit), content, header)
        elif self.etm:
            fragment = self.with_mac(content_type, self.encrypt(content + self.pad(len(content))))
        else:
            whole = content + self.mac(content_type, content)
            fragment = self.encrypt(whole + self.pad(len(whole)))
        return self.record(content_type, fragment, version)

    def record(self, content_type: int, fragment: bytes, version: int | None = None) -> bytes:
        """Put a header before a fragment, and count it."""
        self.sequence += 1
        shown = self.version if version is None else version
        return bytes((content_type,)) + shown.to_bytes(2) + len(fragment).to_bytes(2) + fragment

    def mac(self, content_type: int, content: bytes) -> bytes:
        """The MAC of the next record over this content (RFC 5246 §6.2.3.1)."""
        assert self.suite.mac is not None, "an AEAD has no MAC"
        header = self._header(content_type, len(content))
        return hmac.digest(self.mac_key, header + content, self.suite.mac.name)

    def with_mac(self, content_type: int, ciphertext: bytes) -> bytes:
        """Ciphertext and its MAC (RFC 7366 §3)."""
        return ciphertext + self.mac(content_type, ciphertext)

    def pad(self, length: int, extra: int = 0) -> bytes:
        """Padding for so many bytes, with `extra` whole blocks."""
        if not self.block:
            return b""
        missing = self.block - 1 - length % self.block + extra * self.block
        return bytes((missing,)) * (missing + 1)

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt whole blocks of anything; with its IV in front from TLS 1.1 on."""
        if not self.block:
            assert not self.key, "RC4 is not done here"
            return plaintext
        if self.version > TLS10:
            iv = hashlib.sha256(b"iv" + self.sequence.to_bytes(8)).digest()[: self.block]
            return iv + self._cipher(iv).encryptor().update(plaintext)
        ciphertext = self._cipher(self.iv).encryptor().update(plaintext)
        self.iv = ciphertext[-self.block :]
        return ciphertext

    def _cipher(self, iv: bytes) -> Cipher[CBC]:
        return Cipher(TripleDES(self.key) if self.block == 8 else AES(self.key), CBC(iv))

    def _header(self, content_type: int, length: int) -> bytes:
        return (
            self.sequence.to_bytes(8)
            + bytes((content_type,))
            + self.version.to_bytes(2)
            + length.to_bytes(2, "big")
        )

    def _nonce(self, explicit: bytes) -> bytes:
        if explicit:
            return self.iv + explicit
        return (int.from_bytes(self.iv) ^ self.sequence).to_bytes(12)

    # Opening

    def open(self, record: bytes) -> bytes:
        """Open one record of an honest peer; fails loudly."""
        content_type, fragment = record[0], record[5:]
        if self.aead is not None:
            split = self.suite.cipher.explicit_nonce_length
            length = len(fragment) - split - self.suite.cipher.aead.tag_length  # type: ignore[union-attr]
            header = self._header(content_type, length)
            content: bytes = self.aead.decrypt(self._nonce(fragment[:split]), fragment[split:], header)
        else:
            content = self._open_mac(content_type, fragment)
        self.sequence += 1
        return content

    def _open_mac(self, content_type: int, fragment: bytes) -> bytes:
        assert self.suite.mac is not None, "an AEAD has no MAC"
        size = self.suite.mac.digest_size
        if self.etm:
            ciphertext, mac = fragment[:-size], fragment[-size:]
            assert hmac.compare_digest(mac, self.mac(content_type, ciphertext)), "a wrong MAC"
            return self._unpadded(self._decrypt(ciphertext))
        whole = self._unpadded(self._decrypt(fragment))
        content, mac = whole[:-size], whole[-size:]
        assert hmac.compare_digest(mac, self.mac(content_type, content)), "a wrong MAC"
        return content

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if not self.block:
            return ciphertext
        iv = self.iv
        if self.version > TLS10:
            iv, ciphertext = ciphertext[: self.block], ciphertext[self.block :]
        else:
            self.iv = ciphertext[-self.block :]
        return self._cipher(iv).decryptor().update(ciphertext)

    def _unpadded(self, plaintext: bytes) -> bytes:
        return plaintext[: -1 - plaintext[-1]] if self.block else plaintext
