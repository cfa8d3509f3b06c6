"""Telling apart the ways in which a path fails to reach an anchor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lucidtls.trust.certificate import ParsedCertificate, Unreadable
from lucidtls.trust.distinguished import attribute_values
from lucidtls.trust.reasons import Problem, Reason
from lucidtls.trust.stores import TrustStore

# organizationName, 2.5.4.10.
_ORGANIZATION = bytes.fromhex("55040a")


def mismatch_problem(path: Sequence[ParsedCertificate], issuer: ParsedCertificate) -> Problem:
    """There is a certificate with the issuer's name, but its key did not sign the top of the path.

    Key identifiers that differ mean another authority of the same name (a development CA made anew, say);
    otherwise the signature itself is wrong.
    """
    top = path[-1]
    wanted, found = _facts_key_id(top), _subject_key_id(issuer)
    fields: dict[str, object] = {"issuer": top.issuer_text}
    if wanted is not None and found is not None and wanted != found:
        message = "an authority of the issuer's name is known, but with another key"
        fields |= {"authority_key_id": wanted.hex(), "subject_key_id": found.hex()}
        return Problem(Reason.UNKNOWN_CA, message, fields)
    return Problem(Reason.BAD_SIGNATURE, "the certificate's signature does not fit its issuer's key", fields)


def self_signed_problem(path: Sequence[ParsedCertificate]) -> Problem:
    """The top of the path is signed by its own key and is no anchor."""
    fields: dict[str, object] = {"issuer": path[-1].issuer_text}
    if len(path) == 1:
        return Problem(Reason.SELF_SIGNED, Reason.SELF_SIGNED.sentence, fields)
    return Problem(Reason.UNKNOWN_CA, "the chain ends in a root that is not trusted here", fields)


def missing_issuer_problem(
    path: Sequence[ParsedCertificate], others: Iterable[ParsedCertificate], trust: TrustStore
) -> Problem:
    """Nobody known has the name of the issuer of the path's top: say which kind of gap that is."""
    fields: dict[str, object] = {"issuer": path[-1].issuer_text}
    evidence = _evidence_of_a_gap(path, others, trust)
    if evidence is None:
        return Problem(Reason.UNKNOWN_CA, "no trusted authority has the name of the issuer", fields)
    message = "the issuer's certificate is not among those sent, and no trusted authority has its name"
    return Problem(Reason.MISSING_INTERMEDIATE, message, {**fields, **evidence})


def _evidence_of_a_gap(
    path: Sequence[ParsedCertificate], others: Iterable[ParsedCertificate], trust: TrustStore
) -> dict[str, object] | None:
    """Look for signs that the issuer is an intermediate and not an unknown root."""
    top = path[-1]
    if len(path) == 1 and (places := _ca_issuers(top)):
        return {"evidence": "the leaf says where its issuer's certificate is", "ca_issuers": places}
    for other in others:
        if other not in path and not other.self_issued and trust.named(other.canonical_issuer):
            return {"evidence": "a certificate further up was sent", "sent": other.subject_text}
    organizations = set(attribute_values(top.canonical_issuer, _ORGANIZATION))
    for anchor in trust if organizations else ():
        if organizations.intersection(attribute_values(anchor.canonical_subject, _ORGANIZATION)):
            return {
                "evidence": "an authority of the same organization is trusted",
                "anchor": anchor.subject_text,
            }
    return None


def _facts_key_id(certificate: ParsedCertificate) -> bytes | None:
    try:
        return certificate.facts.authority_key_id
    except Unreadable:
        return None


def _subject_key_id(certificate: ParsedCertificate) -> bytes | None:
    try:
        return certificate.facts.subject_key_id
    except Unreadable:
        return None


def _ca_issuers(certificate: ParsedCertificate) -> tuple[str, ...]:
    try:
        return certificate.facts.ca_issuers
    except Unreadable:
        return ()
