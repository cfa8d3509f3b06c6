"""NIST PKITS: all its path validation tests but for revocation, which `OUT_OF_SCOPE` lists by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509

from lucidtls.errors import CertificateRejected
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY
from lucidtls.trust.stores import load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.certificates import NOW
from tests.vectors.pkits.cases import CASES, OUT_OF_SCOPE, Case

CERTIFICATES = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data" / "certs"

# The reasons that the refusals of each section must have; what else could be wrong with a path is right.
REASONS = {
    "4.1": {"bad_signature", "unsupported_signature"},
    "4.2": {"expired", "not_yet_valid"},
    "4.3": {"unknown_ca", "missing_intermediate"},
    "4.4": {"not_a_ca"},
    "4.5": {"not_a_ca"},
    "4.6": {"not_a_ca", "path_too_long"},
    "4.7": {"not_a_ca"},
    "4.8": {"policy"},
    "4.9": {"policy"},
    "4.10": {"policy", "malformed"},
    "4.11": {"policy"},
    "4.12": {"policy"},
    "4.13": {"name_constraints"},
    "4.16": {"unknown_critical_extension"},
}


@cache
def authorities() -> dict[bytes, list[bytes]]:
    """Map subject key identifiers to the DER of PKITS's authorities, the trust anchor left out."""
    found: dict[bytes, list[bytes]] = {}
    for path in sorted(CERTIFICATES.glob("*Cert.crt")):
        if path.name == "DSAParametersInheritedCACert.crt":
            continue  # pyca does not read DSA keys without parameters
        data = path.read_bytes()
        extensions = x509.load_der_x509_certificate(data).extensions
        key = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        found.setdefault(key, []).append(data)
    return found


def chain_of(leaf: bytes) -> tuple[bytes, ...]:
    """Collect what a peer would send with a leaf: every authority that key identifiers lead to."""
    chain = [leaf]
    for data in chain:
        extensions = x509.load_der_x509_certificate(data).extensions
        issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        chain += [one for one in authorities().get(issuer or b"", ()) if one not in chain]
    return tuple(chain)


def verify(case: Case) -> None:
    """Verify a case's path; PKITS has no TLS names and no TLS key usages."""
    policy = replace(DEFAULT_CERTIFICATE_POLICY, **case.inputs)
    anchor = load_trust(CERTIFICATES / "TrustAnchorRootCertificate.crt")
    chain = chain_of((CERTIFICATES / f"{case.leaf}EE.crt").read_bytes())
    ChainVerifier(anchor, policy).verify(VerificationRequest(chain=chain, at=NOW, key_usage=None))


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section.split()[0]}-{case.leaf}")
def test_pkits(case: Case) -> None:
    """A certification path is accepted or refused as PKITS says, for the reason that its section is about."""
    if case.valid:
        verify(case)
        return
    with pytest.raises(CertificateRejected) as refused:
        verify(case)
    assert refused.value.reason in REASONS[case.section.split()[0]]


def test_every_pkits_test_has_its_place() -> None:
    """Each of PKITS's end-entity certificates is either judged here or listed as out of scope, not both."""
    files = {path.name.removesuffix("EE.crt") for path in CERTIFICATES.glob("*EE.crt")}
    judged = {case.leaf for case in CASES}
    assert judged | set(OUT_OF_SCOPE) == files
    assert not judged & set(OUT_OF_SCOPE)
