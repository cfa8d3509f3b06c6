"""Verifying a peer's chain: the request, the answer, and the verifier that is used by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from lucidtls.errors import CertificateRejected, ConfigurationError
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY, CertificatePolicy
from lucidtls.trust.certificate import (
    ParsedCertificate,
    Unreadable,
    leaf_public_key,
    parse_certificate,
)
from lucidtls.trust.facts import GeneralNames
from lucidtls.trust.limits import MAX_CERTIFICATES
from lucidtls.trust.names import DNSName, ReferenceName, presents_address, presents_dns
from lucidtls.trust.reasons import Problem, Reason
from lucidtls.trust.report import Check, checks_of
from lucidtls.trust.search import Path, Presented, Question, find_path
from lucidtls.trust.stores import TrustStore

__all__ = [
    "DEFAULT_CERTIFICATE_POLICY",
    "CertificatePolicy",
    "CertificateRejected",
    "ChainVerifier",
    "Check",
    "Reason",
    "VerificationRequest",
    "VerifiedChain",
    "Verifier",
    "leaf_public_key",
]

KEY_USAGES = ("digital_signature", "key_encipherment", "key_agreement", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequest:
    """A chain to judge.

    `chain` is DER, leaf first, the rest in any order; `role` says whose it is ("server" or "client"); `at`
    is an aware time; `server_name` None means that no name is compared. `key_usage` names what the leaf's
    key is used for, as pyca names it: digital_signature in TLS 1.3, key_encipherment for RSA key exchange,
    None for no check.
    """

    chain: tuple[bytes, ...] = field(repr=False)
    at: datetime
    server_name: ReferenceName | None = None
    role: str = "server"
    key_usage: str | None = "digital_signature"
    stapled_ocsp: bytes | None = None
    scts: bytes | None = None

    def __post_init__(self) -> None:
        if self.role not in ("server", "client"):
            raise ConfigurationError(f"role is 'server' or 'client', not {self.role!r}")
        if self.key_usage not in KEY_USAGES:
            raise ConfigurationError(f"key_usage is one of {KEY_USAGES}, not {self.key_usage!r}")
        if self.at.tzinfo is None:
            raise ConfigurationError("the time of verification must have a time zone")


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """The proof: a path of DER certificates from the leaf to the anchor, and the leaf's names.

    `names` are the DNS names and IP addresses of the leaf as text. `checks` lists what was checked, for
    people.
    """

    path: tuple[bytes, ...] = field(repr=False)
    names: tuple[str, ...]
    certificates: tuple[ParsedCertificate, ...]
    request: VerificationRequest = field(repr=False)
    policy: CertificatePolicy = field(repr=False)

    @property
    def anchor(self) -> ParsedCertificate:
        """The trust anchor the path ends in; the leaf itself when that is in the store."""
        return self.certificates[-1]

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that this path passed, in order; made when asked for."""
        request = self.request
        return checks_of(
            self.certificates, request.role, request.key_usage, request.at, request.server_name, self.policy
        )


class Verifier(Protocol):
    """Whatever judges chains: `ChainVerifier`, or the application's own."""

    def verify(self, request: VerificationRequest) -> VerifiedChain:
        """Return the proof, or raise CertificateRejected."""
        ...


class ChainVerifier:
    """Verifies chains against a trust store by RFC 5280 and names by RFC 9525."""

    __slots__ = ("policy", "trust")

    def __init__(self, trust: TrustStore, policy: CertificatePolicy = DEFAULT_CERTIFICATE_POLICY) -> None:
        self.trust = trust
        self.policy = policy

    def verify(self, request: VerificationRequest) -> VerifiedChain:
        """Return a path to an anchor; raises CertificateRejected with one of the words of `Reason`."""
        presented = read_presented(request.chain)
        question = Question(request.role, request.key_usage, request.at)
        path = find_path(presented, question, self.trust, self.policy)
        names = path[0].facts.names or GeneralNames()
        problem = name_problem(names, request.server_name)
        if problem is not None:
            raise problem.rejection()
        return _verified(path, names, request, self.policy)


def read_presented(chain: tuple[bytes, ...]) -> Presented:
    """Parse what the peer sent; raises CertificateRejected when there is no leaf or it does not parse."""
    if not chain:
        raise Problem(Reason.EMPTY_CHAIN, Reason.EMPTY_CHAIN.sentence).rejection()
    if len(chain) > MAX_CERTIFICATES:
        message = f"the chain has {len(chain)} certificates, more than {MAX_CERTIFICATES}"
        raise Problem(Reason.TOO_COMPLEX, message, {"certificates": len(chain)}).rejection()
    parsed: dict[bytes, ParsedCertificate] = {}
    places: dict[bytes, int] = {}
    malformed: Problem | None = None
    for place, data in enumerate(chain):
        try:
            certificate = parse_certificate(data)
        except Unreadable as error:
            malformed = malformed or error.problem(index=place)
            if place == 0:
                raise malformed.rejection() from error
            continue
        parsed.setdefault(data, certificate)
        places.setdefault(data, place)
    leaf, *others = parsed.values()
    return Presented(leaf, tuple(others), places, malformed)


def name_problem(names: GeneralNames, reference: ReferenceName | None) -> Problem | None:
    """Compare the leaf's subjectAltName with the name that was asked for; None is a match."""
    if reference is None:
        return None
    if isinstance(reference, DNSName):
        matched = presents_dns(reference, names.dns)
    else:
        matched = presents_address(reference, names.addresses)
    if matched:
        return None
    presented = (*names.dns[:10], *map(str, names.addresses[:10]))
    fields: dict[str, object] = {"index": 0, "reference": str(reference), "presented": presented}
    if not names.dns and not names.addresses:
        message = "the certificate has no DNS name and no IP address among its subject alternative names"
        return Problem(Reason.NO_NAMES, message, fields)
    return Problem(Reason.WRONG_NAME, f"the certificate is not for {reference}", fields)


def _verified(
    path: Path, names: GeneralNames, request: VerificationRequest, policy: CertificatePolicy
) -> VerifiedChain:
    certificates = tuple(path)
    texts = (*names.dns, *map(str, names.addresses)) if names.addresses else names.dns
    return VerifiedChain(
        tuple([certificate.der for certificate in certificates]), texts, certificates, request, policy
    )
