"""Policies: dated, frozen, and made of algorithms that RFC 9846 allows."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from lucidtls import policies
from lucidtls.crypto.suites12 import SUITES_12
from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import ConfigurationError
from lucidtls.policies import DEFAULT_2026, MODERN_2026, Policy
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY, LEGACY_CERTIFICATE_POLICY

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


RSA_PKCS1 = ("rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512")
SHA1 = ("ecdsa_sha1", "rsa_pkcs1_sha1")

DEFAULT_SUITES_12 = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
)  # fmt: skip

LEGACY_SUITES = (88, "d925644c0d9104888dd49a9405d567c7a8aef960b0fa53b077db0e4dc10cfb0b")
"""How many suites LEGACY_2026 has, and the hash of their names in their order, one per line."""


def test_a_released_policy_does_not_change() -> None:
    """MODERN_2026 stays what it was in 2026: a better choice is a policy with a new date."""
    assert {name: getattr(MODERN_2026, name) for name in SNAPSHOT} == SNAPSHOT
    assert MODERN_2026.certificate_signature_schemes == (*SNAPSHOT["signature_schemes"], *RSA_PKCS1)
    assert MODERN_2026.versions == ("TLS 1.3",) and not MODERN_2026.legacy
    assert MODERN_2026.certificates is DEFAULT_CERTIFICATE_POLICY


def test_the_default_of_2026_does_not_change() -> None:
    """DEFAULT_2026 is TLS 1.3, and TLS 1.2 with ECDHE, AEAD, RFC 7627 and RFC 5746 (RFC 9325)."""
    assert (
        replace(
            MODERN_2026,
            name="DEFAULT_2026",
            versions=("TLS 1.3", "TLS 1.2"),
            cipher_suites=(*SNAPSHOT["cipher_suites"], *DEFAULT_SUITES_12),
            signature_schemes=(*SNAPSHOT["signature_schemes"], *RSA_PKCS1),
        )
        == DEFAULT_2026
    )
    assert (DEFAULT_2026.extended_master_secret, DEFAULT_2026.encrypt_then_mac) == ("require", "allow")
    assert DEFAULT_2026.secure_renegotiation and not DEFAULT_2026.legacy


def test_the_legacy_policy_of_2026_does_not_change() -> None:
    """LEGACY_2026 adds the old versions, SHA-1, fields, and every suite that hides data."""
    names = "\n".join(map(str, LEGACY_2026.cipher_suites))
    assert (len(LEGACY_2026.cipher_suites), sha256(names.encode()).hexdigest()) == LEGACY_SUITES
    fields_of_rfc_7919 = ("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192")
    assert (
        replace(
            DEFAULT_2026,
            name="LEGACY_2026",
            versions=("TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0"),
            cipher_suites=LEGACY_2026.cipher_suites,
            groups=(*DEFAULT_2026.groups, *fields_of_rfc_7919),
            signature_schemes=(*DEFAULT_2026.signature_schemes, *SHA1),
            certificate_signature_schemes=(*DEFAULT_2026.certificate_signature_schemes, *SHA1),
            extended_master_secret="allow",
            secure_renegotiation=False,
            legacy=True,
            certificates=LEGACY_CERTIFICATE_POLICY,
        )
        == LEGACY_2026
    )


def test_the_default_policy_has_no_weak_suite() -> None:
    """Ephemeral curves with AEAD are all that the default has before TLS 1.3 (RFC 9325)."""
    weaknesses = {row.name: row.weaknesses for row in SUITES_12.values()}
    assert [weaknesses[name] for name in DEFAULT_SUITES_12] == [()] * len(DEFAULT_SUITES_12)


def test_no_policy_has_suites_that_keep_nothing_secret() -> None:
    """NULL, RC4 and anonymous suites have to be named one by one (RFC 7465)."""
    rows = {row.name: row for row in SUITES_12.values()}
    older = [rows[name] for name in LEGACY_2026.cipher_suites if name in rows]
    assert not [row.name for row in older if row.cipher.name in ("NULL", "RC4-128")]
    assert not [row.name for row in older if row.authentication == "anon"]
    left_out = [row for row in rows.values() if row.name not in LEGACY_2026.cipher_suites]
    assert all(row.cipher.kind == "stream" or row.authentication == "anon" for row in left_out)


def test_the_legacy_policy_prefers_the_stronger_parts() -> None:
    """Forward secrecy counts before the cipher, AEAD before CBC, and 64-bit blocks come last."""
    rows = {row.name: row for row in SUITES_12.values()}
    older = [rows[name] for name in LEGACY_2026.cipher_suites if name in rows]
    exchanges = list(dict.fromkeys(row.key_exchange for row in older))
    assert exchanges == ["ECDHE", "DHE", "ECDHE_PSK", "DHE_PSK", "RSA", "RSA_PSK", "PSK"]
    for exchange in exchanges:
        kinds = [
            (row.cipher.kind, row.cipher.block_length == 8) for row in older if row.key_exchange == exchange
        ]
        assert list(dict.fromkeys(kinds)) == [("aead", False), ("block", False), ("block", True)]


def test_the_default_has_what_every_implementation_must_have() -> None:
    """TLS_AES_128_GCM_SHA256, secp256r1, and the three mandatory signatures are there (RFC 9846 §9.1)."""
    assert "TLS_AES_128_GCM_SHA256" in DEFAULT_2026.cipher_suites
    assert "secp256r1" in DEFAULT_2026.groups and "x25519" in DEFAULT_2026.groups
    assert {"rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"} <= set(DEFAULT_2026.signature_schemes)
    assert "rsa_pkcs1_sha256" in DEFAULT_2026.certificate_signature_schemes


def test_tls_1_3_signs_with_neither_sha_1_nor_pkcs_1() -> None:
    """SHA-1 and PKCS#1 v1.5 are not for CertificateVerify (RFC 9846 §4.3.3)."""
    rows = policies.signature_schemes(MODERN_2026.signature_schemes)
    assert all(row.tls13 for row in rows)


@pytest.mark.parametrize("policy", [MODERN_2026, DEFAULT_2026], ids=lambda policy: policy.name)
def test_sha_1_is_for_the_legacy_policy_alone(policy: Policy) -> None:
    """SHA-1 MUST NOT sign anything in TLS 1.2 either (RFC 9155 §2)."""
    names = (*policy.signature_schemes, *policy.certificate_signature_schemes)
    hashes = {row.hash.name for row in policies.signature_schemes(names) if row.hash is not None}
    assert "sha1" not in hashes and "md5_sha1" not in hashes


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


def test_versions_resolve_from_the_highest_down() -> None:
    """Versions have no order of preference but their age, and SSL 3.0 is none of them (RFC 7568 §3)."""
    assert policies.versions(("TLS 1.0", "TLS 1.3", "TLS 1.2", "TLS 1.0")) == (0x0304, 0x0303, 0x0301)
    with pytest.raises(ConfigurationError, match=r"unknown version 'SSL 3\.0'; known are: TLS 1\.0"):
        policies.versions(("SSL 3.0",))
