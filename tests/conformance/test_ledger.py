"""Clause -> raise site -> test: nothing in the engine refuses a peer without a test that makes it do so."""

from __future__ import annotations

from lucidtls.alerts import ALERTS
from tests.conformance.ledger import reached, sites
from tests.conformance.refusal import all_refusals

UNREACHABLE: dict[str, str] = {}
"""Places that no peer can reach, by file and function, with the reason why there is a check all the same."""

NOT_SENT = {
    "close_notify": "a closure alert (tests/flows/test_closure.py)",
    "user_canceled": "a closure alert (tests/flows/test_closure.py)",
    "internal_error": "no peer's doing (tests/flows/test_questions.py)",
    "certificate_revoked": "revocation is not checked yet",
    "bad_certificate_status_response": "stapled OCSP responses are not asked for yet",
    "unknown_psk_identity": "PSKs are not offered or accepted yet",
    "inappropriate_fallback": "TLS 1.2 is not spoken yet",
    "no_renegotiation": "TLS 1.2 is not spoken yet",
    "insufficient_security": "handshake_failure is sent in its place, as §4.2.1 allows",
    "access_denied": "for applications",
    "general_error": "a more specific alert is always at hand",
    "ech_required": "Encrypted Client Hello is not spoken yet",
    "decryption_failed": "withdrawn after TLS 1.0; named when a peer sends it",
    "decompression_failure": "withdrawn with TLS 1.3; named when a peer sends it",
    "no_certificate": "withdrawn after SSL 3.0; named when a peer sends it",
    "export_restriction": "withdrawn after TLS 1.0; named when a peer sends it",
    "certificate_unobtainable": "withdrawn with TLS 1.3; named when a peer sends it",
    "bad_certificate_hash_value": "withdrawn with TLS 1.3; named when a peer sends it",
}
"""Alerts that no refusal sends, and why."""

IN_CHAINS = {
    "certificate_expired",
    "certificate_unknown",
    "unknown_ca",
    "bad_certificate",
    "unsupported_certificate",
}
"""Alerts about chains: tests/flows/test_certificates.py."""


def test_every_place_that_refuses_a_peer_is_reached_by_an_attack() -> None:
    """Each check of RFC 9846 that the engine makes is provoked by a peer that breaks the rule."""
    missing = sorted(sites() - reached().keys())
    listed = [str(site) for site in missing if f"{site.path} {site.function}" not in UNREACHABLE]
    assert listed == [], "\n".join(listed)


def test_every_place_is_known() -> None:
    """The ledger finds the engine's checks: there are more than a hundred."""
    assert len(sites()) > 100


def test_every_alert_is_sent_by_some_refusal_or_accounted_for() -> None:
    """Every alert of RFC 9846 §6.2 is sent where the RFC says so, or there is a reason why it never is."""
    sent = {row.alert for row in all_refusals()}
    names = {alert.name for alert in ALERTS.values()}
    assert names - sent - IN_CHAINS == set(NOT_SENT)
