"""pyca's verifier as an oracle: on thousands of generated chains the two agree, or the table says why not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from lucidtls.errors import CertificateRejected
from lucidtls.trust.names import DNSName
from lucidtls.trust.stores import load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.certificates import NOW
from tests.unit.trust.generated import ASKED, Sample, sample

SAMPLES = 3200
ACCEPTED = "accepted"


@dataclass(frozen=True)
class Difference:
    """A class of chains that the two judge differently: our verdict, pyca's (a pattern), what causes it, why.

    A chain belongs to it when it has one of the features. Where several certificates have the issuer's
    name, pyca may report why the last of them did not fit in place of the real cause; `masked` allows for
    that.
    """

    word: str
    ours: str
    theirs: str
    features: tuple[str, ...]
    reason: str
    masked: bool = True

    def explains(self, ours: str, theirs: str, features: set[str]) -> bool:
        """Tell whether a disagreement is of this class."""
        if ours != self.ours or not any(feature in features for feature in self.features):
            return False
        several = features & {"cross-signed root", "self-issued intermediate"}
        hidden = self.masked and several and re.search(_MASK, theirs)
        return bool(hidden or re.search(self.theirs, theirs))


_MASK = "signature does not match|no interior errors"


def _of_issuers(*words: str) -> tuple[str, ...]:
    return tuple(f"{where}: {word}" for where in ("root", "intermediate") for word in words)


DIFFERENCES = (
    Difference(
        "leaf may be a CA",
        ACCEPTED,
        r"basicConstraints.cA must not be asserted in an EE",
        ("leaf: leaf is a CA",),
        "RFC 5280 §6.1 validates any target certificate; development certificates are often CA:TRUE",
    ),
    Difference(
        "leaf may have keyCertSign",
        ACCEPTED,
        r"EE keyUsage must not assert keyCertSign",
        ("leaf: leaf with keyCertSign",),
        "that the key may sign certificates too takes nothing from its digitalSignature",
    ),
    Difference(
        "any purpose includes ours",
        ACCEPTED,
        r"required EKU not found",
        ("leaf: leaf any purpose",),
        "anyExtendedKeyUsage says that the CA does not restrict the key (RFC 5280 §4.2.1.12)",
    ),
    Difference(
        "leaf needs no authority key identifier",
        ACCEPTED,
        r"2\.5\.29\.35: Certificate is missing required extension",
        ("leaf: no authority key id",),
        "it helps to find the issuer and proves nothing; certificates of private PKIs lack it",
    ),
    Difference(
        "issuers need no key usage",
        ACCEPTED,
        r"2\.5\.29\.15: Certificate is missing required extension",
        _of_issuers("issuer without key usage"),
        'RFC 5280 §6.1.4 (n) asks for keyCertSign only "if a key usage extension is present"',
    ),
    Difference(
        "clients need no subjectAltName",
        ACCEPTED,
        r"2\.5\.29\.17: Certificate is missing required extension",
        ("leaf: no names",),
        "TLS compares no name with a client's certificate",
    ),
    Difference(
        "EdDSA",
        ACCEPTED,
        r"Forbidden (public key|signature) algorithm: .*Ed25519",
        _of_issuers("ed25519 key"),
        "the WebPKI has no EdDSA yet, but TLS 1.3 has (RFC 9846 §4.3.3)",
    ),
    Difference(
        "directoryName constraints",
        ACCEPTED,
        r"unsupported directoryName constraint",
        _of_issuers("directory constraints"),
        "pyca refuses what it does not process; RFC 5280 §4.2.1.10 says that it MUST be processed",
    ),
    Difference(
        "URI constraints",
        ACCEPTED,
        r"unsupported name constraint",
        _of_issuers("uri constraints"),
        "pyca refuses what it does not process; here they are processed (RFC 5280 §4.2.1.10)",
    ),
    Difference(
        "DNS constraints with a leading dot",
        ACCEPTED,
        r"malformed DNS name constraint",
        _of_issuers("dotted dns constraints"),
        "not in RFC 5280 §4.2.1.10 but in real certificates: subdomains only, as in OpenSSL and Go",
    ),
    Difference(
        "odd names under DNS constraints",
        ACCEPTED,
        r"malformed SAN",
        ("leaf: odd name", "leaf: trailing dot", "leaf: underscore", "leaf: wrong name"),
        "a name that is no host name is compared label by label and can never be the name asked for",
    ),
    Difference(
        "self-issued certificates do not count",
        ACCEPTED,
        _MASK,
        ("self-issued intermediate",),
        "pyca counts them against the path length; RFC 5280 §6.1.4 (l) does not",
    ),
    Difference(
        "the leaf must be able to sign",
        "wrong_usage",
        ACCEPTED,
        ("leaf: leaf without digitalSignature",),
        'RFC 9846 §4.5.1.2: "the digitalSignature bit MUST be set if the Key Usage extension is present"',
    ),
    Difference(
        "weak leaf keys",
        "weak_key",
        ACCEPTED,
        ("leaf: rsa1024 key",),
        "pyca's policy on keys is for issuers only",
    ),
    Difference(
        "unusable leaf keys",
        "unsupported_key",
        ACCEPTED,
        ("leaf: secp256k1 key",),
        "no signature scheme of TLS 1.3 takes such a key",
    ),
)


def der(certificate: x509.Certificate) -> bytes:
    """Encode a certificate."""
    return certificate.public_bytes(Encoding.DER)


def our_verdict(one: Sample) -> str:
    """Return `accepted` or the word of our reason."""
    name = DNSName(ASKED) if one.role == "server" else None
    chain = tuple(der(certificate) for certificate in (one.leaf, *one.others))
    request = VerificationRequest(chain=chain, at=NOW, server_name=name, role=one.role)
    try:
        ChainVerifier(load_trust(one.roots)).verify(request)
    except CertificateRejected as refused:
        return refused.reason
    return ACCEPTED


def pyca_verdict(one: Sample) -> str:
    """Return `accepted` or pyca's message."""
    builder = PolicyBuilder().store(Store(one.roots)).time(NOW.replace(tzinfo=None))
    try:
        if one.role == "server":
            builder.build_server_verifier(x509.DNSName(ASKED)).verify(one.leaf, one.others)
        else:
            builder.build_client_verifier().verify(one.leaf, one.others)
    except VerificationError as refused:
        return str(refused)
    return ACCEPTED


Verdicts = list[tuple[int, str, str, set[str]]]


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """Both verdicts on every sample, with the sample's seed and features."""
    found = []
    for seed in range(SAMPLES):
        one = sample(seed)
        found.append((seed, our_verdict(one), pyca_verdict(one), one.features))
    return found


def test_every_disagreement_with_pyca_is_explained(verdicts: Verdicts) -> None:
    """A chain is valid here if and only if it is for pyca's verifier, but for the differences listed."""
    unexplained = [
        (seed, ours, theirs, sorted(features))
        for seed, ours, theirs, features in verdicts
        if (ours == ACCEPTED) != (theirs == ACCEPTED)
        and not any(one.explains(ours, theirs, features) for one in DIFFERENCES)
    ]
    assert unexplained == []


def test_every_listed_difference_occurs(verdicts: Verdicts) -> None:
    """No difference is listed that the samples do not show."""
    seen = {
        one.word
        for _, ours, theirs, features in verdicts
        if (ours == ACCEPTED) != (theirs == ACCEPTED)
        for one in DIFFERENCES
        if one.explains(ours, theirs, features)
    }
    assert seen == {one.word for one in DIFFERENCES}


def test_the_samples_are_worth_judging(verdicts: Verdicts) -> None:
    """Thousands of chains are judged, a good part of each verdict, and for many reasons."""
    both = Counter(
        ours == ACCEPTED for _, ours, theirs, _ in verdicts if (ours == ACCEPTED) == (theirs == ACCEPTED)
    )
    assert both[True] >= 1000
    assert both[False] >= 1500
    assert len({ours for _, ours, _, _ in verdicts}) >= 14
