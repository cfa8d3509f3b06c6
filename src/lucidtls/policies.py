"""Dated policies: which algorithms a side offers and accepts, as rows of rows.

A policy never changes once released. A better choice is a new policy with a new date, and a line in the
changelog; whoever needs the old one names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from lucidtls.crypto.groups import GROUPS, Group
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES, SignatureScheme
from lucidtls.crypto.suites import SUITES_13, CipherSuite
from lucidtls.crypto.suites12 import SUITES_12, CipherSuite12
from lucidtls.errors import ConfigurationError
from lucidtls.trust.algorithms import (
    DEFAULT_CERTIFICATE_POLICY,
    LEGACY_CERTIFICATE_POLICY,
    CertificatePolicy,
)
from lucidtls.wire.versions import VERSION_NAMES

Names = tuple[str | int, ...]
"""Algorithms by IANA name or code point, most preferred first."""

Mode = Literal["require", "allow", "off"]
"""What a side does about an extension that makes older versions safer."""

AnySuite = CipherSuite | CipherSuite12
Row = TypeVar("Row", AnySuite, Group, SignatureScheme)


@dataclass(frozen=True, slots=True)
class Policy:
    """Algorithms in order of preference, by IANA name.

    `shares` are the groups a client sends a key share for in its first message; the others can be
    asked for with a HelloRetryRequest. `certificate_signature_schemes` are those accepted inside chains.

    `certificates` is what chains must be like when the config brings no verifier of its own.

    What follows matters before TLS 1.3 only. `legacy` is whether a config may name weak cipher suites and
    versions that are withdrawn; `secure_renegotiation` whether a client insists on a server that knows
    RFC 5746.
    """

    name: str
    cipher_suites: Names
    groups: Names
    shares: Names
    signature_schemes: Names
    certificate_signature_schemes: Names
    versions: tuple[str, ...] = ("TLS 1.3",)
    extended_master_secret: Mode = "require"
    encrypt_then_mac: Mode = "allow"
    secure_renegotiation: bool = True
    legacy: bool = False
    certificates: CertificatePolicy = DEFAULT_CERTIFICATE_POLICY


_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_GROUPS = (
    "X25519MLKEM768", "x25519", "secp256r1", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
    "secp384r1", "secp521r1", "x448",
)  # fmt: skip
_SIGNATURES = (
    "ecdsa_secp256r1_sha256", "ed25519", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed448",
    "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
    "rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512",
    "mldsa44", "mldsa65", "mldsa87",
)  # fmt: skip
_CERTIFICATE_SIGNATURES = (*_SIGNATURES, "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")

_SUITES_12 = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    # Of use only to configs that have a pre-shared key.
    "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
)  # fmt: skip
_RSA_PKCS1 = ("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")
_SHA1 = ("ecdsa_sha1", "rsa_pkcs1_sha1")

MODERN_2026 = Policy(
    name="MODERN_2026",
    cipher_suites=_SUITES,
    groups=_GROUPS,
    shares=("X25519MLKEM768", "x25519"),
    signature_schemes=_SIGNATURES,
    certificate_signature_schemes=_CERTIFICATE_SIGNATURES,
)
"""TLS 1.3 only."""

DEFAULT_2026 = replace(
    MODERN_2026,
    name="DEFAULT_2026",
    versions=("TLS 1.3", "TLS 1.2"),
    cipher_suites=(*_SUITES, *_SUITES_12),
    signature_schemes=_CERTIFICATE_SIGNATURES,
)
"""The default of November 2026: TLS 1.3, and TLS 1.2 with ephemeral elliptic curves, AEAD ciphers, the
extended main secret and secure renegotiation."""


def _legacy_suites() -> Names:
    """Every suite that keeps data secret from an observer, the better parts first.

    Forward secrecy counts most, then the cipher: AEAD, CBC, 64-bit blocks. RC4, NULL and anonymous suites are
    never in a policy: they have to be named one by one.
    """
    rows = [row for row in SUITES_12.values() if _hides(row)]
    return tuple(row.name for row in sorted(rows, key=_strength))


def _hides(row: CipherSuite12) -> bool:
    return row.cipher.kind != "stream" and row.authentication != "anon"


def _strength(row: CipherSuite12) -> tuple[int, ...]:
    exchange = ("ECDHE", "DHE", "ECDHE_PSK", "DHE_PSK", "RSA", "RSA_PSK", "PSK").index(row.key_exchange)
    small_tag = row.cipher.aead is not None and row.cipher.aead.tag_length < 16
    return (
        exchange,
        row.cipher.kind != "aead",
        row.cipher.block_length == 8,
        small_tag,
        row.authentication != "ECDSA",
        "CCM" in row.cipher.name,
        row.cipher.key_length,
        -(row.mac.digest_size if row.mac is not None else 0),
    )


LEGACY_2026: Final = replace(
    DEFAULT_2026,
    name="LEGACY_2026",
    versions=("TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0"),
    cipher_suites=(*_SUITES, *_legacy_suites()),
    groups=(*_GROUPS, "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"),
    signature_schemes=(*_CERTIFICATE_SIGNATURES, *_SHA1),
    certificate_signature_schemes=(*_CERTIFICATE_SIGNATURES, *_SHA1),
    extended_master_secret="allow",
    secure_renegotiation=False,
    legacy=True,
    certificates=LEGACY_CERTIFICATE_POLICY,
)
"""For servers that cannot do better; programs say `lucidtls.dangerous.LEGACY_2026`."""

VERSIONS: Final = {name: code for code, name in VERSION_NAMES.items() if name != "SSL 3.0"}


def versions(names: Iterable[str]) -> tuple[int, ...]:
    """Resolve protocol versions by name, highest first; raises ConfigurationError for an unknown one."""
    for name in names:
        if name not in VERSIONS:
            raise ConfigurationError(f"unknown version {name!r}; known are: {', '.join(VERSIONS)}")
    return tuple(sorted((VERSIONS[name] for name in set(names)), reverse=True))


_ALL_SUITES: Final[dict[int, AnySuite]] = {**SUITES_13, **SUITES_12}


def cipher_suites(names: Names) -> tuple[AnySuite, ...]:
    """Resolve cipher suites by name or code point; raises ConfigurationError for an unknown one."""
    return _resolve(names, _ALL_SUITES, "cipher suite")


def groups(names: Names) -> tuple[Group, ...]:
    """Resolve groups by name or code point; raises ConfigurationError for an unknown one."""
    return _resolve(names, GROUPS, "group")


def signature_schemes(names: Names) -> tuple[SignatureScheme, ...]:
    """Resolve signature schemes by name or code point; raises ConfigurationError for an unknown one."""
    return _resolve(names, SIGNATURE_SCHEMES, "signature scheme")


def _resolve(names: Names, table: Mapping[int, Row], what: str) -> tuple[Row, ...]:
    by_name = {row.name.lower(): row for row in table.values()}
    found: dict[int, Row] = {}
    for name in names:
        row = by_name.get(name.lower()) if isinstance(name, str) else table.get(name)
        if row is None:
            known = ", ".join(sorted(row.name for row in table.values()))
            raise ConfigurationError(f"unknown {what} {name!r}; known are: {known}")
        found.setdefault(row.code, row)
    return tuple(found.values())
