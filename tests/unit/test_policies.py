"""Policies: dated, frozen, and made of algorithms that RFC 9846 allows."""

from __future__ import annotations

import pytest

from lucidtls import policies
from lucidtls.errors import ConfigurationError
from lucidtls.policies import DEFAULT_2026, MODERN_2026

SNAPSHOT = {
    "cipher_suites": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    "groups": (
        "X25519MLKEM768", "x25519", "secp256r1", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
        "secp384r1", "secp521r1", "x448",
    ),
    "shares": ("X25519MLKEM768", "x25519"),
    "signature_schemes": (
        "ecdsa_secp256r1_sha256", "ed25519", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed448",
        "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
        "rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512",
        "mldsa44", "mldsa65", "mldsa87",
    ),
}  # fmt: skip


def test_a_released_policy_does_not_change() -> None:
    """MODERN_2026 stays what it was in 2026: a better choice is a policy with a new date."""
    assert {name: getattr(MODERN_2026, name) for name in SNAPSHOT} == SNAPSHOT
    assert MODERN_2026.certificate_signature_schemes == (
        *SNAPSHOT["signature_schemes"],
        "rsa_pkcs1_sha256",
        "rsa_pkcs1_sha384",
        "rsa_pkcs1_sha512",
    )
    assert DEFAULT_2026 is MODERN_2026


def test_the_default_has_what_every_implementation_must_have() -> None:
    """TLS_AES_128_GCM_SHA256, secp256r1, and the three mandatory signatures are there (RFC 9846 §9.1)."""
    assert "TLS_AES_128_GCM_SHA256" in DEFAULT_2026.cipher_suites
    assert "secp256r1" in DEFAULT_2026.groups and "x25519" in DEFAULT_2026.groups
    assert {"rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"} <= set(DEFAULT_2026.signature_schemes)
    assert "rsa_pkcs1_sha256" in DEFAULT_2026.certificate_signature_schemes


def test_no_policy_signs_with_sha_1_or_pkcs_1() -> None:
    """SHA-1 and PKCS#1 v1.5 are not for CertificateVerify (RFC 9846 §4.3.3)."""
    rows = policies.signature_schemes(DEFAULT_2026.signature_schemes)
    assert all(row.tls13 for row in rows)
    assert not [
        row.name
        for row in policies.signature_schemes(DEFAULT_2026.certificate_signature_schemes)
        if row.hash is not None and row.hash.name == "sha1"
    ]


def test_shares_are_among_the_groups_and_in_their_order() -> None:
    """A policy's shares obey the order of its groups (RFC 9846 §4.3.8)."""
    places = [DEFAULT_2026.groups.index(share) for share in DEFAULT_2026.shares]
    assert places == sorted(places)


def test_names_resolve_to_rows() -> None:
    """Names in any case, numbers, and repetitions resolve to one row each."""
    rows = policies.groups(("X25519", 0x1D, "SECP256R1"))
    assert [row.code for row in rows] == [0x1D, 0x17]


@pytest.mark.parametrize("resolve", [policies.cipher_suites, policies.groups, policies.signature_schemes])
def test_an_unknown_name_is_refused_with_a_list_of_known_ones(resolve: object) -> None:
    """A misspelt algorithm is an error that helps to spell it."""
    assert callable(resolve)
    for name in ("no such thing", 0xFEFE):
        with pytest.raises(ConfigurationError, match="known are"):
            resolve((name,))
