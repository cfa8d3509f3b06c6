"""NIST PKITS: all its path validation tests but for revocation, which `OUT_OF_SCOPE` lists by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from lucidtls.errors import CertificateRejected
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY
from lucidtls.trust.stores import load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.certificates import NOW
from tests.vectors.pkits.cases import CASES, OUT_OF_SCOPE, PLAIN, Case

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


# Where pyca's verifier does not come to PKITS's verdict: its message, why, and the tests.
PYCA_DIFFERS: tuple[tuple[str, str, str], ...] = (
    (
        "must be UtcTime",
        "it holds certificates to the encoding rules of RFC 5280 §4.1.2.5 when it validates a path",
        "ValidGeneralizedTimenotBeforeDateTest4",
    ),
    (
        "no interior errors",
        "it compares names byte by byte, not by RFC 5280 §7.1",
        "ValidNameChainingWhitespaceTest3 ValidNameChainingWhitespaceTest4 "
        "ValidNameChainingCapitalizationTest5 "
        "ValidRolloverfromPrintableStringtoUTF8StringTest10 ValidUTF8StringCaseInsensitiveMatchTest11",
    ),
    (
        "signature does not match",
        "it counts self-issued certificates against the path length",
        "ValidSelfIssuedpathLenConstraintTest15 ValidSelfIssuedpathLenConstraintTest17",
    ),
    (
        "accepted",
        "its checks of key usage are among the profile's rules that this test has to switch off",
        "InvalidkeyUsageCriticalkeyCertSignFalseTest1 InvalidkeyUsageNotCriticalkeyCertSignFalseTest2",
    ),
    (
        "unsupported directoryName constraint",
        "it does not process directoryName constraints",
        "ValidDNnameConstraintsTest1 ValidDNnameConstraintsTest4 ValidDNnameConstraintsTest5 "
        "ValidDNnameConstraintsTest6 ValidDNnameConstraintsTest11 ValidDNnameConstraintsTest14 "
        "ValidDNnameConstraintsTest18 ValidDNnameConstraintsTest19 ValidDNandRFC822nameConstraintsTest27",
    ),
    (
        "unsupported name constraint",
        "it does not process URI constraints",
        "ValidURInameConstraintsTest34 ValidURInameConstraintsTest36",
    ),
)


def pyca_verdict(chain: tuple[bytes, ...]) -> str:
    """Return `accepted`, or why pyca's verifier, relieved of the WebPKI's profile, refuses a chain."""
    anchor = x509.load_der_x509_certificate((CERTIFICATES / "TrustAnchorRootCertificate.crt").read_bytes())
    leaf, *others = (x509.load_der_x509_certificate(data) for data in chain)
    relaxed = ExtensionPolicy.permit_all()
    authority = relaxed.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    builder = PolicyBuilder().store(Store([anchor])).time(NOW.replace(tzinfo=None))
    builder = builder.extension_policies(ca_policy=authority, ee_policy=relaxed)
    try:
        builder.build_client_verifier().verify(leaf, others)
    except VerificationError as refused:
        return str(refused)
    return "accepted"


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: f"{case.section.split()[0]}-{case.leaf}")
def test_pyca_on_pkits(case: Case) -> None:
    """Another verifier comes to the verdicts of PKITS too, but for differences that are listed."""
    verdict = pyca_verdict(chain_of((CERTIFICATES / f"{case.leaf}EE.crt").read_bytes()))
    listed = [message for message, _, leaves in PYCA_DIFFERS if case.leaf in leaves.split()]
    assert (verdict == "accepted") == (case.valid if not listed else not case.valid)
    assert all(message in verdict for message in listed)
