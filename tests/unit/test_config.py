"""Configs: what they check when they are built, and what they make of names."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from lucidtls.config import ClientConfig, ServerConfig, system_clock
from lucidtls.crypto.groups import GROUPS
from lucidtls.crypto.primes import modp_prime
from lucidtls.dangerous import LEGACY_2026, NoVerification
from lucidtls.errors import ConfigurationError
from lucidtls.events import PreSharedKey
from lucidtls.policies import DEFAULT_2026, MODERN_2026, Policy
from lucidtls.trust.credentials import ASK
from lucidtls.trust.verify import ChainVerifier
from lucidtls.wire.extensions import ch
from lucidtls.wire.versions import TLS10, TLS11, TLS12, TLS13
from tests.flows.hostile import HostileServer
from tests.flows.parties import client_config, credential, server_config, trust

ANONYMOUS = ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA",)
LEGACY_SUITE = {"cipher_suites": ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",)}


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"max_record_size": 0}, "max_record_size"),
        ({"max_record_size": 2**14 + 1}, "max_record_size"),
        ({"rekey_after_records": 1}, "at least 2"),
        ({"alpn": "h2"}, "sequence"),
        ({"alpn": ("",)}, "1 to 255"),
        ({"alpn": ("x" * 256,)}, "1 to 255"),
        ({"alpn": ("hé",)}, "ASCII"),
        ({"alpn": tuple(f"{number:0255d}" for number in range(200))}, "too long"),
        ({"certificate_authorities": (bytes(20_000), bytes(20_000))}, "too long"),
        ({"cipher_suites": ("TLS_RSA_EXPORT_WITH_RC4_40_MD5",)}, "unknown cipher suite"),
        ({"cipher_suites": (0x0003,)}, "unknown cipher suite"),
        ({"cipher_suites": ("TLS_RSA_WITH_RC4_128_MD5",)}, "is weak .*LEGACY_2026"),
        ({"cipher_suites": ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",)}, r"is weak \(CBC\)"),
        ({"cipher_suites": ("TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",)}, "cannot be used"),
        ({"versions": ("TLS 1.1",)}, "no cipher suite fits"),
        (LEGACY_SUITE | {"versions": ("TLS 1.2", "TLS 1.1")}, r"TLS 1.1 is withdrawn \(RFC 8996\)"),
        (LEGACY_SUITE | {"versions": ("TLS 1.0",)}, r"TLS 1.0 is withdrawn \(RFC 8996\)"),
        ({"versions": ("SSL 3.0",)}, "unknown version"),
        ({"versions": ("TLS 1.2",), "cipher_suites": ("TLS_AES_128_GCM_SHA256",)}, "no cipher suite fits"),
        ({"extended_master_secret": "maybe"}, '"require", "allow" or "off"'),
        ({"encrypt_then_mac": "maybe"}, '"require", "allow" or "off"'),
        ({"cipher_suites": ()}, "empty list"),
        ({"groups": ("brainpoolP256r1",)}, "unknown group"),
        ({"groups": ("MLKEM512",)}, "cannot be used"),
        ({"groups": ()}, "empty list"),
        ({"policy": MODERN_2026, "signature_schemes": ("rsa_pkcs1_sha256",)}, "cannot be used"),
        ({"policy": MODERN_2026, "signature_schemes": ("ecdsa_sha1",)}, "ecdsa_sha1 .*LEGACY_2026"),
        ({"signature_schemes": ("ecdsa_sha1",)}, "ecdsa_sha1 .*LEGACY_2026"),
        ({"signature_schemes": (0xFF01,)}, "unknown signature scheme"),
        ({"signature_schemes": ("dsa",)}, "unknown signature scheme"),
        ({"signature_schemes": ()}, "empty list"),
        ({"certificate_signature_schemes": ()}, "empty list"),
    ],
)
@pytest.mark.parametrize("make", [client_config, server_config])
def test_a_config_that_cannot_work_is_refused_when_it_is_built(make: Any, choices: Any, words: str) -> None:
    """A mistake in a config is found before any connection is made."""
    with pytest.raises(ConfigurationError, match=words):
        make(**choices)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"credentials": ()}, "at least one credential"),
        ({"client_authentication": "maybe"}, "client_authentication"),
        ({"client_authentication": "require", "trust": None}, "whose client certificates"),
        ({"cookie_key": b"short"}, "32 bytes"),
        ({"hello_retry": "always"}, "needs a cookie_key"),
        ({"dh_parameters": (0, 2)}, "two positive numbers"),
        ({"dh_parameters": (modp_prime(1024), 2)}, "would be refused"),
        ({"dh_parameters": (3 * 2**2047 + 1, 2)}, "would be refused"),
    ],
)
def test_a_server_needs_what_it_will_use(choices: Any, words: str) -> None:
    """A server without identity, or without means to do what it is told, is refused."""
    with pytest.raises(ConfigurationError, match=words):
        server_config(**choices)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"renegotiation": "maybe"}, '"refuse" or "accept"'),
        ({"policy": LEGACY_2026, "cipher_suites": ANONYMOUS}, "who the server is"),
        ({"policy": LEGACY_2026, "cipher_suites": ANONYMOUS, "verifier": ASK}, "who the server is"),
        ({"cipher_suites": ANONYMOUS, "verifier": NoVerification()}, "nobody is authenticated"),
    ],
)
def test_a_client_must_be_able_to_know_the_server(choices: Any, words: str) -> None:
    """A client that would not notice who the server is, and did not say that it wants that, is refused."""
    with pytest.raises(ConfigurationError, match=words):
        client_config(**choices)


def test_legacy_choices_are_made_for_one_config() -> None:
    """Withdrawn versions and weak suites work with the policy that names them, and with no other."""
    legacy = {"policy": LEGACY_2026, "versions": ("TLS 1.0",), "groups": None}
    assert client_config(**legacy).algorithms.versions == (TLS10,)
    assert client_config().algorithms.versions == (TLS13, TLS12)
    named = client_config(policy=LEGACY_2026, cipher_suites=("TLS_RSA_WITH_RC4_128_MD5",))
    assert named.algorithms.versions == (TLS12, TLS11, TLS10)


def test_a_version_without_a_suite_is_not_offered() -> None:
    """AEAD suites are for TLS 1.2 alone: no others, no older version (RFC 5246 §6.2.3.3)."""
    config = client_config(policy=LEGACY_2026, cipher_suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",))
    assert config.algorithms.versions == (TLS12,)


def test_suites_of_pre_shared_keys_need_one() -> None:
    """A policy's PSK suites are used by those who have a key, and not offered by others."""
    without = {row.key_exchange for row in client_config(policy=LEGACY_2026).algorithms.older_suites}
    assert not {name for name in without if "PSK" in name}
    known = client_config(psk=PreSharedKey(b"us", b"k" * 16)).algorithms.older_suites
    assert {row.key_exchange for row in known} == {"ECDHE", "ECDHE_PSK"}
    found = server_config(find_psk=lambda identity: None).algorithms.older_suites
    assert {row.key_exchange for row in found} == {"ECDHE", "ECDHE_PSK"}


def test_a_server_whose_suites_need_no_certificate_needs_none() -> None:
    """A server of pre-shared keys alone has nobody's certificate to show (RFC 4279 §2)."""
    psk = ("TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",)
    config = server_config(credentials=(), cipher_suites=psk, find_psk=lambda identity: None)
    assert config.credential_list == ()


def test_a_share_needs_its_group() -> None:
    """A client MUST NOT send a share for a group that it does not list (RFC 9846 §4.3.8)."""
    with pytest.raises(ConfigurationError, match="needs x448 among the groups"):
        client_config(groups=("x25519",), shares=("x448",))


@pytest.mark.parametrize(
    ("groups", "shares", "sent"),
    [
        (("x25519", "secp256r1"), None, ("x25519",)),
        (("secp256r1", "secp384r1"), None, ("secp256r1",)),
        (None, None, DEFAULT_2026.shares),
        (("x25519", "secp256r1"), (), ()),
        (("x25519", "secp256r1"), ("secp256r1",), ("secp256r1",)),
        (("x25519", "secp256r1"), ("secp256r1", "x25519"), ("x25519", "secp256r1")),
        (("x25519", "X25519MLKEM768"), None, ("x25519", "X25519MLKEM768")),
    ],
)
def test_shares_stand_in_the_order_of_the_groups(groups: Any, shares: Any, sent: tuple[str, ...]) -> None:
    """Each share MUST appear in the same order as its group in supported_groups (RFC 9846 §4.3.8)."""
    hello = HostileServer(client_config(groups=groups, shares=shares)).client_hello
    names = tuple(GROUPS[share.group].name for share in hello.extensions.get(ch.KEY_SHARE) or ())
    assert names == sent
    listed = hello.extensions.get(ch.SUPPORTED_GROUPS) or ()
    assert [g for g in listed if GROUPS[g].name in names] == [
        s.group for s in hello.extensions.get(ch.KEY_SHARE) or ()
    ]


def test_names_may_be_code_points_and_in_any_case() -> None:
    """Algorithms are named by IANA name or by number; what is named twice counts once."""
    config = client_config(cipher_suites=(0x1302, "tls_aes_256_gcm_sha384"), groups=("X25519", 0x17))
    assert [suite.code for suite in config.algorithms.cipher_suites] == [0x1302]
    assert [group.name for group in config.algorithms.groups] == ["x25519", "secp256r1"]


def test_what_a_policy_names_and_this_build_lacks_is_left_out() -> None:
    """A policy may name algorithms that not every library has."""
    policy = Policy(
        name="with MLKEM512",
        cipher_suites=DEFAULT_2026.cipher_suites,
        groups=("MLKEM512", "x25519"),
        shares=("MLKEM512", "x25519"),
        signature_schemes=("rsa_pkcs1_sha256", "ed25519"),
        certificate_signature_schemes=("ed25519",),
    )
    algorithms = client_config(policy=policy, groups=None).algorithms
    assert [row.name for row in algorithms.groups] == ["x25519"]
    assert [row.name for row in algorithms.shares] == ["x25519"]
    assert [row.name for row in algorithms.signature_schemes] == ["ed25519"]


def test_one_list_of_signature_algorithms_is_sent_when_both_are_the_same() -> None:
    """signature_algorithms_cert MAY be left out when it would say the same (RFC 9846 §4.3.3)."""
    same = client_config(signature_schemes=("ed25519",), certificate_signature_schemes=("ed25519",))
    modern = client_config(policy=MODERN_2026)
    assert ch.SIGNATURE_ALGORITHMS_CERT not in HostileServer(same).client_hello.extensions
    assert ch.SIGNATURE_ALGORITHMS_CERT in HostileServer(modern).client_hello.extensions


def test_a_config_is_frozen_and_can_be_varied() -> None:
    """Configs are what was asked and never change; a variation is a new one."""
    config = client_config()
    with pytest.raises(FrozenInstanceError):
        config.alpn = ("h2",)  # type: ignore[misc]
    varied = replace(config, alpn=("h2",))
    assert (config.alpn_protocols, varied.alpn_protocols) == ((), (b"h2",))


def test_one_credential_is_a_list_of_one() -> None:
    """A single credential needs no brackets."""
    assert server_config(credentials=credential()).credential_list == (credential(),)
    assert client_config().credential_list == ()


def test_trust_and_verifier() -> None:
    """Without a verifier of one's own, chains are verified against the anchors given."""
    verifier = client_config().chain_verifier
    assert isinstance(verifier, ChainVerifier) and verifier.trust is trust()
    assert client_config(verifier=ASK).chain_verifier is ASK


def test_the_default_trust_is_the_systems() -> None:
    """A client that is told nothing trusts what its system trusts."""
    assert type(ClientConfig().trust_store).__name__ in ("TrustStore", "SystemTrust")


def test_a_server_may_leave_every_choice_to_a_function() -> None:
    """choose_credential can stand in the place of a list."""
    assert ServerConfig(choose_credential=ASK).credential_list == ()


def test_the_system_clock_is_aware_and_in_utc() -> None:
    """Certificates are compared with UTC."""
    assert system_clock().tzinfo is UTC
    assert abs(system_clock() - system_clock()) < timedelta(seconds=5)


def test_no_secret_is_in_the_text_of_a_config() -> None:
    """A config can be printed."""
    text = repr(server_config(cookie_key=b"very secret cookie key, 32 bytes"))
    text += repr(client_config(psk=PreSharedKey(b"us", b"very secret")))
    assert "very secret" not in text
