"""Cipher suites of TLS 1.2 and before, made from their IANA names.

A name such as TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 lists the parts of its suite. The rows here are the
parts; `SUITES_12` holds every registered suite that can be put together from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

from lucidtls.crypto import aead
from lucidtls.crypto.aead import AEADAlgorithm
from lucidtls.crypto.hashes import MD5, SHA1, SHA256, SHA384, HashAlgorithm
from lucidtls.crypto.suite_names import SUITE_NAMES
from lucidtls.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class RecordCipher:
    """What encrypts records: lengths in bytes.

    The key block gives `fixed_iv_length` bytes of IV for each direction: the fixed part of an AEAD's nonce,
    or in TLS 1.0 a block cipher's first IV. An AEAD's records carry `explicit_nonce_length` more of nonce.
    `record_limit` is how many full-size records one key may protect; `limit_source` says who counted.
    """

    name: str
    kind: Literal["aead", "block", "stream"]
    key_length: int
    fixed_iv_length: int
    explicit_nonce_length: int
    block_length: int
    aead: AEADAlgorithm | None
    record_limit: int
    source: str
    limit_source: str

    def available(self) -> bool:
        """Tell whether the cryptography library here can do it; asked once per process."""
        return _can_encrypt(self)


_DECREPIT: Final[dict[str, Callable[[], object]]] = {
    "3DES-CBC": lambda: Cipher(TripleDES(bytes(range(24))), CBC(bytes(8))).encryptor(),
    "RC4-128": lambda: Cipher(ARC4(bytes(16)), None).encryptor(),
}


@cache
def _can_encrypt(cipher: RecordCipher) -> bool:
    """Try the ciphers that builds differ in."""
    if cipher.aead is not None:
        return cipher.aead.available()
    try:
        _DECREPIT.get(cipher.name, bool)()
    except UnsupportedAlgorithm:
        return False
    return True


@cache
def _can_hash(algorithm: HashAlgorithm) -> bool:
    """Try a hash: hashlib refuses MD5 with ValueError where the system runs in FIPS mode."""
    try:
        algorithm.digest(b"")
    except ValueError:
        return False
    return True


def _aead(algorithm: AEADAlgorithm, fixed_iv_length: int, source: str) -> RecordCipher:
    return RecordCipher(
        algorithm.name,
        "aead",
        algorithm.key_length,
        fixed_iv_length,
        algorithm.nonce_length - fixed_iv_length,
        0,
        algorithm,
        algorithm.record_limit,
        source,
        algorithm.limit_source,
    )


def _block(
    name: str, key_length: int, block_length: int, record_limit: int, limit_source: str
) -> RecordCipher:
    return RecordCipher(
        name,
        "block",
        key_length,
        block_length,
        0,
        block_length,
        None,
        record_limit,
        "RFC 5246 §6.2.3.2",
        limit_source,
    )


def _stream(name: str, key_length: int, record_limit: int, limit_source: str) -> RecordCipher:
    return RecordCipher(
        name, "stream", key_length, 0, 0, 0, None, record_limit, "RFC 5246 §6.2.3.1", limit_source
    )


# TLS 1.3 has no AES-256-CCM, so these two stand here. The key's length is all that differs.
_AES_256_CCM: Final = replace(aead.AES_128_CCM, name="AES-256-CCM", key_length=32, source="RFC 5116 §5.4")
_AES_256_CCM_8: Final = replace(
    aead.AES_128_CCM_8, name="AES-256-CCM-8", key_length=32, source="RFC 6655 §6.2"
)

# Two equal ciphertext blocks of CBC give away the XOR of two plaintext blocks. Among q blocks of b bits some
# two are equal with probability q^2 / 2^(b+1). A full-size record of AES has 2^10 blocks, so 2^26 records
# come to 2^-57, the margin that RFC 9846 §5.5 sets for AES-GCM.
_AES_CBC_RECORD_LIMIT: Final = 2**26
# 3DES has 2^11 blocks of 64 bits in a record and comes to no such margin: 2^16 records, 1 GiB, are at 2^-11.
# Sweet32 (CVE-2016-2183) needed some 2^36 blocks to read a cookie. Fewer records would end the connections of
# programs that send little at a time.
_3DES_RECORD_LIMIT: Final = 2**16
# RC4's output can be told from random after 2^30.6 bytes (Fluhrer and McGrew, 2000). 2^16 records are 2^30.
_RC4_RECORD_LIMIT: Final = 2**16
_SEQUENCE_NUMBERS: Final = 2**64 - 1

_CIPHERS: Final[dict[str, RecordCipher]] = {
    "AES_128_GCM": _aead(aead.AES_128_GCM, 4, "RFC 5288 §3"),
    "AES_256_GCM": _aead(aead.AES_256_GCM, 4, "RFC 5288 §3"),
    "AES_128_CCM": _aead(aead.AES_128_CCM, 4, "RFC 6655 §3"),
    "AES_256_CCM": _aead(_AES_256_CCM, 4, "RFC 6655 §3"),
    "AES_128_CCM_8": _aead(aead.AES_128_CCM_8, 4, "RFC 6655 §3"),
    "AES_256_CCM_8": _aead(_AES_256_CCM_8, 4, "RFC 6655 §3"),
    "CHACHA20_POLY1305": _aead(aead.CHACHA20_POLY1305, 12, "RFC 7905 §2"),
    "AES_128_CBC": _block("AES-128-CBC", 16, 16, _AES_CBC_RECORD_LIMIT, "RFC 9846 §5.5"),
    "AES_256_CBC": _block("AES-256-CBC", 32, 16, _AES_CBC_RECORD_LIMIT, "RFC 9846 §5.5"),
    "3DES_EDE_CBC": _block("3DES-CBC", 24, 8, _3DES_RECORD_LIMIT, "CVE-2016-2183"),
    "RC4_128": _stream("RC4-128", 16, _RC4_RECORD_LIMIT, "Fluhrer and McGrew 2000"),
    "NULL": _stream("NULL", 0, _SEQUENCE_NUMBERS, "RFC 5246 §6.1"),
}

# In a name: (key exchange, the certificate's key). RFC 6655 once puts DHE after PSK.
_KEY_EXCHANGES: Final[dict[str, tuple[str, str]]] = {
    "RSA": ("RSA", "RSA"),
    "DHE_RSA": ("DHE", "RSA"),
    "ECDHE_RSA": ("ECDHE", "RSA"),
    "ECDHE_ECDSA": ("ECDHE", "ECDSA"),
    "PSK": ("PSK", "PSK"),
    "DHE_PSK": ("DHE_PSK", "PSK"),
    "PSK_DHE": ("DHE_PSK", "PSK"),
    "ECDHE_PSK": ("ECDHE_PSK", "PSK"),
    "RSA_PSK": ("RSA_PSK", "RSA"),
    "DH_anon": ("DH_anon", "anon"),
    "ECDH_anon": ("ECDH_anon", "anon"),
}
_MACS: Final = {"MD5": MD5, "SHA": SHA1, "SHA256": SHA256, "SHA384": SHA384}

_TLS12: Final = ("TLS 1.2",)
_TLS10_TO_12: Final = ("TLS 1.0", "TLS 1.1", "TLS 1.2")

_KEY_EXCHANGE_WEAKNESSES: Final[dict[str, tuple[str, ...]]] = {
    "RSA": ("RSA key exchange", "no forward secrecy"),
    "RSA_PSK": ("RSA key exchange", "no forward secrecy"),
    "PSK": ("no forward secrecy",),
    "DHE": ("finite-field DHE",),
    "DHE_PSK": ("finite-field DHE",),
    "DH_anon": ("nobody is authenticated", "finite-field DHE"),
    "ECDH_anon": ("nobody is authenticated",),
}
_CIPHER_WEAKNESSES: Final[dict[str, tuple[str, ...]]] = {
    "AES-128-CCM-8": ("64-bit tag",),
    "AES-256-CCM-8": ("64-bit tag",),
    "AES-128-CBC": ("CBC",),
    "AES-256-CBC": ("CBC",),
    "3DES-CBC": ("CBC", "64-bit blocks"),
    "RC4-128": ("RC4",),
    "NULL": ("no encryption",),
}


@dataclass(frozen=True, slots=True, eq=False)
class CipherSuite12:
    """One cipher suite of TLS 1.2 and before.

    `authentication` is the key that the server's certificate has, "RSA" or "ECDSA" (which stands for EdDSA
    too, RFC 8422 §5.10); without a certificate it is "PSK" or "anon". `mac` is None with an AEAD. `prf_hash`
    counts in TLS 1.2 alone. `weaknesses` says in words what is wrong with a suite.
    """

    code: int
    name: str
    key_exchange: str
    authentication: str
    cipher: RecordCipher
    mac: HashAlgorithm | None
    prf_hash: HashAlgorithm
    versions: tuple[str, ...]
    source: str
    weaknesses: tuple[str, ...]

    @property
    def forward_secret(self) -> bool:
        """Whether keys stay secret when the certificate's key or the pre-shared key becomes known later."""
        return "no forward secrecy" not in self.weaknesses

    def available(self) -> bool:
        """Tell whether the libraries here can do it."""
        return self.cipher.available() and (self.mac is None or _can_hash(self.mac))


def _read_name(code: int, name: str, source: str) -> CipherSuite12 | None:
    """Put a suite together from its name; None when a part is none of ours."""
    key_exchange_name, _, protection = name.removeprefix("TLS_").partition("_WITH_")
    cipher_name, _, hash_name = protection.rpartition("_")
    if protection in _CIPHERS:
        # The suites of RFC 6655 and RFC 7251 name no hash and take TLS 1.2's default.
        cipher_name, hash_name = protection, "SHA256"
    cipher, hash_ = _CIPHERS.get(cipher_name), _MACS.get(hash_name)
    if cipher is None or hash_ is None or key_exchange_name not in _KEY_EXCHANGES:
        return None
    key_exchange, authentication = _KEY_EXCHANGES[key_exchange_name]
    mac = None if cipher.kind == "aead" else hash_
    return CipherSuite12(
        code,
        name,
        key_exchange,
        authentication,
        cipher,
        mac,
        SHA384 if hash_ is SHA384 else SHA256,
        _versions(key_exchange, mac),
        source,
        _weaknesses(key_exchange, cipher, mac),
    )


def _versions(key_exchange: str, mac: HashAlgorithm | None) -> tuple[str, ...]:
    """Say which versions have a suite.

    AEADs came with TLS 1.2 (RFC 5246 §6.2.3.3), and so did SHA-256 and SHA-384 as MAC with certificates
    (RFC 5246 §1.2, RFC 5289 §3.1). With pre-shared keys they "can be negotiated, whatever the negotiated TLS
    version is" (RFC 5487 §1.1; RFC 5489 §3.2 and §4.2 say how).
    """
    if mac in (MD5, SHA1) or (mac is not None and key_exchange.endswith("PSK")):
        return _TLS10_TO_12
    return _TLS12


def _weaknesses(key_exchange: str, cipher: RecordCipher, mac: HashAlgorithm | None) -> tuple[str, ...]:
    of_mac = ("MD5",) if mac is MD5 else ()
    return _KEY_EXCHANGE_WEAKNESSES.get(key_exchange, ()) + _CIPHER_WEAKNESSES.get(cipher.name, ()) + of_mac


SUITES_12: Final[dict[int, CipherSuite12]] = {
    code: suite
    for code, (name, source) in SUITE_NAMES.items()
    if (suite := _read_name(code, name, source)) is not None
}

_BY_NAME: Final = {row.name: row for row in SUITES_12.values()}


def suite12_named(name: str | int) -> CipherSuite12:
    """Find a suite by its IANA name or its code; ConfigurationError when there is none."""
    row = SUITES_12.get(name) if isinstance(name, int) else _BY_NAME.get(name)
    if row is None:
        raise ConfigurationError(f"no cipher suite of TLS 1.2 or before is called {name!r} here")
    return row
