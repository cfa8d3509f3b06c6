"""What verifying costs, as ratios measured side by side."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from lucidtls.trust import certificate, stores
from lucidtls.trust.names import parse_server_name
from lucidtls.trust.stores import SystemTrust, load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest
from tests.certificates import NOW, chain, make_ca, make_leaf


def best(*runs: Callable[[], object], turns: int, rounds: int = 15) -> list[float]:
    """Measure calls side by side: for each the best time of one turn, in seconds of this process's work."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, found in zip(runs, times, strict=True):
            begin = time.process_time()
            for _ in range(turns):
                run()
            found.append((time.process_time() - begin) / turns)
    return [min(found) for found in times]


@pytest.mark.budget
def test_verifying_costs_little_more_than_its_signature() -> None:
    """A P-256 leaf under its root costs little more than the check of its signature."""
    root = make_ca("Root")
    leaf = make_leaf(root)
    verifier = ChainVerifier(load_trust(root.der))
    name = parse_server_name("www.example.org")

    def verify() -> None:
        verifier.verify(VerificationRequest(chain=sent, at=NOW, server_name=name))

    def verify_unknown() -> None:
        certificate._parse_remembered.cache_clear()
        verify()

    key = root.key.public_key()
    signature, content = leaf.certificate.signature, leaf.certificate.tbs_certificate_bytes
    sent, algorithm = chain(leaf), ec.ECDSA(hashes.SHA256())
    alone, known, unknown = best(
        lambda: key.verify(signature, content, algorithm), verify, verify_unknown, turns=100
    )
    assert known <= 2.5 * alone
    assert unknown <= 4 * alone


@pytest.mark.budget
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_systems_trust_loads_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default trust is loaded in a fifth of the time of `ssl.create_default_context()`."""
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    if not ssl.create_default_context().get_ca_certs():
        pytest.skip("this system has no trusted certificates")

    def load() -> None:
        stores._remembered.clear()
        trust = SystemTrust()
        trust.with_subject(next(iter(trust)).subject)

    ours, standard = best(load, ssl.create_default_context, turns=1, rounds=9)
    assert ours <= 0.2 * standard
