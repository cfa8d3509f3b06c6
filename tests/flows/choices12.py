"""Configs that offer one cipher suite in one version before TLS 1.3, and identities that fit it."""

from __future__ import annotations

from functools import cache
from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.suites12 import CipherSuite12, suite12_named
from lucidtls.dangerous import LEGACY_2026, NoVerification
from lucidtls.events import PreSharedKey
from lucidtls.trust.credentials import Credential
from lucidtls.wire.versions import TLS12, VERSION_NAMES
from tests.certificates import make_leaf
from tests.flows.parties import SERVER_NAME, client_config, credential, root, server_config

ECDSA_SUITE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
CBC_SUITE = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
RSA_SUITE = "TLS_RSA_WITH_AES_128_CBC_SHA"
DHE_SUITE = "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"
PSK = PreSharedKey(b"somebody", b"a secret of both sides")
SCHEMES = (0x0403, 0x0804, 0x0401, 0x0807, 0x0201, 0x0203)


@cache
def rsa_credential(*names: str) -> Credential:
    """A credential whose RSA key may sign and may encrypt."""
    leaf = make_leaf(
        root(), *(names or (SERVER_NAME,)), key="rsa2048", key_usage=("digital_signature", "key_encipherment")
    )
    return Credential.load([leaf.der], leaf.key)


def identity_for(suite: CipherSuite12) -> Credential:
    """The credential that a server needs for a suite."""
    return rsa_credential() if suite.authentication == "RSA" else credential()


def _choices(suite: str, version: int) -> dict[str, Any]:
    """What makes a config offer one suite in one version."""
    row = suite12_named(suite)
    choices: dict[str, Any] = {"versions": (VERSION_NAMES[version],), "cipher_suites": (suite,)}
    choices["policy"] = LEGACY_2026
    choices["groups"] = ("x25519", "secp256r1", "ffdhe2048") if row.key_exchange[0] == "D" else None
    return {name: value for name, value in choices.items() if value is not None}


def client12(suite: str = ECDSA_SUITE, version: int = TLS12, **choices: Any) -> ClientConfig:
    """A client that offers one suite; LEGACY_2026, so that nothing is refused for being weak alone."""
    row = suite12_named(suite)
    own = _choices(suite, version)
    if row.authentication == "anon":
        own |= {"trust": None, "verifier": NoVerification()}
    if "PSK" in row.key_exchange:
        own["psk"] = PSK
    return client_config(**(own | choices))


def server12(suite: str = ECDSA_SUITE, version: int = TLS12, **choices: Any) -> ServerConfig:
    """A server that takes one suite."""
    row = suite12_named(suite)
    own = _choices(suite, version) | {"credentials": identity_for(row)}
    if "PSK" in row.key_exchange:
        own["find_psk"] = {PSK.identity: PSK.key}.get
    return server_config(**(own | choices))
