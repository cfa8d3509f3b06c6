"""Chains for the differential test: seeded, mostly sound, with any mixture of peculiarities and defects.

Each part of a chain is chosen from a list in which the ordinary choice is frequent. A choice that is not
ordinary leaves a word in `Sample.features`, by which disagreements are explained.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certificates import CLIENT_AUTH, DAY, NOW, SERVER_AUTH, Issued, make_ca, make_leaf

ASKED = "www.example.org"
ANY_PURPOSE = x509.ObjectIdentifier("2.5.29.37.0")
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")

# (weight, word, choices): the word is what the choice does to a certificate; "" is the ordinary case.
Option = tuple[int, str, dict[str, Any]]

_VALIDITY: list[Option] = [
    (80, "", {}),
    (1, "expired", {"not_after": NOW - DAY}),
    (1, "not yet valid", {"not_before": NOW + DAY}),
    (1, "ends now", {"not_after": NOW}),
    (1, "begins now", {"not_before": NOW}),
]
_KEYS: list[Option] = [
    (100, "", {"key": "p256"}),
    (2, "", {"key": "p384"}),
    (2, "", {"key": "rsa2048"}),
    (1, "ed25519 key", {"key": "ed25519"}),
    (1, "rsa1024 key", {"key": "rsa1024"}),
    (1, "", {"key": "ml-dsa-44"}),
    (1, "secp256k1 key", {"key": "secp256k1"}),
]
_CA_FLAGS: list[Option] = [
    (80, "", {}),
    (1, "issuer without CA", {"ca": False}),
    (1, "issuer without basic constraints", {"ca": None}),
]
_PATH_LENGTH: list[Option] = [
    (20, "", {}),
    (2, "path length", {"path_length": 0}),
    (2, "path length", {"path_length": 1}),
]
_CA_KEY_USAGE: list[Option] = [
    (60, "", {}),
    (1, "issuer without key usage", {"key_usage": None}),
    (1, "issuer without keyCertSign", {"key_usage": ("digital_signature",)}),
]
_CA_PURPOSES: list[Option] = [
    (40, "", {}),
    (3, "issuer purposes", {"extended_key_usage": (SERVER_AUTH, CLIENT_AUTH)}),
    (1, "issuer purposes", {"extended_key_usage": (CLIENT_AUTH,)}),
    (1, "issuer purposes", {"extended_key_usage": (CODE_SIGNING,)}),
    (1, "issuer any purpose", {"extended_key_usage": (ANY_PURPOSE,)}),
]
_CONSTRAINTS: list[Option] = [
    (50, "", {}),
    (2, "dns constraints", {"permitted": ("example.org",)}),
    (1, "dns constraints", {"permitted": ("example.com", "www.example.org")}),
    (1, "dns constraints", {"permitted": ("example.com",)}),
    (1, "dns constraints", {"excluded": ("example.org",)}),
    (1, "dns constraints", {"excluded": ("mail.example.org",)}),
    (1, "dns constraints", {"excluded": ("xample.org",)}),
    (1, "dotted dns constraints", {"permitted": (".example.org",)}),
    (1, "dotted dns constraints", {"excluded": (".www.example.org",)}),
    (1, "ip constraints", {"permitted": ("192.0.2.0/24",)}),
    (1, "ip constraints", {"excluded": ("192.0.2.128/25", "2001:db8::/32")}),
    (1, "email constraints", {"permitted": (x509.RFC822Name("example.org"),)}),
    (1, "email constraints", {"excluded": (x509.RFC822Name("root@example.org"),)}),
    (1, "directory constraints", {"permitted": (x509.DirectoryName(x509.Name([])),)}),
    (1, "uri constraints", {"excluded": (x509.UniformResourceIdentifier("example.com"),)}),
    (1, "loose constraints", {"permitted": ("example.org",), "constraints_critical": False}),
]
_IDENTIFIERS: list[Option] = [
    (20, "", {}),
    (1, "no authority key id", {"authority_key_id": False}),
    (1, "no subject key id", {"subject_key_id": False}),
]
_UNKNOWN: list[Option] = [
    (100, "", {}),
    (1, "unknown critical", {"extensions": [(UNKNOWN, True)]}),
    (1, "unknown extension", {"extensions": [(UNKNOWN, False)]}),
]
_LEAF_NAMES: list[Option] = [
    (30, "", {"names": (ASKED,)}),
    (6, "", {"names": ("*.example.org", "example.org")}),
    (2, "", {"names": (ASKED.upper(), "192.0.2.7")}),
    (1, "", {"names": (ASKED, "192.0.2.200", "2001:db8::1")}),
    (1, "", {"names": (ASKED, "root@example.org")}),
    (1, "", {"names": (ASKED, "other@example.org")}),
    (1, "", {"names": (ASKED, "https://www.example.com/")}),
    (1, "", {"names": (ASKED, x509.DirectoryName(x509.Name([])))}),
    (1, "wrong name", {"names": ("mail.example.org", "www.example.org.evil.example")}),
    (1, "wrong name", {"names": ("*.org", "*.www.example.org", "w*.example.org")}),
    (1, "wrong name", {"names": ("192.0.2.7",)}),
    (1, "no names", {"names": ()}),
    (1, "odd name", {"names": (ASKED, "a b.example.org")}),
    (1, "odd name", {"names": (ASKED, "example..org")}),
    (1, "odd name", {"names": (ASKED, "*.*.example.org")}),
    (1, "trailing dot", {"names": ("www.example.org.",)}),
    (1, "underscore", {"names": (ASKED, "_dmarc.example.org")}),
]
_LEAF_FLAGS: list[Option] = [
    (50, "", {}),
    (2, "", {"ca": None}),
    (2, "leaf is a CA", {"ca": True, "key_usage": ("digital_signature", "key_cert_sign")}),
]
_LEAF_USAGE: list[Option] = [
    (40, "", {}),
    (2, "", {"key_usage": None}),
    (1, "", {"key_usage": ("digital_signature", "key_encipherment")}),
    (1, "leaf without digitalSignature", {"key_usage": ("key_encipherment",)}),
    (1, "leaf with keyCertSign", {"key_usage": ("digital_signature", "key_cert_sign")}),
]
_LEAF_PURPOSES: list[Option] = [
    (40, "", {}),
    (3, "", {"extended_key_usage": None}),
    (1, "leaf for clients", {"extended_key_usage": (CLIENT_AUTH,)}),
    (1, "leaf for code", {"extended_key_usage": (CODE_SIGNING, CLIENT_AUTH)}),
    (1, "leaf any purpose", {"extended_key_usage": (ANY_PURPOSE,)}),
]
_SUBJECTS: list[Option] = [(20, "", {}), (1, "empty subject", {"subject": ""})]

_ROOT = (_VALIDITY, _KEYS, _CA_FLAGS, _PATH_LENGTH, _CA_KEY_USAGE, _CONSTRAINTS, _UNKNOWN, _IDENTIFIERS)
_INTERMEDIATE = (*_ROOT, _CA_PURPOSES)
_LEAF = (
    _VALIDITY,
    _KEYS,
    _LEAF_NAMES,
    _LEAF_FLAGS,
    _LEAF_USAGE,
    _LEAF_PURPOSES,
    _SUBJECTS,
    _IDENTIFIERS,
    _UNKNOWN,
)


@dataclass
class Sample:
    """A store, what the peer sends, and the words for what is peculiar about them."""

    roots: list[x509.Certificate]
    leaf: x509.Certificate
    others: list[x509.Certificate]
    role: str
    features: set[str] = field(default_factory=set)


def sample(seed: int) -> Sample:
    """Make the sample of a seed; the keys apart, it is always the same."""
    dice = random.Random(seed)
    features: set[str] = set()
    root = _root(dice, features)
    chain = [root]
    for depth in range(dice.choice((0, 1, 1, 1, 2, 2, 3))):
        chain.append(_intermediate(dice, chain[-1], depth, features))
    leaf = _leaf(dice, chain[-1], features)
    others = [issued.certificate for issued in chain[1:]]
    roots = [root.certificate, *([make_ca("Another Root").certificate] * dice.randint(0, 1))]
    _disturb(dice, chain, roots, others, features)
    return Sample(roots, leaf.certificate, others, dice.choice(("server", "server", "client")), features)


def _pick(
    dice: random.Random, lists: Sequence[list[Option]], where: str, features: set[str]
) -> dict[str, Any]:
    choices: dict[str, Any] = {}
    for options in lists:
        _, word, chosen = dice.choices(options, [weight for weight, _, _ in options])[0]
        if word:
            features.add(f"{where}: {word}")
        choices |= chosen
    return choices


def _root(dice: random.Random, features: set[str]) -> Issued:
    choices = _pick(dice, _ROOT, "root", features)
    return make_ca("Generated Root", number=dice.randint(1, 2), **choices)


def _intermediate(dice: random.Random, issuer: Issued, depth: int, features: set[str]) -> Issued:
    choices = _pick(dice, _INTERMEDIATE, "intermediate", features)
    subject: str | x509.Name = f"Generated Intermediate {depth}"
    if dice.random() < 0.03:
        # A self-issued certificate: the same name as its issuer, with another key.
        subject = issuer.name
        features.add("self-issued intermediate")
    return make_ca(
        subject, _signer(dice, issuer, features), number=10 + 2 * depth + dice.randint(0, 1), **choices
    )


def _leaf(dice: random.Random, issuer: Issued, features: set[str]) -> Issued:
    choices = _pick(dice, _LEAF, "leaf", features)
    if dice.random() < 0.03:
        features.add("self-signed leaf")
        return make_leaf(None, number=99, **choices)
    names = choices.pop("names")
    leaf = make_leaf(_signer(dice, issuer, features), *names, number=99, **choices)
    if not names:
        choices |= {"names": None}
        leaf = make_leaf(_signer(dice, issuer, features), number=99, **choices)
    return leaf


def _signer(dice: random.Random, issuer: Issued, features: set[str]) -> Issued:
    """Return the issuer, or now and then one of its name with another key: the signature will be wrong."""
    if dice.random() > 0.015:
        return issuer
    features.add("wrong signature")
    return make_ca(issuer.name, key="p256", number=77)


def _disturb(
    dice: random.Random,
    chain: list[Issued],
    roots: list[x509.Certificate],
    others: list[x509.Certificate],
    features: set[str],
) -> None:
    """Leave out, add and shuffle what the peer sends; now and then distrust the root."""
    if others and dice.random() < 0.03:
        others.pop(dice.randrange(len(others)))
        features.add("missing intermediate")
    if dice.random() < 0.2:
        others.append(make_ca("Surplus Root").certificate)
    if dice.random() < 0.2:
        others.append(chain[0].certificate)
    if dice.random() < 0.1:
        cross = make_ca("Another Root")
        others.append(make_ca(chain[0].name, cross, key=chain[0].kind, number=1).certificate)
        features.add("cross-signed root")
    if dice.random() < 0.03:
        roots[:] = [make_ca("Another Root").certificate]
        features.add("root not trusted")
    if len(chain) > 1 and dice.random() < 0.03:
        roots[:] = [chain[1].certificate]
        features.add("anchor is an intermediate")
    dice.shuffle(others)
