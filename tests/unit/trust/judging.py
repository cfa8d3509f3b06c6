"""Asking the verifier, in the words of the tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from cryptography import x509

from lucidtls.errors import CertificateRejected
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY, CertificatePolicy
from lucidtls.trust.names import parse_server_name
from lucidtls.trust.stores import TrustStore, load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest, VerifiedChain
from tests.certificates import NOW, Issued

HOST = "www.example.org"


def store(*anchors: Issued | x509.Certificate | bytes) -> TrustStore:
    """Trust these certificates."""
    return load_trust([anchor.certificate if isinstance(anchor, Issued) else anchor for anchor in anchors])


def accepted(
    sent: tuple[bytes, ...],
    trust: TrustStore | Issued,
    *,
    name: str | None = HOST,
    at: datetime = NOW,
    policy: CertificatePolicy = DEFAULT_CERTIFICATE_POLICY,
    **request: Any,
) -> VerifiedChain:
    """Verify a chain and return the proof."""
    reference = None if name is None else parse_server_name(name)
    trusted = store(trust) if isinstance(trust, Issued) else trust
    asked = VerificationRequest(chain=sent, at=at, server_name=reference, **request)
    return ChainVerifier(trusted, policy).verify(asked)


def refused(sent: tuple[bytes, ...], trust: TrustStore | Issued, **choices: Any) -> CertificateRejected:
    """Verify a chain that must be refused and return the refusal."""
    with pytest.raises(CertificateRejected) as caught:
        accepted(sent, trust, **choices)
    return caught.value
