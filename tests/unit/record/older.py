"""Record protection of TLS 1.2 and before, written a second time: with a new cipher for each record."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from itertools import count

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from lucidtls.crypto.randomness import Random
from lucidtls.crypto.suites12 import CipherSuite12, suite12_named
from lucidtls.record.protection import Protection, protection_for
from lucidtls.record.reader import RecordReader
from lucidtls.record.writer import RecordWriter

TLS10, TLS11, TLS12 = 0x0301, 0x0302, 0x0303

GCM = "TLS_RSA_WITH_AES_128_GCM_SHA256"
GCM_256 = "TLS_RSA_WITH_AES_256_GCM_SHA384"
CCM = "TLS_RSA_WITH_AES_128_CCM"
CCM_8 = "TLS_RSA_WITH_AES_256_CCM_8"
CHACHA = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
CBC_SHA = "TLS_RSA_WITH_AES_128_CBC_SHA"
CBC_SHA256 = "TLS_RSA_WITH_AES_256_CBC_SHA256"
CBC_SHA384 = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"
TRIPLE_DES = "TLS_RSA_WITH_3DES_EDE_CBC_SHA"
RC4_SHA = "TLS_RSA_WITH_RC4_128_SHA"
RC4_MD5 = "TLS_RSA_WITH_RC4_128_MD5"
NULL_SHA = "TLS_RSA_WITH_NULL_SHA"


def counted_random() -> Random:
    """A source of bytes that differ each time and are the same in each run."""
    numbers = count(1)
    return lambda length: next(numbers).to_bytes(length, "little") if length else b""


@dataclass
class Setting:
    """A suite in a version, with keys that do not matter."""

    name: str
    version: int
    encrypt_then_mac: bool = False
    keys: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        order = "-etm" if self.encrypt_then_mac else ""
        return f"{self.name.removeprefix('TLS_').partition('_WITH_')[2]}-{self.version:04x}{order}"

    @property
    def suite(self) -> CipherSuite12:
        """The row of the suite."""
        return suite12_named(self.name)

    @property
    def key(self) -> bytes:
        """The write key."""
        return bytes(range(1, 1 + self.suite.cipher.key_length))

    @property
    def mac_key(self) -> bytes:
        """The MAC key; empty with an AEAD."""
        return b"\x77" * (self.suite.mac.digest_size if self.suite.mac else 0)

    @property
    def iv(self) -> bytes:
        """The fixed IV; a block cipher has one in TLS 1.0 alone."""
        cipher = self.suite.cipher
        chained = cipher.kind != "block" or self.version == TLS10
        return bytes(range(90, 90 + cipher.fixed_iv_length)) if chained else b""

    def protection(self) -> Protection:
        """A new protection with these keys."""
        return protection_for(
            self.suite,
            self.version,
            self.keys.get("key", self.key),
            self.keys.get("mac_key", self.mac_key),
            self.keys.get("iv", self.iv),
            encrypt_then_mac=self.encrypt_then_mac,
            random=counted_random(),
        )

    def writer(self) -> RecordWriter:
        """A writer that protects so."""
        writer = RecordWriter()
        writer.enter_version(self.version)
        writer.install_protection(self.protection())
        return writer

    def reader(self) -> RecordReader:
        """A reader that opens so."""
        reader = RecordReader()
        reader.enter_version(self.version)
        reader.install_protection(self.protection())
        return reader


AEADS = [Setting(name, TLS12) for name in (GCM, GCM_256, CCM, CCM_8, CHACHA)]
MAC_THEN_ENCRYPT = [
    *(Setting(CBC_SHA, version) for version in (TLS10, TLS11, TLS12)),
    *(Setting(TRIPLE_DES, version) for version in (TLS10, TLS12)),
    Setting(CBC_SHA256, TLS12),
    Setting(CBC_SHA384, TLS12),
]
ENCRYPT_THEN_MAC = [Setting(row.name, row.version, encrypt_then_mac=True) for row in MAC_THEN_ENCRYPT]
STREAMS = [Setting(RC4_SHA, TLS10), Setting(RC4_MD5, TLS12), Setting(NULL_SHA, TLS11)]
ALL = [*AEADS, *MAC_THEN_ENCRYPT, *ENCRYPT_THEN_MAC, *STREAMS]


def header(setting: Setting, sequence: int, content_type: int, length: int) -> bytes:
    """seq_num, type, version and length, as RFC 5246 §6.2.3.1 lines them up."""
    return sequence.to_bytes(8) + bytes((content_type,)) + setting.version.to_bytes(2) + length.to_bytes(2)


def mac_of(setting: Setting, data: bytes) -> bytes:
    """HMAC with the setting's MAC key."""
    assert setting.suite.mac is not None
    return hmac.digest(setting.mac_key, data, setting.suite.mac.name)


def cbc(setting: Setting, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt whole blocks with a fresh context."""
    algorithm = TripleDES(setting.key) if setting.suite.cipher.block_length == 8 else AES(setting.key)
    context = Cipher(algorithm, CBC(iv)).encryptor()
    return context.update(plaintext) + context.finalize()


def seal_block(
    setting: Setting,
    sequence: int,
    content: bytes,
    *,
    iv: bytes,
    extra_blocks: int = 0,
    content_type: int = 23,
    spoil_mac: bool = False,
    spoil_padding: bool = False,
    padding: bytes | None = None,
) -> bytes:
    """A CBC fragment as another implementation may make it: any IV, any legal amount of padding."""
    size = setting.suite.cipher.block_length
    etm = setting.encrypt_then_mac
    mac = b"" if etm else mac_of(setting, header(setting, sequence, content_type, len(content)) + content)
    if spoil_mac and mac:
        mac = mac[:-1] + bytes((mac[-1] ^ 1,))
    length = size - 1 - (len(content) + len(mac)) % size + extra_blocks * size
    if padding is None:
        padding = bytes((length ^ (0x40 if spoil_padding else 0),)) + bytes((length,)) * length
    inner = content + mac + padding
    fragment = (b"" if setting.version == TLS10 else iv) + cbc(setting, iv, inner)
    if etm:
        fragment += mac_of(setting, header(setting, sequence, content_type, len(fragment)) + fragment)
    return fragment


def seal_aead(setting: Setting, sequence: int, content: bytes, *, explicit: bytes = b"explicit") -> bytes:
    """An AEAD fragment whose explicit nonce is not the sequence number."""
    data = header(setting, sequence, 23, len(content))
    if setting.name == CHACHA:
        nonce = bytes(a ^ b for a, b in zip(setting.iv, bytes(4) + sequence.to_bytes(8), strict=True))
        return ChaCha20Poly1305(setting.key).encrypt(nonce, content, data)
    key = (
        AESGCM(setting.key)
        if "GCM" in setting.name
        else AESCCM(setting.key, 8 if setting.name == CCM_8 else 16)
    )
    return explicit + key.encrypt(setting.iv + explicit, content, data)


def seal_streams(setting: Setting, contents: list[bytes]) -> list[bytes]:
    """Stream fragments: RC4's state goes from record to record."""
    context = Cipher(ARC4(setting.key), None).encryptor() if setting.key else None
    plain = [
        content + mac_of(setting, header(setting, sequence, 23, len(content)) + content)
        for sequence, content in enumerate(contents)
    ]
    return plain if context is None else [context.update(fragment) for fragment in plain]


def record(setting: Setting, fragment: bytes, content_type: int = 23) -> bytes:
    """A fragment with its header."""
    return bytes((content_type,)) + setting.version.to_bytes(2) + len(fragment).to_bytes(2) + fragment


def fragments(data: bytes) -> list[tuple[int, bytes]]:
    """Cut bytes into records: types and fragments."""
    found = []
    while data:
        end = 5 + int.from_bytes(data[3:5])
        found.append((data[0], data[5:end]))
        data = data[end:]
    return found
