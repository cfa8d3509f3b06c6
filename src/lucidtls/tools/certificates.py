"""Certificates as people and programs want to see them: one line, or all fields."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lucidtls.tools.document import branches
from lucidtls.tools.text import duration, moment, printable
from lucidtls.trust.algorithms import SIGNATURE_ALGORITHMS
from lucidtls.trust.certificate import ParsedCertificate, Unreadable, parse_certificate

SOON = timedelta(days=365)
"""Up to this long the days are counted; beyond it the date says more."""

NAMES_SHOWN = 4


def key_text(certificate: ParsedCertificate) -> str:
    """Name a certificate's key: `EC P-256`, `RSA 2048`, `Ed25519`."""
    try:
        key: Any = certificate.public_key
    except Unreadable:
        return "unreadable key"
    key = getattr(key, "key", key)  # an RSA key bound to PSS is wrapped
    curve = getattr(key, "curve", None)
    if curve is not None:
        return f"EC {_CURVES.get(curve.name, curve.name)}"
    kind = type(key).__name__.removesuffix("PublicKey")
    if kind == "RSA":
        return f"RSA {key.key_size}"
    return kind.replace("MLDSA", "ML-DSA-")


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def short_subject(certificate: ParsedCertificate) -> str:
    """Name a certificate by its common name if it has one, by its whole subject if not."""
    common = [str(one.value) for one in certificate.x509.subject if one.oid == NameOID.COMMON_NAME]
    text = f"CN={common[-1]}" if common else certificate.subject_text
    return printable(text, 48) or "(no subject)"


def names_of(certificate: ParsedCertificate) -> list[str]:
    """The names a certificate is for: DNS names, addresses, e-mail addresses, URIs."""
    try:
        names = certificate.facts.names
    except Unreadable:
        return []
    if names is None:
        return []
    return [*names.dns, *map(str, names.addresses), *names.emails, *names.uris]


def validity_text(certificate: ParsedCertificate, now: datetime) -> str:
    """Tell how long a certificate is valid yet, or what is wrong with the time."""
    if now > certificate.not_after:
        return f"expired {duration(now - certificate.not_after)} ago"
    if now < certificate.not_before:
        return f"valid in {duration(certificate.not_before - now)}"
    left = certificate.not_after - now
    return f"{duration(left)} left" if left < SOON else f"until {certificate.not_after:%Y-%m-%d}"


def one_line(data: bytes, now: datetime) -> str:
    """Show a certificate in one line: who, key, validity, names."""
    try:
        certificate = parse_certificate(data)
    except Unreadable as error:
        return f"unreadable certificate of {len(data)} bytes: {printable(str(error), 60)}"
    subject = short_subject(certificate)
    names = [printable(name, 40) for name in names_of(certificate)]
    more = f" +{len(names) - NAMES_SHOWN}" if len(names) > NAMES_SHOWN else ""
    san = f"   SAN {', '.join(names[:NAMES_SHOWN])}{more}" if names else ""
    return f"{subject:24} {key_text(certificate):10} {validity_text(certificate, now)}{san}"


def chain_lines(chain: Sequence[bytes], path: Sequence[bytes], store: str, now: datetime) -> list[str]:
    """Draw a chain: the verified path with its anchor if there is one, else what was sent."""
    if not path:
        return branches([one_line(data, now) for data in chain])
    lines = [one_line(data, now) for data in path]
    if path[-1] not in chain:
        subject = short_subject(parse_certificate(path[-1]))
        lines[-1] = f"{subject:24} (trusted here: {store})"
    unneeded = sum(data not in path for data in chain)
    extra = [f"({unneeded} more sent that nobody needs)"] if unneeded else []
    return branches([*lines, *extra])


def as_json(data: bytes, place: int, now: datetime) -> dict[str, Any]:
    """All fields of a certificate, for the JSON output."""
    described: dict[str, Any] = {"index": place, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        certificate = parse_certificate(data)
    except Unreadable as error:
        return described | {"der": data.hex(), "problems": [str(error)]}
    algorithm = SIGNATURE_ALGORITHMS.get(certificate.signature_algorithm)
    return described | {
        "pem": certificate.x509.public_bytes(Encoding.PEM).decode("ascii"),
        "subject": certificate.subject_text,
        "issuer": certificate.issuer_text,
        "serial": f"{certificate.x509.serial_number:x}",
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
        "days_left": (certificate.not_after - now) // timedelta(days=1),
        "key": key_text(certificate),
        "signature": algorithm.name if algorithm else None,
        "san": names_of(certificate),
        "spki_pin": _pin(certificate),
        "problems": [],
    }


def _pin(certificate: ParsedCertificate) -> str:
    return "sha256//" + base64.b64encode(hashlib.sha256(certificate.spki).digest()).decode("ascii")
