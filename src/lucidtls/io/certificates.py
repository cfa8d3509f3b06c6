"""A certificate as the dictionary that `ssl.SSLSocket.getpeercert` gives, for programs that read that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lucidtls.trust.certificate import GeneralNames, Unreadable, parse_certificate

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def as_dictionary(der: bytes) -> dict[str, Any]:
    """Describe a DER certificate; empty when it cannot be read."""
    try:
        certificate = parse_certificate(der)
        names = certificate.facts.names
    except Unreadable:
        return {}
    described: dict[str, Any] = {
        "subject": _name(certificate.x509.subject.rdns),
        "issuer": _name(certificate.x509.issuer.rdns),
        "version": certificate.version,
        "serialNumber": _hexadecimal(certificate.x509.serial_number),
        "notBefore": _moment(certificate.not_before),
        "notAfter": _moment(certificate.not_after),
    }
    if names:
        described["subjectAltName"] = _alternative_names(names)
    if certificate.facts.ca_issuers:
        described["caIssuers"] = certificate.facts.ca_issuers
    return described


def _name(rdns: Any) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple((_attribute(part.oid), str(part.value)) for part in rdn) for rdn in rdns)


def _attribute(oid: Any) -> str:
    name: str = oid._name  # pyca's only word for "commonName"; its public names are the short ones
    return name if name != "Unknown OID" else oid.dotted_string


def _hexadecimal(serial: int) -> str:
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def _moment(moment: datetime) -> str:
    """Write a time as OpenSSL does, whatever the locale: `Nov  3 19:14:00 2026 GMT`."""
    return f"{_MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S} {moment.year} GMT"


def _alternative_names(names: GeneralNames) -> tuple[tuple[str, str], ...]:
    return (
        *(("DNS", name) for name in names.dns),
        *(("IP Address", str(address)) for address in names.addresses),
        *(("email", address) for address in names.emails),
        *(("URI", uri) for uri in names.uris),
    )
