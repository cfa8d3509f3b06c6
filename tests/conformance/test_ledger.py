"""Clause -> raise site -> test: nothing in the engine refuses a peer without a test that makes it do so."""

from __future__ import annotations

from tests.conformance.ledger import reached, sites
from tests.conformance.refusal import all_refusals

UNREACHABLE: dict[str, str] = {}
"""Places that no peer can reach, by file and function, with the reason why there is a check all the same."""

ALERTS = frozenset(
    [
        "close_notify",
        "unexpected_message",
        "bad_record_mac",
        "record_overflow",
        "handshake_failure",
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "illegal_parameter",
        "unknown_ca",
        "access_denied",
        "decode_error",
        "decrypt_error",
        "protocol_version",
        "insufficient_security",
        "internal_error",
        "inappropriate_fallback",
        "user_canceled",
        "missing_extension",
        "unsupported_extension",
        "unrecognized_name",
        "bad_certificate_status_response",
        "unknown_psk_identity",
        "certificate_required",
        "general_error",
        "no_application_protocol",
    ]
)
"""AlertDescription as RFC 9846 §6 has it."""

NOT_SENT = {
    "close_notify": "a closure alert (tests/flows/test_closure.py)",
    "user_canceled": "a closure alert (tests/flows/test_closure.py)",
    "internal_error": "no peer's doing (tests/flows/test_questions.py)",
    "certificate_revoked": "revocation is not checked yet",
    "bad_certificate_status_response": "stapled OCSP responses are not asked for yet",
    "unknown_psk_identity": "a PSK that is not known means a full handshake; who knows which are is not told",
    "access_denied": "for applications",
    "general_error": "a more specific alert is always at hand",
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
    assert ALERTS - sent - IN_CHAINS == set(NOT_SENT)
    assert sent <= ALERTS
