"""Configs for connections in memory: identities, trust, a fixed clock and seeded randomness.

What is expensive (keys, certificates, trust stores) is made once per process. Signatures and ML-KEM answers
still differ between runs; everything else repeats.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.crypto.randomness import Random
from lucidtls.trust.credentials import Credential
from lucidtls.trust.stores import TrustStore, load_trust
from tests.certificates import NOW, Issued, chain, make_ca, make_leaf

SERVER_NAME = "www.example.org"
CLIENT_NAME = "client.example.org"

# Quick groups: most flows are about messages, not about the key exchange.
GROUPS = ("x25519", "secp256r1")


def seeded(seed: object) -> Random:
    """Return a source of bytes that gives the same ones for the same seed, in the same order."""
    counter = 0

    def random(length: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_128(f"{seed}/{counter}".encode()).digest(length)

    return random


def clock() -> datetime:
    """The moment at which all test certificates are valid."""
    return NOW


@cache
def root() -> Issued:
    """The authority that everybody trusts."""
    return make_ca("Flow Root")


@cache
def trust() -> TrustStore:
    """The store with that authority."""
    return load_trust(root().der)


def leaf(kind: str = "p256", *names: str) -> Issued:
    """A leaf under the root; the same one for the same arguments."""
    return _leaf(kind, names or (SERVER_NAME,))


@cache
def _leaf(kind: str, names: tuple[str, ...]) -> Issued:
    return make_leaf(root(), *names, key=kind)


def credential(kind: str = "p256", *names: str) -> Credential:
    """The credential of that leaf."""
    return _credential(kind, names or (SERVER_NAME,))


@cache
def _credential(kind: str, names: tuple[str, ...]) -> Credential:
    issued = _leaf(kind, names)
    return Credential.load(list(chain(issued)), issued.key)


def client_credential(kind: str = "p256") -> Credential:
    """A credential for a client."""
    return credential(kind, CLIENT_NAME)


def client_config(**choices: Any) -> ClientConfig:
    """A client that trusts the root; `choices` are fields of the config."""
    defaults: dict[str, Any] = {
        "trust": trust(),
        "groups": GROUPS,
        "clock": clock,
        "random": seeded("client"),
    }
    return ClientConfig(**(defaults | choices))


def server_config(**choices: Any) -> ServerConfig:
    """A server with a P-256 leaf; asked for client certificates, it trusts those of the root."""
    defaults: dict[str, Any] = {
        "credentials": credential(),
        "groups": GROUPS,
        "clock": clock,
        "random": seeded("server"),
        # Tickets come where a test asks for them: most flows end with the handshake.
        "tickets": 0,
    }
    if choices.get("client_authentication", "none") != "none":
        defaults["trust"] = trust()
    return ServerConfig(**(defaults | choices))
