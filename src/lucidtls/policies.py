"""Dated policies: which algorithms a side offers and accepts, as rows of rows.

A policy never changes once released. A better choice is a new policy with a new date, and a line in the
changelog; whoever needs the old one names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from lucidtls.crypto.groups import GROUPS, Group
from lucidtls.crypto.signatures import SIGNATURE_SCHEMES, SignatureScheme
from lucidtls.crypto.suites import SUITES_13, CipherSuite
from lucidtls.errors import ConfigurationError

Names = tuple[str | int, ...]
"""Algorithms by IANA name or code point, most preferred first."""


Row = TypeVar("Row", CipherSuite, Group, SignatureScheme)


@dataclass(frozen=True, slots=True)
class Policy:
    """Algorithms in order of preference, by IANA name.

    `shares` are the groups a client sends a key share for in its first message; the others can be
    asked for with a HelloRetryRequest. `certificate_signature_schemes` are those accepted inside chains.
    """

    name: str
    cipher_suites: Names
    groups: Names
    shares: Names
    signature_schemes: Names
    certificate_signature_schemes: Names


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

MODERN_2026 = Policy(
    name="MODERN_2026",
    cipher_suites=_SUITES,
    groups=_GROUPS,
    shares=("X25519MLKEM768", "x25519"),
    signature_schemes=_SIGNATURES,
    certificate_signature_schemes=_CERTIFICATE_SIGNATURES,
)
"""TLS 1.3 only."""

DEFAULT_2026 = MODERN_2026
"""The default of November 2026."""


def cipher_suites(names: Names) -> tuple[CipherSuite, ...]:
    """Resolve cipher suites by name or code point; raises ConfigurationError for an unknown one."""
    return _resolve(names, SUITES_13, "cipher suite")


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
