"""Chains that a client refuses, and the alert that tells the server why (RFC 9846 §4.5.1.3, §6.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lucidtls.errors import AlertReceived, CertificateRejected
from lucidtls.events import HandshakeCompleted
from lucidtls.trust.credentials import Credential
from lucidtls.trust.stores import load_trust
from tests.certificates import DAY, NOW, Issued, make_ca, make_leaf
from tests.flows.pair import Pair
from tests.flows.parties import SERVER_NAME, client_config, root, server_config


def served(issued: Issued, *more: Issued, schemes: list[int] | None = None) -> Pair:
    """A handshake with a server that shows this chain."""
    own = Credential.load([issued.der, *(one.der for one in more)], issued.key, schemes=schemes)
    return Pair(server=server_config(credentials=own))


Make = Callable[[], Pair]

REFUSED: dict[str, tuple[str, Make]] = {
    "expired": ("certificate_expired", lambda: served(make_leaf(root(), SERVER_NAME, not_after=NOW - DAY))),
    "not_yet_valid": (
        "certificate_expired",
        lambda: served(make_leaf(root(), SERVER_NAME, not_before=NOW + DAY)),
    ),
    "wrong_name": ("bad_certificate", lambda: served(make_leaf(root(), "www.example.com"))),
    "no_names": ("bad_certificate", lambda: served(make_leaf(root(), names=()))),
    "wrong_usage": (
        "unsupported_certificate",
        lambda: served(make_leaf(root(), SERVER_NAME, extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,))),
    ),
    "wrong_usage_of_its_key": (
        "unsupported_certificate",
        lambda: served(make_leaf(root(), SERVER_NAME, key_usage=("key_agreement",)), schemes=[0x0403]),
    ),
    "self_signed": ("unknown_ca", lambda: served(make_leaf(None, SERVER_NAME))),
    "unknown_ca": ("unknown_ca", lambda: served(*_with_root(make_ca("Nobody's Root")))),
    "missing_intermediate": ("unknown_ca", lambda: served(*_with_a_gap())),
    "weak_key": ("bad_certificate", lambda: served(make_leaf(root(), SERVER_NAME, key="rsa1024"))),
    "bad_signature": ("bad_certificate", lambda: served(_altered())),
    "not_a_ca": ("bad_certificate", lambda: served(make_leaf(_no_ca(), SERVER_NAME), _no_ca())),
}


def _with_root(authority: Issued) -> tuple[Issued, Issued]:
    return make_leaf(authority, SERVER_NAME), authority


def _with_a_gap() -> tuple[Issued, Issued]:
    """A leaf and the authority above the one that issued it."""
    upper = make_ca("Upper", root())
    return make_leaf(make_ca("Lower", upper), SERVER_NAME), upper


def _altered() -> Issued:
    """A leaf whose signature has one bit flipped."""
    issued = make_leaf(root(), SERVER_NAME)
    der = issued.der[:-1] + bytes((issued.der[-1] ^ 1,))
    return replace(issued, certificate=x509.load_der_x509_certificate(der))


def _no_ca() -> Issued:
    return make_leaf(root(), "not.an.authority.example.org", number=7)


@pytest.mark.parametrize(
    ("reason", "alert", "make"), [(r, a, m) for r, (a, m) in REFUSED.items()], ids=REFUSED
)
def test_a_chain_that_is_not_acceptable_is_refused(reason: str, alert: str, make: Make) -> None:
    """A client that rejects a chain says why to its user, and what it may to the server."""
    pair = make()
    playbook = pair.run_to_failure()
    assert isinstance(pair.client.error, CertificateRejected), pair.client.error
    assert (pair.client.error.reason, pair.client.error.alert.name) == (reason.split("_of_")[0], alert)
    assert playbook[-1] == f"client > alert:{alert}"
    assert isinstance(pair.server.error, AlertReceived)
    assert pair.server.error.alert.name == alert
    assert not [event for event in pair.client.events if isinstance(event, HandshakeCompleted)]


def test_a_chain_is_judged_after_its_key_has_been_proved() -> None:
    """The client looks at the chain when CertificateVerify has shown that the key is there."""
    pair = REFUSED["expired"][1]()
    pair.run_to_failure()
    assert isinstance(pair.client.error, CertificateRejected)
    assert pair.client.error.state == "WAIT_CV"


def test_a_self_signed_certificate_in_the_store_is_accepted() -> None:
    """A development certificate that was put in the trust store is an anchor of its own."""
    own = make_leaf(None, SERVER_NAME, number=9)
    pair = Pair(
        client_config(trust=load_trust(own.der)),
        server_config(credentials=Credential.load(own.der, own.key)),
    )
    pair.run()
    assert pair.client.event(HandshakeCompleted).negotiated.verified.path == (own.der,)


def test_certificates_may_come_in_any_order_after_the_first() -> None:
    """Extraneous certificates and arbitrary orderings are handled, the leaf first (RFC 9846 §4.5.1)."""
    upper = make_ca("Upper", root())
    lower = make_ca("Lower", upper)
    end = make_leaf(lower, SERVER_NAME)
    pair = served(end, upper, make_ca("Stray"), lower)
    pair.run()
    verified = pair.client.event(HandshakeCompleted).negotiated.verified
    assert verified.path == (end.der, lower.der, upper.der, root().der)


def test_the_clock_of_the_config_decides_about_validity() -> None:
    """Validity is judged at the time the config's clock tells, and no other."""
    pair = Pair(client_config(clock=lambda: NOW + 61 * DAY))
    pair.run_to_failure()
    assert isinstance(pair.client.error, CertificateRejected) and pair.client.error.reason == "expired"
