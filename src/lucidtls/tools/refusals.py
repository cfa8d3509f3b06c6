"""What it means that a certificate was refused, as a table: one row for each reason of `lucidtls.trust`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lucidtls.errors import CertificateRejected
from lucidtls.tools import exits
from lucidtls.tools.findings import Diagnosis, Fix
from lucidtls.tools.text import count, duration, printable

Fields = Mapping[str, object]
Title = Callable[[str, Fields, datetime], str]
"""From whose certificate it is ("server", "client"), the error's fields and the present moment, to a
sentence."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason's code, slug, sentence and fixes, and what other programs call it."""

    code: str
    slug: str
    title: Title
    fixes: tuple[Fix, ...] = ()
    openssl: str = ""


def _whose(whose: str, fields: Fields) -> str:
    """Name the certificate: the server's own, or the one at a place further up."""
    place = fields.get("index")
    own = place in (None, 0)
    return f"The {whose}'s certificate" if own else f"A certificate further up the {whose}'s chain"


def _moment(fields: Fields, name: str) -> datetime | None:
    value = fields.get(name)
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _expired(whose: str, fields: Fields, now: datetime) -> str:
    ended = _moment(fields, "not_after")
    if ended is None:
        return f"{_whose(whose, fields)} has expired."
    return f"{_whose(whose, fields)} expired {duration(now - ended)} ago ({ended:%Y-%m-%d})."


def _not_yet_valid(whose: str, fields: Fields, now: datetime) -> str:
    begins = _moment(fields, "not_before")
    if begins is None:
        return f"{_whose(whose, fields)} is not valid yet."
    return f"{_whose(whose, fields)} becomes valid only in {duration(begins - now)} ({begins:%Y-%m-%d})."


def _wrong_name(whose: str, fields: Fields, now: datetime) -> str:
    presented = fields.get("presented")
    names = [printable(str(name), 64) for name in presented] if isinstance(presented, (list, tuple)) else []
    wanted = printable(str(fields.get("reference", "the name asked for")))
    shown = ", ".join(names[:4]) + (f" and {count(len(names) - 4, 'other name')}" if len(names) > 4 else "")
    return f"The certificate is for {shown or 'other names'}, not for {wanted}."


def _issuer(fields: Fields) -> str:
    return printable(str(fields.get("issuer") or "its issuer"), 80)


def _bits(whose: str, fields: Fields, now: datetime) -> str:
    if "bits" not in fields:
        return f"{_whose(whose, fields)} has a key that is too weak."
    bits, minimum = fields["bits"], fields["minimum"]
    return f"{_whose(whose, fields)} has a key of {bits} bits; at least {minimum} are needed."


def _signed_with(whose: str, fields: Fields, now: datetime) -> str:
    algorithm = printable(str(fields.get("algorithm", "an algorithm")))
    return f"{_whose(whose, fields)} is signed with {algorithm}, which is too weak."


def _said(sentence: str) -> Title:
    def title(whose: str, fields: Fields, now: datetime) -> str:
        return sentence.format(certificate=_whose(whose, fields), whose=whose, issuer=_issuer(fields))

    return title


_RENEW = Fix("server", "renew it and reload the server; many keep the old file in memory")
_REISSUE = Fix("server", "have it issued again, in the right form")

REFUSALS: dict[str, Refusal] = {
    "expired": Refusal("LT-C01", "cert-expired", _expired, (_RENEW,), "certificate has expired"),
    "not_yet_valid": Refusal(
        "LT-C02",
        "cert-not-yet-valid",
        _not_yet_valid,
        (Fix("server", "wait, or have it issued again"), Fix("client", "check this machine's clock")),
        "certificate is not yet valid",
    ),
    "self_signed": Refusal(
        "LT-C04",
        "cert-self-signed",
        _said("The {whose} made its own certificate; nobody vouches for it."),
        (
            Fix(
                "client", "if it is yours, trust the certificate itself", "lucidtls connect … --ca server.pem"
            ),
            Fix("server", "for the public, get a certificate from an authority"),
        ),
        "self-signed certificate",
    ),
    "unknown_ca": Refusal(
        "LT-C05",
        "cert-unknown-ca",
        _said("The chain leads to {issuer}, which is not trusted here."),
        (Fix("client", "if it is a private authority, trust it", "lucidtls connect … --ca root.pem"),),
        "unable to get local issuer certificate",
    ),
    "missing_intermediate": Refusal(
        "LT-C06",
        "cert-missing-intermediate",
        _said(
            "The {whose} did not send the certificate of {issuer}, which is needed to reach a trusted root."
        ),
        (Fix("server", "send the full chain (often a file called fullchain.pem)"),),
        "unable to get local issuer certificate",
    ),
    "wrong_name": Refusal(
        "LT-C07",
        "cert-name-mismatch",
        _wrong_name,
        (
            Fix("client", "connect by a name the certificate has"),
            Fix("server", "have it issued again for this name"),
        ),
        "hostname mismatch",
    ),
    "no_names": Refusal(
        "LT-C08",
        "cert-no-san",
        _said("{certificate} has no subjectAltName; a name in the Common Name does not count (RFC 9525)."),
        (Fix("server", "have it issued again with subjectAltName"),),
        "hostname mismatch",
    ),
    "wrong_usage": Refusal(
        "LT-C09",
        "cert-wrong-usage",
        _said("{certificate} is not meant for a TLS {whose}."),
        (_REISSUE,),
        "unsuitable certificate purpose",
    ),
    "weak_key": Refusal(
        "LT-C10",
        "cert-weak-key",
        _bits,
        (Fix("server", "make a new key: P-256, or RSA with 2048 bits or more"),),
        "EE certificate key too weak",
    ),
    "weak_signature": Refusal(
        "LT-C11", "cert-weak-signature", _signed_with, (_REISSUE,), "CA signature digest algorithm too weak"
    ),
    "revoked": Refusal(
        "LT-C12",
        "cert-revoked",
        _said("{certificate} was revoked by its authority."),
        (Fix("server", "replace it at once; the key may be stolen"),),
        "certificate revoked",
    ),
    "not_a_ca": Refusal(
        "LT-C14",
        "cert-issuer-not-a-ca",
        _said("A certificate in the chain was issued by one that may not issue certificates."),
        (_REISSUE,),
        "invalid CA certificate",
    ),
    "path_too_long": Refusal(
        "LT-C14",
        "cert-path-too-long",
        _said("The chain is longer than one of its authorities allows."),
        (_REISSUE,),
        "path length constraint exceeded",
    ),
    "name_constraints": Refusal(
        "LT-C14",
        "cert-name-constraints",
        _said("{certificate} has a name that its authority may not certify."),
        (_REISSUE,),
        "permitted subtree violation",
    ),
    "policy": Refusal(
        "LT-C14", "cert-policy", _said("The chain is not valid under any acceptable certificate policy.")
    ),
    "unknown_critical_extension": Refusal(
        "LT-C14",
        "cert-critical-extension",
        _said("{certificate} demands something that is not understood here, and so cannot be accepted."),
        openssl="unhandled critical extension",
    ),
    "bad_signature": Refusal(
        "LT-C14",
        "cert-bad-signature",
        _said("{certificate} was not signed by the authority it names."),
        (_REISSUE,),
        "certificate signature failure",
    ),
}

UNUSABLE = Refusal("LT-H13", "cert-unusable", _said("{certificate} cannot be used."))
"""For reasons that are about the peer's software: malformed, empty, too complex, an algorithm nobody asked
for."""


def refusal_diagnosis(error: CertificateRejected, *, whose: str, now: datetime | None = None) -> Diagnosis:
    """Tell what a refused certificate means. `whose` is "server" or "client"."""
    row = REFUSALS.get(error.reason, UNUSABLE)
    title = row.title(whose, error.fields, now or datetime.now(UTC))
    return Diagnosis(
        code=row.code,
        slug=row.slug,
        title=title,
        detail=sentence(error.message),
        exit_code=exits.CERTIFICATE,
        evidence=evidence(error.fields),
        fixes=row.fixes,
        alert_sent=error.alert,
        see=(error.clause,),
        same_as={"openssl": row.openssl} if row.openssl else {},
    )


def sentence(text: str) -> str:
    """Make a message a sentence: a capital first, a full stop at the end."""
    shown = printable(text, 300)
    return shown[:1].upper() + shown[1:] + ("" if shown.endswith((".", "…")) else ".")


def evidence(fields: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The values that an error carries, as evidence that can be written as JSON."""
    place = fields.get("index")
    about: dict[str, Any] = {"kind": "cert", "index": place} if place is not None else {"kind": "value"}
    return tuple(
        {**about, "field": name, "value": _plain(value)} for name, value in fields.items() if name != "index"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
