"""What was checked, written for people: the checks behind a verified chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lucidtls.crypto.keys import describe_key
from lucidtls.trust.algorithms import SIGNATURE_ALGORITHMS, CertificatePolicy
from lucidtls.trust.certificate import ParsedCertificate
from lucidtls.trust.names import ReferenceName


@dataclass(frozen=True, slots=True)
class Check:
    """One check that was passed: a stable word, the place in the path (leaf 0; None for all), a sentence."""

    word: str
    place: int | None
    sentence: str
    clause: str


def checks_of(
    path: Sequence[ParsedCertificate],
    role: str,
    key_usage: str | None,
    at: datetime,
    name: ReferenceName | None,
    policy: CertificatePolicy,
) -> tuple[Check, ...]:
    """List what a verified path was checked for, from the leaf to the anchor."""
    checks: list[Check] = []
    for place, certificate in enumerate(path):
        anchor = place == len(path) - 1
        issuer = None if anchor else path[place + 1]
        checks += _certificate_checks(certificate, place, issuer, policy)
        checks += (
            _leaf_checks(certificate, role, key_usage) if place == 0 else _issuer_checks(certificate, place)
        )
    checks.append(
        Check("anchor", len(path) - 1, f"{path[-1].subject_text} is in the trust store", "RFC 5280 §6.1")
    )
    if name is not None:
        checks.append(Check("name", 0, f"the certificate is for {name}", "RFC 9525 §6"))
    return tuple(checks)


def _certificate_checks(
    certificate: ParsedCertificate, place: int, issuer: ParsedCertificate | None, policy: CertificatePolicy
) -> list[Check]:
    checks = []
    if issuer is not None or policy.anchors_expire:
        period = f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
        checks.append(Check("validity", place, f"it is valid from {period}", "RFC 5280 §6.1.3"))
    checks.append(
        Check("key", place, f"its key is {describe_key(certificate.public_key)}", "RFC 9846 §4.5.1.2")
    )
    if issuer is not None:
        algorithm = SIGNATURE_ALGORITHMS[certificate.signature_algorithm].name
        sentence = f"{issuer.subject_text} signed it with {algorithm}"
        checks.append(Check("signature", place, sentence, "RFC 5280 §6.1.3"))
    return checks


def _leaf_checks(leaf: ParsedCertificate, role: str, key_usage: str | None) -> list[Check]:
    facts = leaf.facts
    checks = []
    if key_usage is not None and facts.key_usage is not None:
        sentence = f"its key usage includes {key_usage}"
        checks.append(Check("key_usage", 0, sentence, "RFC 5280 §4.2.1.3"))
    if facts.extended_key_usage is not None:
        sentence = f"its extended key usage includes {role} authentication"
        checks.append(Check("extended_key_usage", 0, sentence, "RFC 5280 §4.2.1.12"))
    return checks


def _issuer_checks(issuer: ParsedCertificate, place: int) -> list[Check]:
    facts = issuer.facts
    checks = []
    if facts.is_ca:
        checks.append(Check("authority", place, "it is marked as a certificate authority", "RFC 5280 §6.1.4"))
    if facts.path_length is not None:
        sentence = f"it allows {facts.path_length} intermediates below it"
        checks.append(Check("path_length", place, sentence, "RFC 5280 §4.2.1.9"))
    if facts.name_constraints is not None:
        sentence = "the names below it are within its name constraints"
        checks.append(Check("name_constraints", place, sentence, "RFC 5280 §4.2.1.10"))
    return checks
