"""The checks of single certificates: the leaf, and a candidate for an issuer (RFC 5280 §6.1.3, §6.1.4).

The cheap ones are all made at once; those whose cost the peer decides come last and only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from lucidtls.trust.algorithms import CertificatePolicy, key_problem
from lucidtls.trust.certificate import ParsedCertificate, Unreadable
from lucidtls.trust.constraints import constraint_problem
from lucidtls.trust.limits import Budget
from lucidtls.trust.reasons import Problem, Reason

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"

PURPOSES: dict[str, str] = {"server": SERVER_AUTH, "client": CLIENT_AUTH}


def leaf_problems(
    leaf: ParsedCertificate,
    is_anchor: bool,
    role: str,
    key_usage: str | None,
    at: datetime,
    policy: CertificatePolicy,
) -> Iterator[Problem]:
    """Check what the leaf says of itself; its names are checked when a path is found."""
    try:
        yield from _found(
            version_problem(leaf, is_anchor),
            validity_problem(leaf, at),
            critical_problem(leaf),
            usage_problem(leaf, role, key_usage),
            key_problem(leaf, policy),
        )
    except Unreadable as error:
        yield error.problem()


def issuer_problems(
    issuer: ParsedCertificate,
    below: Sequence[ParsedCertificate],
    is_anchor: bool,
    role: str,
    at: datetime,
    policy: CertificatePolicy,
    budget: Budget,
) -> Iterator[Problem]:
    """Check whether `issuer` may stand above the certificates `below` (leaf first), its signature apart."""
    try:
        yield from _found(
            validity_problem(issuer, at) if policy.anchors_expire or not is_anchor else None,
            critical_problem(issuer),
            authority_problem(issuer, is_anchor),
            path_length_problem(issuer, below),
            purpose_problem(issuer, role),
            key_problem(issuer, policy),
        )
        yield from _found(names_problem(issuer, below, budget))
    except Unreadable as error:
        yield error.problem()


def _found(*problems: Problem | None) -> Iterator[Problem]:
    return (problem for problem in problems if problem is not None)


def version_problem(leaf: ParsedCertificate, is_anchor: bool) -> Problem | None:
    """Refuse versions 1 and 2, unless this very certificate is trusted.

    "The certificate type MUST be X.509v3" (RFC 9846 §4.5.1.2).
    """
    if leaf.version == 3 or is_anchor:
        return None
    message = f"the certificate is of X.509 version {leaf.version}"
    return Problem(Reason.WRONG_VERSION, message, {"version": leaf.version})


def validity_problem(certificate: ParsedCertificate, at: datetime) -> Problem | None:
    """RFC 5280 §6.1.3 (a)(2): both ends of the validity period are included."""
    if at > certificate.not_after:
        message = f"the certificate expired at {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC"
        return Problem(Reason.EXPIRED, message, {"not_after": certificate.not_after.isoformat()})
    if at < certificate.not_before:
        message = f"the certificate is valid only from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC on"
        return Problem(Reason.NOT_YET_VALID, message, {"not_before": certificate.not_before.isoformat()})
    return None


def critical_problem(certificate: ParsedCertificate) -> Problem | None:
    """Check for critical extensions that are not processed here.

    "A certificate-using system MUST reject the certificate if it encounters a critical extension it does not
    recognize or a critical extension that contains information that it cannot process" (RFC 5280 §4.2).
    """
    unknown = certificate.facts.unknown_critical
    if not unknown:
        return None
    message = f"the critical extension {unknown[0]} is not processed here"
    return Problem(Reason.UNKNOWN_CRITICAL_EXTENSION, message, {"extensions": unknown})


def usage_problem(leaf: ParsedCertificate, role: str, key_usage: str | None) -> Problem | None:
    """Check that the leaf's key may be used in this role and in this way (RFC 5280 §4.2.1.3, §4.2.1.12)."""
    usages = leaf.facts.key_usage
    if key_usage is not None and usages is not None and not getattr(usages, key_usage):
        message = f"the certificate's key usage does not include {key_usage}"
        return Problem(Reason.WRONG_USAGE, message, {"needed": key_usage}, "RFC 9846 §4.5.1.2")
    return purpose_problem(leaf, role)


def purpose_problem(certificate: ParsedCertificate, role: str) -> Problem | None:
    """Check the extended key usage; in an authority it limits what is below, as in every major verifier."""
    purposes = certificate.facts.extended_key_usage
    if purposes is None or PURPOSES[role] in purposes or ANY_EXTENDED_KEY_USAGE in purposes:
        return None
    message = f"the certificate's extended key usage does not include {role} authentication"
    return Problem(
        Reason.WRONG_USAGE, message, {"needed": PURPOSES[role], "present": tuple(sorted(purposes))}
    )


def authority_problem(issuer: ParsedCertificate, is_anchor: bool) -> Problem | None:
    """RFC 5280 §6.1.4 (k) and (n). Only an anchor may be of version 1, which cannot say that it is a CA."""
    facts = issuer.facts
    if not facts.is_ca and not (is_anchor and issuer.version == 1):
        message = "the issuing certificate is not marked as a certificate authority"
        return Problem(Reason.NOT_A_CA, message, {"basic_constraints": facts.is_ca})
    if facts.key_usage is not None and not facts.key_usage.key_cert_sign:
        message = "the issuing certificate's key usage does not include keyCertSign"
        return Problem(Reason.NOT_A_CA, message, {"needed": "key_cert_sign"})
    return None


def path_length_problem(issuer: ParsedCertificate, below: Sequence[ParsedCertificate]) -> Problem | None:
    """RFC 5280 §6.1.4 (l) and (m): count the intermediates below that are not self-issued."""
    limit = issuer.facts.path_length
    if limit is None:
        return None
    count = sum(not certificate.self_issued for certificate in below[1:])
    if count <= limit:
        return None
    message = f"the authority allows {limit} intermediates below it, and there are {count}"
    return Problem(Reason.PATH_TOO_LONG, message, {"limit": limit, "intermediates": count})


def names_problem(
    issuer: ParsedCertificate, below: Sequence[ParsedCertificate], budget: Budget
) -> Problem | None:
    """RFC 5280 §6.1.3 (b) and (c); self-issued intermediates are exempt."""
    constraints = issuer.facts.name_constraints
    if constraints is None:
        return None
    for place, certificate in enumerate(below):
        if place == 0 or not certificate.self_issued:
            problem = constraint_problem(constraints, certificate, budget)
            if problem is not None:
                return problem
    return None
